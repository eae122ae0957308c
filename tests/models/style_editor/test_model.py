"""The style-conditioned InstructPix2Pix, in ComfyUI and as plain PyTorch: the same model."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.style_editor.attention import StyleAttention
from interactive_action.models.style_editor.extend import ATTENTION, CONV_IN, extend_checkpoint
from interactive_action.models.style_editor.single_file import load_editor
from interactive_action.tests.models.style_editor.conftest import plain_state


def comfy_noise(model, z_t, t, concat, context):
    """The noise that a MODEL of ComfyUI predicts, in the trainers' terms."""
    from comfy import model_management

    with torch.inference_mode():
        model_management.load_models_gpu([model])
        sigma = model.model.model_sampling.sigmas[t].view(-1, 1, 1, 1)
        x = z_t * (sigma**2 + 1).sqrt()
        denoised = model.model.apply_model(x, sigma.flatten(), c_concat=concat, c_crossattn=context)
    return (x - denoised) / sigma


def test_extended_it_draws_what_the_plain_model_does(load, inputs):
    z_t, t, image, style, context = inputs
    plain = comfy_noise(load("plain")[0], z_t, t, image, context)
    with_style = comfy_noise(load("extended")[0], z_t, t, torch.cat([image, style], 1), context)
    assert torch.allclose(with_style, plain, rtol=0, atol=1e-6)
    assert not torch.allclose(comfy_noise(load("plain")[0], z_t, t, 0 * image, context), plain, atol=1e-3)


def test_taught_it_looks_at_the_style(load, inputs):
    z_t, t, image, style, context = inputs
    with_style, without = (
        comfy_noise(load("taught")[0], z_t, t, torch.cat([image, other], 1), context) for other in (style, 0 * style)
    )
    assert not torch.allclose(with_style, without, atol=1e-2)


@pytest.mark.parametrize("name", ["taught", "velocity"])
def test_comfyui_and_plain_pytorch_predict_the_same_noise(files, load, inputs, name):
    z_t, t, image, style, context = inputs
    editor = load_editor(files[name])
    with torch.no_grad():
        ours = editor.model(z_t, t, context, image, style)
        assert torch.equal(editor.model(z_t, t, context, image), editor.model(z_t, t, context, image, 0 * style))
    assert torch.allclose(
        ours, comfy_noise(load(name)[0], z_t, t, torch.cat([image, style], 1), context), rtol=0, atol=1e-4
    )


def test_comfyui_and_plain_pytorch_encode_and_decode_the_same(files, load):
    editor, (_, clip, vae) = load_editor(files["taught"]), load("taught")
    images = torch.rand(2, 96, 96, 3, generator=torch.Generator().manual_seed(0))
    prompts = ["turn the cup red", ""]
    latents = editor.encode_images(images)
    with torch.inference_mode():
        assert torch.allclose(latents, vae.encode(images), rtol=0, atol=1e-4)
        assert torch.allclose(editor.decode_latents(0.18215 * latents), vae.decode(latents), rtol=0, atol=1e-4)
        contexts = torch.cat([clip.encode_from_tokens(clip.tokenize(prompt)) for prompt in prompts])
    assert torch.allclose(editor.encode_prompts(prompts), contexts, rtol=0, atol=1e-4)


def test_a_network_that_predicts_v_gives_the_noise_that_v_and_the_noisy_latents_hold(files, inputs):
    z_t, t, image, style, context = inputs
    noise, velocity = (load_editor(files[name]) for name in ("taught", "velocity"))
    with torch.no_grad():
        v, found = (editor.model(z_t, t, context, image, style) for editor in (noise, velocity))
    signal = noise.alphas_cumprod[t].view(-1, 1, 1, 1)
    z_0 = signal.sqrt() * z_t - (1 - signal).sqrt() * v
    assert torch.allclose(signal.sqrt() * z_0 + (1 - signal).sqrt() * found, z_t, rtol=0, atol=1e-4)


