"""SD 2.x and SDXL, small and random: both engines agree on them, and other families are refused."""

import types

import pytest
import torch
from safetensors.torch import save_file

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_engine import ComfyEngine
from interactive_action.models.comfy_layerwise import enable_layerwise_tokens
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.models.diffusers_engine import DiffusersEngine
from interactive_action.models.single_file import SCHEDULE, clip_tokenizer, load_single_file
from interactive_action.tests.models.test_engine_parity import distance
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import step_generator

pytestmark = pytest.mark.slow

FAMILIES = ("sd2", "sd2 v", "sdxl", "sdxl v")
WIDTHS = {"sd2": (128,), "sdxl": (64, 128)}
PROMPTS = ["a robot arm <v*> a red cube", "a photo of a frog <v*> a ball"]


def clip_config(width):
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_attention_heads": width // 64,
        "num_hidden_layers": 3,
    }


def small_checkpoint(family):
    """(MODEL, CLIP, VAE) as ComfyUI makes them, with the family's layout, few channels and random weights."""
    import comfy.sd
    from comfy import model_management, model_patcher, sdxl_clip, supported_models, supported_models_base
    from comfy.text_encoders import sd2_clip

    torch.manual_seed(0)
    name, *v = family.split()
    unet = {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": 64,
        "num_res_blocks": [2] * 3,
        "channel_mult": [1, 2, 2],
        "use_spatial_transformer": True,
        "use_linear_in_transformer": True,
        "context_dim": sum(WIDTHS[name]),
        "dtype": torch.float32,
        "transformer_depth": [1, 1, 1, 1, 0, 0],
        "transformer_depth_middle": 1,
        "transformer_depth_output": [1] * 6 + [0] * 3,
        "adm_in_channels": None,
    }
    if name == "sdxl":
        depths = {
            "transformer_depth": [0, 0, 1, 1, 2, 2],
            "transformer_depth_middle": 2,
            "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
        }
        unet |= depths | {"num_classes": "sequential", "adm_in_channels": 128 + 6 * 256}
    config = {"sd2": supported_models.SD20, "sdxl": supported_models.SDXL}[name](
        unet | {"num_heads": -1, "num_head_channels": 64}
    )
    state = {"v_pred": torch.ones(1)} if v else {}
    if name == "sd2" and v:
        config.model_type = lambda *_: comfy.model_base.ModelType.V_PREDICTION
    model = config.get_model(state)
    if name == "sdxl":
        target = supported_models_base.ClipTarget(sdxl_clip.SDXLTokenizer, sdxl_clip.SDXLClipModel)
        options = {
            f"{part}_model_config": clip_config(width) for part, width in zip(("clip_l", "clip_g"), WIDTHS[name])
        }
    else:
        target = supported_models_base.ClipTarget(sd2_clip.SD2Tokenizer, sd2_clip.SD2ClipModel)
        options = {"clip_h_model_config": clip_config(*WIDTHS[name])}
    clip = comfy.sd.CLIP(target, model_options=options | {"dtype": torch.float32})
    coder = {
        "double_z": True,
        "z_channels": 4,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    autoencoder = comfy.ldm.models.autoencoder.AutoencoderKL(ddconfig=coder, embed_dim=4)
    for part in (model.diffusion_model, clip.cond_stage_model, autoencoder):
        for name, parameter in part.named_parameters():
            scaled = parameter.ndim > 1 and "embedding" not in name
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5 if scaled else 0.3)
            parameter.data += parameter.ndim == 1 and name.endswith("weight")  # a norm's
    vae = comfy.sd.VAE(sd=autoencoder.state_dict(), config={"params": {"ddconfig": coder, "embed_dim": 4}})
    cpu = torch.device("cpu")
    return (
        model_patcher.ModelPatcher(model, load_device=model_management.get_torch_device(), offload_device=cpu),
        clip,
        vae,
    )


