"""The shipped file and its way through ComfyUI's stock loader, compared with diffusers on the same weights."""

import pytest
import torch

from interactive_action.miniature.factory import autoencoder, export
from interactive_action.miniature.factory.base_model import CONTEXT, build, vocabulary
from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.models.compact_vocabulary import TABLE, TABLE_IDS, VOCABULARY_SIZE, expanded_vocabulary
from interactive_action.nodes import embedded_models
from interactive_action.tests.stock_sampling import encode, sample


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A checkpoint of random weights beside the modules it was written from."""
    torch.manual_seed(3)
    unet, text = build()
    small = autoencoder.Autoencoder()
    for weight in small.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    path = tmp_path_factory.mktemp("checkpoint") / "untrained.safetensors"
    state = export.checkpoint_state(unet, text, small, vocabulary().ids)
    export.write(path, state, {"made": "in a test"})
    for module in (unet, text, small):  # the same rounding as in the file
        module.half().float().eval()
    return path, unet, text, small


@pytest.fixture(scope="module")
def loaded(untrained):
    """MODEL, CLIP and VAE from the stock loader."""
    import comfy.sd

    embedded_models.register()
    return comfy.sd.load_checkpoint_guess_config(str(untrained[0]))[:3]


def test_a_thin_autoencoder_equals_itself_padded_with_zeros(untrained):
    small = untrained[3]
    full = autoencoder.Autoencoder(autoencoder.TAESD_WIDTHS, autoencoder.TAESD_BLOCKS)
    full.load_state_dict(autoencoder.padded(small.state_dict()))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        latents = small.encode(images)
        assert torch.allclose(full.encode(images), latents, atol=1e-5)
        assert torch.allclose(full.decode(latents), small.decode(latents), atol=1e-5)


def test_comfyui_and_diffusers_predict_the_same_noise(untrained, loaded):
    unet, model = untrained[1], loaded[0].model
    x, context = torch.randn(2, 4, 12, 12), torch.randn(2, 77, CONTEXT)
    t = torch.tensor([17, 900])
    with torch.no_grad():
        ours = unet(x, t, context).sample
        theirs = model.diffusion_model.float()(x, t, context=context)
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert ours.std() > 0.01


def test_comfyui_and_transformers_encode_the_same_prompt(untrained, loaded):
    text, clip = untrained[2], loaded[1]
    for prompt in ("a close-up of a panda and a red cube in a kitchen", "a zebra"):
        with torch.no_grad():
            ours = text(input_ids=torch.tensor([vocabulary().rows(prompt)])).last_hidden_state
        theirs = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))[0][0]
        assert torch.allclose(ours, theirs.float().cpu(), atol=1e-3)


def test_comfyui_encodes_and_decodes_latents_as_the_unet_sees_them(untrained, loaded):
    small, (model, _, vae) = untrained[3], loaded
    image = torch.rand(1, 32, 32, 3)
    with torch.no_grad():
        ours = small.encode(image.movedim(-1, 1))
        latents = model.model.process_latent_in(vae.encode(image))
        assert torch.allclose(latents.float().cpu(), ours, atol=5e-3)
        decoded = vae.decode(model.model.process_latent_out(ours)).cpu()
        assert torch.allclose(decoded, small.decode(ours).movedim(1, -1).clamp(0, 1), atol=2e-2)


def test_registering_twice_adds_one_class_and_one_folder():
    import folder_paths
    from comfy import supported_models

    embedded_models.register()
    embedded_models.register()
    assert sum(m.__name__ == "CompactSD15" for m in supported_models.models) == 1
    assert folder_paths.get_folder_paths("checkpoints").count(str(embedded_models.FOLDER)) == 1


def test_words_the_model_never_learned_share_one_row():
    rows = torch.arange(6.0).view(3, 2)
    state = expanded_vocabulary({TABLE: rows, TABLE_IDS: torch.tensor([537, 49406])})
    assert state[TABLE].shape == (VOCABULARY_SIZE, 2)
    assert state[TABLE][537].tolist() == [2, 3] and state[TABLE][49406].tolist() == [4, 5]
    assert state[TABLE][1].tolist() == state[TABLE][40000].tolist() == [0, 1]


def test_the_shipped_file_generates_an_image_of_its_prompt_through_comfyui():
    import comfy.sd
    from safetensors import safe_open

    embedded_models.register()
    model, clip, vae = comfy.sd.load_checkpoint_guess_config(str(CHECKPOINT))[:3]
    latents = sample(model, encode(clip, "a woman in the snow"), encode(clip, ""), steps=8)
    image = vae.decode(latents)[0]
    assert image.shape == (96, 96, 3)
    assert image.std() > 0.05
    pink = (image[..., 0] > 0.5) & (image[..., 1] < 0.35) & (image[..., 2] > 0.3)  # nothing else wears her dress
    assert pink.float().mean() > 0.01
    with safe_open(CHECKPOINT, "pt") as file:
        assert file.metadata()["license"] == "Apache-2.0"
    assert CHECKPOINT.stat().st_size <= 25e6
