"""Layer-wise tokens in ComfyUI's own tokenizer, text encoder, U-Net and sampler, on the embedded model."""

import copy

import pytest
import torch

from interactive_action.benchmarks.guidance import SD_1_UNET
from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_layerwise import CHUNK, LayerPatch, cross_attention_layers, enable_layerwise_tokens
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.tests.stock_sampling import encode, sample
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token

PROMPT, NEGATIVE = "a panda <lift> a red ball", "a frog"


@pytest.fixture(scope="module")
def checkpoint():
    import comfy.sd

    from interactive_action.miniature.weights import CHECKPOINT
    from interactive_action.nodes import embedded_models as miniature

    miniature.register()
    with torch.inference_mode():
        return comfy.sd.load_checkpoint_guess_config(str(CHECKPOINT))[:3]


@pytest.fixture(scope="module")
def layers(checkpoint):
    return len(cross_attention_layers(checkpoint[0].model.diffusion_model))


def token(*shape, seed=0):
    return InteractiveToken("lift", 0.5 * torch.randn(*shape, 128, generator=torch.Generator().manual_seed(seed)))


def tied(layers, plain):
    """The layer-wise token that says to every layer what ``plain`` says."""
    return InteractiveToken("lift", plain.vectors.repeat(layers, 1, 1))


def draw(model, positive, negative, seed=0):
    """Two guided steps of stock sampling, and how often the U-Net was called."""
    calls = []
    model = model.clone()
    model.set_model_unet_function_wrapper(
        lambda run, args: calls.append(1) or run(args["input"], args["timestep"], **args["c"])
    )
    return sample(model, positive, negative, seed=seed), len(calls)


def test_sd_1_has_sixteen_layers_down_middle_and_up():
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
    from comfy.ops import disable_weight_init

    config = {**SD_1_UNET, "in_channels": 4, "num_heads": 8}
    layers = cross_attention_layers(UNetModel(**config, device="meta", operations=disable_weight_init))
    assert layers == [
        *((("input", block), 0) for block in (1, 2, 4, 5, 7, 8)),
        (("middle", 0), 0),
        *((("output", block), 0) for block in range(3, 12)),
    ]


def test_each_layer_finds_its_own_chunks_also_when_the_conditioning_is_repeated():
    patch = LayerPatch([(("input", 1), 0), (("output", 2), 0)])
    context = torch.arange(4).repeat_interleave(CHUNK).view(1, -1, 1).float()  # two chunks of two layers
    options = {"block": ("output", 2), "block_index": 0}
    _, key, value = patch(None, context, context + 10, options)
    assert key.flatten().tolist() == [1] * CHUNK + [3] * CHUNK
    assert torch.equal(value, key + 10)
    assert patch(None, context[:, :CHUNK], context[:, :CHUNK], options)[1].shape[1] == CHUNK
    assert patch(None, context, context, {"block": ("input", 9), "block_index": 0})[1] is context


def test_layers_that_say_the_same_draw_the_plain_tokens_image(checkpoint, layers):
    model, clip, _ = checkpoint
    plain = token(2)
    flat, layered = add_tokens(clip, [plain]), add_tokens(clip, [tied(layers, plain)])
    expected, _ = draw(model, encode(flat, PROMPT), encode(flat, NEGATIVE))
    latent, _ = draw(enable_layerwise_tokens(model), encode(layered, PROMPT), encode(layered, NEGATIVE))
    assert torch.allclose(latent, expected, atol=1e-4)


def test_layers_that_differ_draw_another_image(checkpoint, layers):
    model, clip, _ = checkpoint
    taught = add_tokens(clip, [token(layers, 1)])
    first = InteractiveToken("lift", token(layers, 1).vectors[:1].repeat(layers, 1, 1))
    one, _ = draw(enable_layerwise_tokens(model), encode(taught, PROMPT), encode(taught, NEGATIVE))
    other, _ = draw(enable_layerwise_tokens(model), encode(add_tokens(clip, [first]), PROMPT), encode(taught, NEGATIVE))
    assert not torch.allclose(one, other, atol=1e-2)