@pytest.fixture(scope="module", params=FAMILIES)
def small(request, tmp_path_factory):
    """The checkpoint, ComfyUI's engine on it, and diffusers' on the single file that ComfyUI would save of it."""
    model, clip, vae = small_checkpoint(request.param)
    state = model.state_dict_for_saving(clip.state_dict_for_saving(), vae.get_sd())
    path = tmp_path_factory.mktemp("family") / "small.safetensors"
    save_file({key: value.clone().contiguous() for key, value in state.items()}, path)
    with ComfyEngine(model, clip, vae) as engine:
        yield types.SimpleNamespace(
            family=request.param,
            checkpoint=(model, clip, vae),
            path=path,
            comfy=engine,
            diffusers=load_single_file(path),
        )


@pytest.fixture(scope="module")
def dataset():
    images = torch.rand(2, 64, 128, 3, generator=torch.Generator().manual_seed(0))
    return InteractionDataset(
        images, tuple((prompt,) for prompt in PROMPTS), tuple((prompt.replace("<v*>", "and"),) for prompt in PROMPTS)
    )


def losses(engine, dataset):
    config = InteractiveActionConfig(steering_words=("holding", "playing with"), num_vectors=2, batch_size=2)
    others = ActionDifferent.in_order(1 - dataset.images, 2)
    yield interactive_action(engine, dataset, config)
    yield ADIObjective(engine, dataset, ADIConfig(initializer_token="handling"), others)  # layer-wise


def test_both_engines_give_the_same_loss_and_the_same_gradient(small, dataset):
    for ours, oracle in zip(losses(small.comfy, dataset), losses(small.diffusers, dataset)):
        start = ours.trainable.initial()
        assert torch.equal(start, oracle.trainable.initial())
        results = []
        for loss in (ours, oracle):
            terms, gradient, _ = loss.gradient(torch.nn.Parameter(start + 0.01), step_generator(3, 0))
            results.append((terms["total"].item(), gradient))
        (one, of_one), (other, of_other) = results
        assert one == pytest.approx(other, rel=1e-4)
        assert of_other.norm() > 0
        assert distance(of_one, of_other) < 1e-4
        for part, same in zip(of_one.split(small.comfy.widths, -1), of_other.split(small.comfy.widths, -1)):
            assert part.norm() > 0
            assert distance(part, same) < 1e-3


def test_what_is_trained_is_what_the_stock_nodes_draw_with(small, tmp_path):
    """The noise for a prompt with v* is what MODEL predicts for a CLIP with the saved token, layer-wise or not."""
    engine, (model, clip, _) = small.comfy, small.checkpoint
    z_t, t = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(2)), torch.tensor([700])
    for shape in ((2, engine.width), (engine.layers, 1, engine.width)):
        vectors = 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))
        token = load_token(
            save_token(InteractiveToken("lift", vectors, widths=engine.widths), tmp_path, overwrite=True)
        )
        assert torch.equal(token.vectors, vectors)
        taught = add_tokens(clip, [token])
        with torch.no_grad():
            eps = engine.predict_noise(z_t, t, engine.encode_prompts(["a frog <v*> a ball"], vectors))
            context, pooled = taught.encode_from_tokens(taught.tokenize("a frog <lift> a ball"), return_pooled=True)
            sigma = model.model.model_sampling.sigmas[t]
            more = (
                {"y": model.model.encode_adm(pooled_output=pooled, height=64, width=128)}
                if len(engine.widths) == 2
                else {}
            )
            options = enable_layerwise_tokens(model).model_options["transformer_options"] if len(shape) == 3 else {}
            noisy = z_t * (1 + sigma**2).sqrt()
            x_0 = model.model.apply_model(noisy, sigma, c_crossattn=context, transformer_options=options, **more)
        assert torch.allclose((noisy - x_0) / sigma, eps, atol=1e-4)


def test_the_pooled_text_depends_on_v_and_on_what_follows_it(small):
    if small.family != "sdxl":
        return
    engine = small.diffusers
    vectors = torch.eye(1, engine.width).flip(-1)
    with torch.no_grad():
        one, other, longer = (
            engine.encode_prompts([prompt], v)[0, -1]
            for prompt, v in (
                ("a frog <v*> a ball", vectors),
                ("a frog <v*> a ball", torch.eye(1, engine.width)),
                ("a frog <v*> a ball here", vectors),
            )
        )
    assert not torch.allclose(one, other)
    assert not torch.allclose(one, longer)


