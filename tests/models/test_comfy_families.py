"""Wrong pairings of MODEL, CLIP and token are answered with a sentence that says what to do."""

from types import SimpleNamespace

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_engine import engine_for
from interactive_action.models.comfy_families import distilled
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.tests.models.tiny_transformers import flux1, shared, z_image
from interactive_action.tokens.token import ENCODERS, FAMILY, InteractiveToken
from interactive_action.trainers.action_different import ActionDifferent
from interactive_action.trainers.adi import ADIConfig, ADIObjective
from interactive_action.trainers.custom_diffusion import CustomDiffusionConfig, custom_diffusion
from interactive_action.trainers.dreambooth import DreamBoothConfig, dreambooth
from interactive_action.trainers.p_plus import PPlusConfig, p_plus


@pytest.fixture(scope="module")
def small_dataset():
    images = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    return InteractionDataset(images, (("a frog <v*> a cup",),) * 2, (("a frog and a cup",),) * 2)


def token(family, width=32, **facts):
    provenance = {FAMILY: family, ENCODERS: "qwen3_4b", **facts} if family else facts
    return InteractiveToken("lift", torch.zeros(1, width), provenance)


def test_a_token_of_another_family_is_refused_although_its_width_agrees():
    clips = {name: shared(name)[1] for name in ("z-image", "flux2")}
    for name, clip in clips.items():
        assert add_tokens(clip, [token(name)]) is not clip
    with pytest.raises(InteractiveActionError, match="<lift> was learned on Z-Image, and this CLIP is one of FLUX.2"):
        add_tokens(clips["flux2"], [token("z-image")])
    with pytest.raises(InteractiveActionError, match="learned on FLUX.2, .* Load MODEL and CLIP of the family"):
        add_tokens(clips["z-image"], [token("flux2")])


def test_a_transformers_token_is_refused_by_stable_diffusion_although_its_width_agrees(checkpoint):
    with pytest.raises(InteractiveActionError, match="learned on Z-Image, and this CLIP is one of Stable Diffusion"):
        add_tokens(checkpoint[1], [token("z-image", width=128)])


def test_a_token_without_a_family_is_taken_by_its_width():
    assert add_tokens(shared("z-image")[1], [token("")]) is not None
    with pytest.raises(InteractiveActionError, match="text encoders of width 31, and this CLIP has width 32"):
        add_tokens(shared("z-image")[1], [token("", width=31)])


def test_a_token_for_fewer_encoders_is_refused():
    with pytest.raises(InteractiveActionError, match=r"of width 64, and this CLIP has width 64 \+ 32"):
        add_tokens(shared("flux1")[1], [token("", width=64)])


def test_a_layer_wise_token_is_refused_by_a_transformers_clip():
    layered = InteractiveToken("lift", torch.zeros(7, 1, 32))
    with pytest.raises(InteractiveActionError, match="Z-Image has joint attention.*Train a plain token"):
        add_tokens(shared("z-image")[1], [layered])


def test_a_clip_of_another_family_is_refused_with_how_to_load_the_right_one(checkpoint):
    model, _, vae = shared("z-image")
    with pytest.raises(
        InteractiveActionError,
        match="MODEL is a Z-Image, and this CLIP is one of FLUX.2. Load qwen_3_4b with CLIPLoader",
    ):
        engine_for(model, shared("flux2")[1], vae)
    with pytest.raises(InteractiveActionError, match="MODEL is a Z-Image, and this CLIP is a CompactClip"):
        engine_for(model, checkpoint[1], vae)
    with pytest.raises(InteractiveActionError, match="FLUX.1, .* Load clip_l and t5xxl with DualCLIPLoader"):
        engine_for(shared("flux1")[0], shared("z-image")[1], vae)


def test_a_transformers_clip_is_refused_by_a_u_net(checkpoint):
    model, _, vae = checkpoint
    with pytest.raises(InteractiveActionError, match="this CLIP is a .*Connect the CLIP of the MODEL's checkpoint"):
        engine_for(model, shared("flux1")[1], vae)


class GGMLTensor(torch.Tensor):
    """Weights as another pack loads them from .gguf files: of a class that neither torch nor ComfyUI has."""


@pytest.mark.parametrize("part", ["MODEL", "CLIP"])
def test_weights_without_a_gradient_are_refused(monkeypatch, part):
    model, clip, vae = shared("z-image")
    owner = (
        model.model.diffusion_model.x_embedder
        if part == "MODEL"
        else clip.cond_stage_model.qwen3_4b.transformer.model.norm
    )
    monkeypatch.setitem(owner._parameters, "weight", owner.weight.detach().as_subclass(GGMLTensor))
    with pytest.raises(InteractiveActionError, match=f"of this {part} are in a form .*GGMLTensor.*.safetensors file"):
        engine_for(model, clip, vae)


def test_layer_wise_tokens_and_weights_of_cross_attention_are_refused_with_what_works(small_dataset):
    others = ActionDifferent.in_order(1 - small_dataset.images, 2)
    with engine_for(*shared("z-image")) as engine:
        for build in (
            lambda: p_plus(engine, small_dataset, PPlusConfig()),
            lambda: ADIObjective(engine, small_dataset, ADIConfig(), others),
        ):
            with pytest.raises(InteractiveActionError, match="joint attention.*Turn layer-wise off in Train ADI, or"):
                build()
        for build in (
            lambda: custom_diffusion(engine, small_dataset, CustomDiffusionConfig(initializer_token="handling")),
            lambda: dreambooth(engine, small_dataset, DreamBoothConfig(rank=0)),
        ):
            with pytest.raises(
                InteractiveActionError, match="Z-Image has joint attention.*Train Interactive Token, or a"
            ):
                build()


def test_distilled_models_are_told_apart_where_their_shapes_do():
    schnell, dev, base = (SimpleNamespace(model_config=config) for config, _ in (flux1(False), flux1(), z_image()))
    assert "schnell, which is distilled to few steps" in distilled(schnell)
    assert "trained here with guidance 1.0" in distilled(dev)
    assert distilled(base) == ""


def test_another_family_is_refused_by_name(checkpoint):
    import comfy.supported_models

    _, clip, vae = checkpoint
    for name in ("QwenImage", "FluxInpaint", "ZImagePixelSpace"):
        network = SimpleNamespace(
            diffusion_model=torch.nn.Linear(1, 1),
            model_config=object.__new__(getattr(comfy.supported_models, name)),
        )
        with pytest.raises(InteractiveActionError, match=f"Z-Image and Krea 2, and this MODEL is a {name}. Load one"):
            engine_for(SimpleNamespace(model=network), clip, vae)
