"""FLUX.1, SD 3.5 and Z-Image in ComfyUI and in diffusers, on the same weights: one velocity, one loss, one gradient."""

import functools
import json
from types import SimpleNamespace

import pytest
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_engine import engine_for
from interactive_action.models.diffusers_folder import PIPELINES, family_of_folder, load_transformer_folder
from interactive_action.models.diffusers_transformer import DiffusersTransformerEngine
from interactive_action.models.language_encoders import LanguageEncoder
from interactive_action.models.text_encoders import TextEncoder
from interactive_action.tests.models.tiny_transformers import ENCODERS, WIDTH, loaded, randomize
from interactive_action.trainers.interactive_action import InteractiveActionConfig, interactive_action
from interactive_action.trainers.loop import step_generator
from interactive_action.trainers.train import load_engine

TEMPLATE = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"  # Qwen3's for one turn of a conversation


def flux1():
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(
        num_layers=1,
        num_single_layers=1,
        num_attention_heads=1,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=64,
        guidance_embeds=True,
    )


def sd3():
    from diffusers import SD3Transformer2DModel

    return SD3Transformer2DModel(
        num_layers=2,
        num_attention_heads=2,
        joint_attention_dim=4096,
        caption_projection_dim=128,
        pooled_projection_dim=128,
        pos_embed_max_size=8,
        qk_norm="rms_norm",
        dual_attention_layers=(0,),
    )


def z_image():
    """With a time embedding as wide as ComfyUI makes it for so small a model."""
    from diffusers import ZImageTransformer2DModel
    from diffusers.models.transformers.transformer_z_image import TimestepEmbedder

    transformer = ZImageTransformer2DModel(dim=384, n_layers=1, n_heads=3, n_kv_heads=3, cap_feat_dim=WIDTH)
    transformer.t_embedder = TimestepEmbedder(256, mid_size=384)
    return transformer


FAMILIES = {"flux1": (flux1, {}), "sd3": (sd3, {}), "z-image": (z_image, {"dim": 384, "heads": 3, "refiners": 2})}


def transformers_encoders(family, clip):
    """transformers' text encoders with the weights and tokenizers of ComfyUI's."""
    import transformers

    encoders, penultimate = {}, family == "sd3"
    for name, part in clip.cond_stage_model.named_children():
        state, tokenizer = part.transformer.state_dict(), getattr(clip.tokenizer, name).tokenizer
        config = {**ENCODERS[name]}
        if name.startswith("clip_"):
            shape = transformers.CLIPTextConfig(
                **config,
                projection_dim=64,
                hidden_act="quick_gelu" if name == "clip_l" else "gelu",
                eos_token_id=49407,
                pad_token_id=1,
            )
            kind = transformers.CLIPTextModelWithProjection if penultimate else transformers.CLIPTextModel
            model = kind(shape)
            if penultimate and name == "clip_l":  # SD 3 has no projection of CLIP-L's; diffusers' is the identity
                state["text_projection.weight"] = torch.eye(64)
            tokenizer = with_padding(tokenizer, 49407 if name == "clip_l" else 0)
            encoders[name] = TextEncoder(model, tokenizer, penultimate)
        elif name == "t5xxl":
            changes = {"d_model": 4096, "num_layers": 1} if penultimate else {}
            shape = transformers.T5Config(
                **{**config, **changes}, vocab_size=32128, feed_forward_proj="gated-gelu", tie_word_embeddings=False
            )
            with torch.device("meta"):  # SD 3's table has half a gigabyte, and is a window on few numbers
                model = transformers.T5EncoderModel(shape)
            model.load_state_dict(state, strict=False, assign=True)
            model.encoder.embed_tokens = model.shared
            encoders[name] = LanguageEncoder(model, tokenizer, minimum=16)
        else:
            shape = transformers.Qwen3Config(**config, vocab_size=151936, head_dim=128, rope_theta=1e6)
            model = transformers.Qwen3Model(shape)
            state = {key.removeprefix("model."): value for key, value in state.items()}
            encoders[name] = LanguageEncoder(model, tokenizer, TEMPLATE, layer=-2)
        known = model.state_dict().keys()  # transformers 5 has left the prefix of CLIP's names out
        state = {key if key in known else key.removeprefix("text_model."): value for key, value in state.items()}
        missing, _ = model.load_state_dict(state, strict=False)
        assert not [key for key in missing if "position_ids" not in key and key != "encoder.embed_tokens.weight"]
    return encoders


def with_padding(tokenizer, pad):
    """ComfyUI pads by itself, transformers' tokenizer is asked."""
    import copy

    padded = copy.deepcopy(tokenizer)
    padded.pad_token = padded.convert_ids_to_tokens(pad)
    return padded


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request):
    """(family, ComfyUI's parts, what makes diffusers' engine) of each family in turn."""
    return request.param, *engines(request.param)