def test_every_new_weight_can_be_learned(inputs):
    """Not one of them waits for another to leave zero, for longer than a step."""
    *_, image, style, context = inputs
    attention = StyleAttention.untrained(128, 64)
    for _ in range(2):
        out = attention(torch.cat([image, style], 1), context).pow(2).sum()
        attention.zero_grad()
        out.backward()
        with torch.no_grad():
            for parameter in attention.parameters():
                parameter -= 1e-6 * parameter.grad
    assert all(parameter.grad.abs().sum() > 0 for parameter in attention.parameters())


def test_the_attention_is_what_the_paper_says(inputs):
    """Worked by hand for one place: softmax of its query with the words' keys, their values in that mixture."""
    *_, image, style, context = inputs
    attention = StyleAttention.untrained(128, 64)
    torch.nn.init.normal_(attention.to_out.weight, generator=torch.Generator().manual_seed(0))
    latents = torch.cat([image, style], 1)
    out = attention(latents, context)
    assert out.shape == latents.shape
    place = latents[1, :, 3, 7]
    query, keys, values = attention.to_q(place), attention.to_k(context[1]), attention.to_v(context[1])
    heads = []
    for head in range(8):
        part = slice(8 * head, 8 * head + 8)
        mixture = torch.softmax(keys[:, part] @ query[part] / 8**0.5, 0)
        heads.append(mixture @ values[:, part])
    expected = place + attention.to_out(torch.cat(heads))
    assert torch.allclose(out[1, :, 3, 7], expected, atol=1e-5)


def test_a_saved_editor_comes_back_and_loads_in_comfyui(files, tmp_path, inputs):
    import comfy.sd

    z_t, t, image, style, context = inputs
    editor = load_editor(files["extended"])
    with torch.no_grad():
        editor.model.style_attention.to_out.bias += 0.1
        editor.model.unet.conv_in.weight[:, 8:] += 0.01
        expected = editor.model(z_t, t, context, image, style)
    editor.save(tmp_path / "taught.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["taught.safetensors"]
    again = load_editor(tmp_path / "taught.safetensors")
    with torch.no_grad():
        assert torch.equal(again.model(z_t, t, context, image, style), expected)
    with torch.inference_mode():
        model = comfy.sd.load_checkpoint_guess_config(str(tmp_path / "taught.safetensors"))[0]
    assert torch.allclose(
        comfy_noise(model, z_t, t, torch.cat([image, style], 1), context), expected, rtol=0, atol=1e-4
    )


def test_extending_keeps_every_other_weight_and_the_precision_and_drops_averages():
    state = {key: value.half() if value.is_floating_point() else value for key, value in plain_state().items()}
    found = extend_checkpoint({**state, "model_ema.decay": torch.zeros(1)})
    assert found.keys() == state.keys() | {f"{ATTENTION}{name}" for name in StyleAttention(8, 8).state_dict()}
    assert all(torch.equal(found[key], value) for key, value in state.items() if key != CONV_IN)
    assert torch.equal(found[CONV_IN][:, :8], state[CONV_IN])
    assert not found[CONV_IN][:, 8:].any()
    assert {value.dtype for key, value in found.items() if key.startswith(ATTENTION)} == {torch.float16}


@pytest.mark.parametrize(
    ("channels", "sentence"),
    [
        (4, "takes 4 input channels: it draws from text alone"),
        (9, "inpainting"),
        (12, "a style image already"),
        (5, "takes 5 input channels. Instruct"),
    ],
)
def test_another_number_of_channels_is_told(channels, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        extend_checkpoint({CONV_IN: torch.zeros(64, channels, 3, 3), "cond_stage_model.transformer.x": torch.zeros(1)})


def test_another_kind_of_file_is_told(files):
    with pytest.raises(InteractiveActionError, match="not an SD 1.x checkpoint"):
        extend_checkpoint({CONV_IN: torch.zeros(320, 8, 3, 3)})
    with pytest.raises(InteractiveActionError, match="8 input channels, not 12"):
        load_editor(files["plain"])
