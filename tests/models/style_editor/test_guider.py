"""The guider in ComfyUI's own samplers, against the equation written out with a call for each prediction."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.style_editor.guidance import fit_mask


@pytest.fixture(scope="module")
def graph(load):
    """model, positive, negative as the nodes before the guider give them, for images of different sizes."""
    from interactive_action.nodes.extend_editor import EditConditioning

    model, clip, vae = load("taught")
    draw = torch.Generator().manual_seed(3)
    image, style = torch.rand(1, 64, 70, 3, generator=draw), torch.rand(1, 40, 100, 3, generator=draw)
    with torch.inference_mode():
        positive, negative = (clip.encode_from_tokens_scheduled(clip.tokenize(text)) for text in ("a red cup", ""))
        positive, negative, latent = EditConditioning.execute(positive, negative, vae, image, style).result
    assert latent["samples"].shape == (1, 4, 8, 8)
    return model, positive, negative


def guider(model, positive, negative, s_in=1.5, s_sty=3.0, s_T=7.5, mask=None):
    from interactive_action.nodes.three_condition_guider import ThreeConditionGuider

    return ThreeConditionGuider.execute(model, positive, negative, s_in, s_sty, s_T, mask)[0]


def counted(model):
    """A clone of ``model`` and a list that gets the number of rows of each call of the U-Net."""
    calls, model = [], model.clone()
    model.set_model_unet_function_wrapper(
        lambda run, args: calls.append(len(args["input"])) or run(args["input"], args["timestep"], **args["c"])
    )
    return model, calls


def sample(guider, sampler="euler", scheduler="normal", steps=1, batch=1):
    """Latents drawn by stock sampling."""
    import comfy.samplers

    noise = torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    sigmas = comfy.samplers.calculate_sigmas(guider.model_patcher.get_model_object("model_sampling"), scheduler, steps)
    with torch.inference_mode():
        return guider.sample(
            noise, torch.zeros_like(noise), comfy.samplers.sampler_object(sampler), sigmas, disable_pbar=True, seed=0
        )


def slow(guider, s_in=1.5, s_sty=3.0, s_T=7.5, mask=1):
    """``guider`` made to call the U-Net once for each prediction, as Eq. 13 is printed."""
    import comfy.samplers

    def predict_noise(x, timestep, model_options={}, seed=None):  # noqa: B006
        none, image, style, text = (
            comfy.samplers.calc_cond_batch(guider.inner_model, [guider.conds[name]], x, timestep, model_options)[0]
            for name in ("none", "image", "style", "positive")
        )
        return none + s_in * (image - none) + mask * (s_sty * (style - image) + s_T * (text - style))

    guider.predict_noise = predict_noise
    return guider


@pytest.mark.parametrize(("scales", "rows"), [((1.5, 3, 7.5), 4), ((1, 3, 7.5), 3), ((1.5, 3, 0), 3), ((1, 1, 1), 1)])
def test_a_step_is_one_call_with_the_rows_that_are_needed_and_draws_what_four_calls_draw(graph, scales, rows):
    model, calls = counted(graph[0])
    found = sample(guider(model, *graph[1:], *scales))
    assert calls == [rows]
    assert torch.allclose(found, sample(slow(guider(*graph, *scales), *scales)), rtol=1e-3, atol=1e-3)


def test_image_style_and_text_each_change_what_is_drawn(graph):
    full = sample(guider(*graph))
    for less in ((0, 3, 7.5), (1.5, 0, 7.5), (1.5, 3, 0)):
        assert not torch.allclose(sample(guider(*graph, *less)), full, atol=1e-2)


def test_a_mask_limits_style_and_text(graph):
    mask = torch.zeros(1, 48, 48)
    mask[:, :, :24] = 1
    fitted = fit_mask(mask, 1, 8, 8)
    found = sample(guider(*graph, mask=mask))
    assert torch.allclose(found, sample(slow(guider(*graph), mask=fitted)), rtol=1e-3, atol=1e-3)
    outside = sample(guider(*graph, s_sty=0.0, s_T=0.0))
    assert torch.allclose(found[..., 6:], outside[..., 6:], atol=1e-3)
    assert not torch.allclose(found[..., :2], outside[..., :2], atol=1e-2)


@pytest.mark.parametrize(
    ("sampler", "scheduler"),
    [("euler_ancestral", "karras"), ("dpmpp_2m", "exponential"), ("ddim", "ddim_uniform"), ("uni_pc", "simple")],
)
def test_it_works_with_stock_samplers_and_schedulers(graph, sampler, scheduler):
    model, calls = counted(graph[0])
    assert sample(guider(model, *graph[1:]), sampler, scheduler, 2).isfinite().all()
    assert set(calls) == {4}


def test_samplers_that_ask_for_the_unconditional_prediction_get_it(graph):
    """Those of the cfg++ kind, also where the scale would leave it out."""
    model, calls = counted(graph[0])
    latents = sample(guider(model, *graph[1:], 1.0, 3.0, 7.5), "euler_cfg_pp", steps=2)
    assert latents.isfinite().all()
    assert set(calls) == {4}


@pytest.mark.parametrize("batch", [1, 3])
def test_any_batch_goes_round_the_images(graph, batch):
    model, calls = counted(graph[0])
    assert sample(guider(model, *graph[1:]), batch=batch).shape == (batch, 4, 8, 8)
    assert set(calls) == {4 * batch}


def test_a_longer_prompt_is_still_one_call(graph, load):
    model, calls = counted(graph[0])
    clip = load("taught")[1]
    with torch.inference_mode():
        long = clip.encode_from_tokens_scheduled(clip.tokenize("a red cup, " * 60))
    positive = [[long[0][0], {**graph[1][0][1], "pooled_output": None}]]
    assert sample(guider(model, positive, graph[2])).isfinite().all()
    assert set(calls) == {4}


def test_a_lora_changes_the_u_net_and_the_attention_before_it(graph):
    import comfy.sd

    draw = torch.Generator().manual_seed(4)
    lora = {}
    for name, out, wide in (
        ("style_attention_to_out", 8, 64),
        ("input_blocks_1_1_transformer_blocks_0_attn2_to_q", 64, 64),
    ):
        lora[f"lora_unet_{name}.lora_up.weight"] = 0.3 * torch.randn(out, 4, generator=draw)
        lora[f"lora_unet_{name}.lora_down.weight"] = 0.3 * torch.randn(4, wide, generator=draw)
    plain = sample(guider(*graph))
    drawn = []
    for part in ("style_attention", "input_blocks"):
        patched = comfy.sd.load_lora_for_models(
            graph[0], None, {key: value for key, value in lora.items() if part in key}, 1.0, 0.0
        )[0]
        patched, calls = counted(patched)
        drawn.append(sample(guider(patched, *graph[1:])))
        assert set(calls) == {4}
    assert not any(torch.allclose(latents, plain, atol=1e-3) for latents in drawn)
    assert torch.equal(sample(guider(*graph)), plain)


def control_net():
    """ComfyUI's ControlNet for the small model, of random weights."""
    from comfy import controlnet, ops
    from comfy.cldm.cldm import ControlNet

    config = {
        "image_size": 32,
        "in_channels": 4,
        "model_channels": 64,
        "hint_channels": 3,
        "num_res_blocks": [1, 1, 1],
        "channel_mult": [1, 2, 3],
        "transformer_depth": [1, 1, 0],
        "transformer_depth_middle": 1,
        "context_dim": 128,
        "num_head_channels": 32,
        "use_spatial_transformer": True,
        "legacy": False,
        "dtype": torch.float32,
    }
    torch.manual_seed(0)
    model = ControlNet(**config, operations=ops.manual_cast)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return controlnet.ControlNet(model, load_device=torch.device("cpu"))