def engines(family):
    """(ComfyUI's parts, what makes diffusers' engine) of one family."""
    from comfy.model_detection import convert_diffusers_mmdit
    from diffusers import AutoencoderTiny

    make, sizes = FAMILIES[family]
    model, clip, vae = loaded(family, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        transformer = make().eval()
        randomize(transformer)
    state = {key: value.clone() for key, value in transformer.state_dict().items()}
    missing, unexpected = model.model.diffusion_model.load_state_dict(convert_diffusers_mmdit(state), strict=False)
    assert not missing
    assert not unexpected
    sigmas = model.model.model_sampling.sigmas
    sigmas = sigmas[len(sigmas) // 1000 - 1 :: len(sigmas) // 1000]
    encoders = transformers_encoders(family, clip)
    oracle = functools.partial(
        DiffusersTransformerEngine, family, transformer, encoders, lambda: AutoencoderTiny(latent_channels=16), sigmas
    )
    return (model, clip, vae), oracle


def relative(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.fixture(scope="module")
def small_dataset():
    images = torch.rand(2, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    prompts = (("a frog <v*> a red cup",), ("a photo of a frog <v*> a ball",))
    return InteractionDataset(images, prompts, tuple((p.replace("<v*>", "and"),) for (p,) in prompts))


def test_both_engines_read_the_same_row_and_see_the_same_velocity(pair):
    _, parts, oracle = pair
    with engine_for(*parts) as comfy, oracle() as diffusers, torch.no_grad():
        assert torch.allclose(comfy.word_vectors("picking up"), diffusers.word_vectors("picking up"))
        assert comfy.units == pytest.approx(diffusers.units)
        v = comfy.word_vectors("handling").mean(0).repeat(2, 1)
        z_t = torch.randn(2, 16, 4, 6, generator=torch.Generator().manual_seed(2))
        for prompts in (["a frog <v*> a red cup"] * 2, ["a cup", "a photo of a frog <v*>"]):
            contexts = [engine.encode_prompts(prompts, v) for engine in (comfy, diffusers)]
            for ours, theirs in zip(*(context.rows for context in contexts)):
                assert relative(ours["cond"], theirs["cond"]) < 1e-5
                if "pooled_output" in ours:
                    assert relative(ours["pooled_output"], theirs["pooled_output"]) < 1e-5
            t = torch.tensor([999, 300])
            one, other = (
                engine.predict_noise(z_t, t, context) for engine, context in zip((comfy, diffusers), contexts)
            )
            assert relative(one, other) < 1e-5


@pytest.mark.parametrize("checkpointing", [False, True])
def test_both_engines_give_the_same_loss_and_the_same_gradient(pair, checkpointing, small_dataset):
    _, parts, oracle = pair
    config, results = InteractiveActionConfig(steering_words=("holding", "playing with"), lambda_steer=0.1), []
    with engine_for(*parts, checkpointing) as comfy, oracle(gradient_checkpointing=checkpointing) as diffusers:
        diffusers.encode_images = comfy.encode_images  # autoencoders are compared elsewhere
        for engine in (comfy, diffusers):
            objective = interactive_action(engine, small_dataset, config)
            parameters = torch.nn.Parameter(objective.trainable.initial() + 0.001)
            results.append(objective.gradient(parameters, step_generator(3, 0)))
    (ours, of_ours, _), (theirs, of_theirs, _) = results
    for name, value in ours.items():
        assert value.item() == pytest.approx(theirs[name].item(), rel=1e-4), name
    assert of_theirs.norm() > 0
    assert relative(of_ours, of_theirs) < 1e-4


@pytest.mark.parametrize("pair", ["flux1", "z-image"], indirect=True)  # SD 3's T5 would fill half a gigabyte
def test_a_folder_that_diffusers_saved_is_the_same_model(pair, tmp_path, monkeypatch):
    from diffusers.models.transformers.transformer_z_image import TimestepEmbedder

    family, parts, oracle = pair
    with oracle() as engine:
        if family == "z-image":  # no folder can say that it is smaller
            monkeypatch.setattr(engine.unet, "t_embedder", TimestepEmbedder(256, mid_size=1024))
        save(engine, tmp_path)
        assert family_of_folder(tmp_path) == family
        run = SimpleNamespace(model=str(tmp_path), device="cpu", dtype="float32", gradient_checkpointing=True)
        with load_engine(run) as loaded_again, torch.no_grad():
            for encoder in (*engine._encoders.values(), *loaded_again._encoders.values()):
                encoder.minimum = 16  # ComfyUI's minimum is for large models
            z_t, t = torch.randn(1, 16, 4, 6, generator=torch.Generator().manual_seed(2)), torch.tensor([600])
            v = engine.word_vectors("handling").mean(0, keepdim=True)
            prompt = ["a frog <v*> a red cup"]
            one, other = (e.predict_noise(z_t, t, e.encode_prompts(prompt, v)) for e in (engine, loaded_again))
            assert torch.allclose(one, other, atol=1e-6)
            levels = parts[0].model.model_sampling.sigmas.cpu()
            assert torch.allclose(loaded_again.schedule.sigmas, levels[len(levels) // 1000 - 1 :: len(levels) // 1000])


def save(engine, folder):
    """As a pipeline's ``save_pretrained`` does."""
    import diffusers

    name = {family: pipeline for pipeline, family in PIPELINES.items()}[engine.family]
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}))
    engine.unet.save_pretrained(folder / "transformer")
    engine._load_autoencoder().save_pretrained(folder / "vae")
    diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(folder / "scheduler")
    for number, encoder in enumerate(engine._encoders.values(), 1):
        suffix = f"_{number}" if number > 1 else ""
        encoder.model.save_pretrained(folder / f"text_encoder{suffix}")
        encoder.tokenizer.save_pretrained(folder / f"tokenizer{suffix}")


def test_a_folder_without_its_parts_is_refused(tmp_path):
    with pytest.raises(InteractiveActionError, match="model_index.json must name one of FluxPipeline"):
        load_transformer_folder(tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": "ZImagePipeline"}')
    with pytest.raises(InteractiveActionError, match="has no folder transformer, vae, scheduler"):
        load_transformer_folder(tmp_path)


def test_text_encoders_of_another_family_are_refused(pair):
    family, _, oracle = pair
    _, transformer, encoders, autoencoder, sigmas = oracle.args
    other = "z-image" if family == "flux1" else "flux1"
    with pytest.raises(InteractiveActionError, match=f"The text encoders are .*a model of the family {other} has"):
        DiffusersTransformerEngine(other, transformer, encoders, autoencoder, sigmas)