def test_a_folder_that_diffusers_saved_is_the_same_model(small, tmp_path):
    import diffusers

    engine = small.diffusers
    for number, encoder in enumerate(engine._encoders):
        suffix = "_2" if number else ""
        encoder.model.save_pretrained(tmp_path / f"text_encoder{suffix}")
        clip_tokenizer(encoder.tokenizer.pad_token).save_pretrained(tmp_path / f"tokenizer{suffix}")
    engine.unet.save_pretrained(tmp_path / "unet")
    engine._load_autoencoder().save_pretrained(tmp_path / "vae")
    kind = "v_prediction" if small.family.endswith("v") else "epsilon"
    diffusers.DDPMScheduler(**SCHEDULE, prediction_type=kind).save_pretrained(tmp_path / "scheduler")
    folder, z_t, t = DiffusersEngine.from_folder(tmp_path), torch.ones(2, 4, 8, 8), torch.tensor([700, 20])
    with torch.no_grad():
        one, other = (engine.predict_noise(z_t, t, engine.encode_prompts(PROMPTS)) for engine in (folder, engine))
    assert torch.allclose(one, other, atol=1e-6)


def test_sdxls_file_is_the_pair_that_comfyui_and_diffusers_expect(tmp_path):
    from comfy.sd1_clip import load_embed
    from diffusers.loaders.textual_inversion import load_textual_inversion_state_dicts
    from safetensors.torch import load_file

    vectors = torch.arange(16.0).reshape(2, 8)
    path = save_token(InteractiveToken("lift", vectors, widths=(3, 5)), tmp_path)
    assert {key: tuple(value.shape) for key, value in load_file(path).items()} == {"clip_l": (2, 3), "clip_g": (2, 5)}
    for key, width, part in (("clip_l", 3, vectors[:, :3]), ("clip_g", 5, vectors[:, 3:])):
        assert torch.equal(load_embed("lift", [str(tmp_path)], width, key), part)
        [state] = load_textual_inversion_state_dicts([{"<lift>": load_file(path)[key]}])
        assert torch.equal(state["<lift>"], part)


def test_a_token_of_one_family_is_refused_by_anothers_clip(small):
    with pytest.raises(InteractiveActionError, match="learned for text encoders of width 7, and this CLIP has width "):
        add_tokens(small.checkpoint[1], [InteractiveToken("lift", torch.zeros(1, 7))])


@pytest.mark.parametrize("family", ["Flux", "PixArtAlpha", "SDXLRefiner"])
def test_another_family_is_refused_by_name(small, family):
    """MODEL as far as it tells its kind; such models are not to be had here."""
    import comfy.model_base
    import comfy.supported_models

    model, clip, vae = small.checkpoint
    network = types.SimpleNamespace(
        diffusion_model=torch.nn.Linear(1, 1),
        latent_format=model.model.latent_format,
        adm_channels=0,
        model_type=comfy.model_base.ModelType.EPS,
        model_config=object.__new__(getattr(comfy.supported_models, family)),
    )
    with pytest.raises(InteractiveActionError, match=f"Z-Image and Krea 2, and this MODEL is a {family}. Load one"):
        ComfyEngine(types.SimpleNamespace(model=network), clip, vae)


def test_a_clip_of_another_family_is_refused_by_name(small, checkpoint):
    model, _, vae = small.checkpoint
    if len(small.comfy.widths) == 2:
        with pytest.raises(
            InteractiveActionError, match="and this CLIP is a CompactClip. Connect the CLIP of the MODEL's checkpoint"
        ):
            ComfyEngine(model, checkpoint[1], vae)
    t5 = types.SimpleNamespace(
        cond_stage_model=torch.nn.ModuleDict({"clip_l": torch.nn.Linear(1, 1), "t5xxl": torch.nn.Linear(1, 1)}),
        tokenizer=None,
    )
    with pytest.raises(InteractiveActionError, match="and this CLIP is a ModuleDict"):
        ComfyEngine(model, t5, vae)