def test_a_control_net_steers_all_four_in_one_call(graph):
    from nodes import ControlNetApplyAdvanced

    hint = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        positive, negative = ControlNetApplyAdvanced().apply_controlnet(
            graph[1], graph[2], control_net(), hint, 1.0, 0.0, 1.0
        )
    model, calls = counted(graph[0])
    steered = sample(guider(model, positive, negative))
    assert set(calls) == {4}
    assert not torch.allclose(steered, sample(guider(*graph)), atol=1e-3)


def test_hooks_after_guidance_are_run(graph):
    model, seen = graph[0].clone(), []
    model.set_model_sampler_post_cfg_function(lambda args: seen.append(args["cond_scale"]) or 0.5 * args["denoised"])
    latents = sample(guider(model, *graph[1:]))
    assert seen == [7.5]
    assert torch.allclose(latents, 0.5 * sample(guider(*graph)), atol=1e-4)


def test_another_model_is_told(graph, load):
    with pytest.raises(InteractiveActionError, match="takes 8 input channels and no style image; 12 are needed"):
        guider(load("plain")[0], *graph[1:])


def test_another_guidance_on_the_model_is_told(graph):
    model = graph[0].clone()
    model.set_model_sampler_cfg_function(lambda args: args["cond"])
    with pytest.raises(InteractiveActionError, match="another kind of guidance"):
        guider(model, *graph[1:])


def test_conditionings_without_images_are_told(graph):
    bare = [[text, {}] for text, _ in graph[1]]
    with pytest.raises(InteractiveActionError, match="The positive conditioning holds no image and style image"):
        guider(graph[0], bare, graph[2])
    with pytest.raises(InteractiveActionError, match="The negative conditioning"):
        guider(graph[0], graph[1], bare)


def test_an_empty_mask_and_scales_that_mean_nothing_are_told(graph):
    from interactive_action.nodes.three_condition_guider import ThreeConditionGuider

    with pytest.raises(InteractiveActionError, match="The mask is empty"):
        guider(*graph, mask=torch.zeros(1, 64, 64))
    for scale, sentence in ((-1.0, "s_sty is -1: a negative scale"), (float("nan"), "s_sty is nan")):
        with pytest.raises(InteractiveActionError, match=sentence):
            guider(*graph, s_sty=scale)
        assert sentence in ThreeConditionGuider.validate_inputs(s_in=1.5, s_sty=scale, s_T=7.5)
    assert ThreeConditionGuider.validate_inputs(s_in=None, s_sty=0.0, s_T=1.0) is True  # None: comes along a link


def test_images_that_are_none_are_told(graph, load):
    from interactive_action.nodes.extend_editor import EditConditioning

    good, bad = torch.rand(1, 64, 64, 3), torch.full((1, 64, 64, 3), float("nan"))
    for image, style, sentence in (
        (bad, good, "The image holds"),
        (good, bad, "The style image holds"),
        (good.repeat(3, 1, 1, 1), good.repeat(2, 1, 1, 1), "paired"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence), torch.inference_mode():
            EditConditioning.execute(graph[1], graph[2], load("taught")[2], image, style)