def test_a_guided_step_costs_one_call_of_the_u_net(checkpoint, layers):
    model, clip, _ = checkpoint
    taught = add_tokens(clip, [token(layers, 1)])
    assert (
        draw(enable_layerwise_tokens(model), encode(taught, PROMPT), encode(taught, NEGATIVE))[1] == 2
    )  # in two steps


def test_clip_skip_and_clones_keep_it(checkpoint, layers):
    model, clip, _ = checkpoint
    plain = token(1)
    latents = []
    for model_, clip_ in (
        (model, add_tokens(clip, [plain])),
        (enable_layerwise_tokens(model).clone(), add_tokens(clip, [tied(layers, plain)]).clone()),
    ):
        clip_ = clip_.clone()
        clip_.clip_layer(-2)
        latents.append(draw(model_, encode(clip_, PROMPT), encode(clip_, NEGATIVE))[0])
    assert torch.allclose(*latents, atol=1e-4)


def test_prompts_beyond_one_chunk_and_of_different_length_work(checkpoint, layers):
    model, clip, _ = checkpoint
    plain, text = token(1), PROMPT + ", a very long floor" * 20
    flat, layered = add_tokens(clip, [plain]), add_tokens(clip, [tied(layers, plain)])
    assert encode(layered, text)[0][0].shape[1] == 2 * layers * CHUNK
    expected, _ = draw(model, encode(flat, text), encode(flat, PROMPT))
    latent, calls = draw(enable_layerwise_tokens(model), encode(layered, text), encode(layered, PROMPT))
    assert torch.allclose(latent, expected, atol=1e-4)
    assert calls == 2


def test_plain_and_layer_wise_tokens_stand_in_one_prompt(checkpoint, layers):
    model, clip, _ = checkpoint
    plain = InteractiveToken("cube", token(1, seed=3).vectors)
    both = add_tokens(add_tokens(clip, [plain]), [token(layers, 2)])
    rows = both.tokenize("a <lift> a <cube>")["l"]
    assert len(rows) == layers
    assert all(torch.equal(row[5][0], plain.vectors[0]) for row in rows)
    assert [torch.equal(row[3][0], token(layers, 2).vectors[index, 1]) for index, row in enumerate(rows)] == [
        True
    ] * layers
    twice = enable_layerwise_tokens(enable_layerwise_tokens(model))
    assert len(twice.model_options["transformer_options"]["patches"]["attn2_patch"]) == 1


def test_ordinary_prompts_draw_what_they_drew(checkpoint):
    model, clip, _ = checkpoint
    expected, _ = draw(model, encode(clip, NEGATIVE), encode(clip, ""))
    assert torch.equal(draw(enable_layerwise_tokens(model), encode(clip, NEGATIVE), encode(clip, ""))[0], expected)


def test_a_layer_wise_file_comes_back_as_it_was_saved(tmp_path):
    saved = InteractiveToken("lift", token(3, 2).vectors, {"interactive_action.action": "lift"})
    loaded = load_token(save_token(saved, tmp_path))
    assert torch.equal(loaded.vectors, saved.vectors)
    assert (loaded.layers, loaded.width, loaded.trigger_word) == (3, 128, "<lift>")
    assert loaded.provenance["interactive_action.action"] == "lift"


def test_comfyui_does_not_take_a_layer_wise_file_for_an_embedding(checkpoint, layers, tmp_path):
    """Even one that was copied to the embeddings changes nothing that is drawn."""
    save_token(token(layers, 1), tmp_path)
    reader = checkpoint[1].clone()
    reader.tokenizer = copy.deepcopy(reader.tokenizer)
    reader.tokenizer.clip_l.embedding_directory = [str(tmp_path)]
    with torch.inference_mode():
        read = reader.encode_from_tokens(reader.tokenize("a panda embedding:lift"))
        plain = reader.encode_from_tokens(reader.tokenize("a panda"))
    assert torch.equal(read, plain)


def test_a_file_whose_shape_is_lost_is_answered_with_a_sentence(tmp_path):
    from safetensors.torch import save_file

    save_file(
        {"interactive_action.layers": torch.zeros(12)},
        tmp_path / "lost.safetensors",
        {"interactive_action.shape": "3,2,4"},
    )
    with pytest.raises(InteractiveActionError, match="holds 12 numbers, and their shape cannot be told"):
        load_token(tmp_path / "lost.safetensors")
