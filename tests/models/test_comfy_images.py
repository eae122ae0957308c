"""Autoencoders that today's models have: their latents are the stock encoder's, with the posterior's deviation."""

import pytest
import torch
from einops import rearrange

from interactive_action.models.comfy_images import decode_latents, encode_images
from interactive_action.tests.models.tiny_transformers import randomize, shared

CODER = {
    "double_z": True,
    "z_channels": 32,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1, 1, 1],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.0,
}


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(0))


def vae_of(coder):
    """ComfyUI's VAE with few channels."""
    import comfy.sd
    from comfy.ldm.models.autoencoder import AutoencoderKL

    parameters = {"ddconfig": coder, "embed_dim": coder["z_channels"]}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        autoencoder = AutoencoderKL(**parameters)
        randomize(autoencoder)
        if autoencoder.bn is not None:
            autoencoder.bn.running_mean.normal_()
            autoencoder.bn.running_var.uniform_(0.5, 2.0)
    return comfy.sd.VAE(sd=autoencoder.state_dict(), config={"params": parameters})


def moments(vae, images):
    x = vae.process_input(rearrange(images, "b h w c -> b c h w"))
    stage = vae.first_stage_model
    return stage.encoder(x) if not hasattr(stage, "quant_conv") else stage.quant_conv(stage.encoder(x))


@torch.no_grad()
def test_flux_2s_latents_are_patches_normed_by_the_files_statistics(images):
    vae, model = vae_of(CODER | {"batch_norm_latent": True}), shared("flux2")[0].model
    mean, std = encode_images(vae, model, images)
    assert mean.shape == (2, 128, 2, 3)
    assert torch.allclose(mean, vae.encode(images), atol=1e-5)
    _, logvar = moments(vae, images).chunk(2, 1)
    deviation = rearrange((0.5 * logvar).exp(), "b c (h p) (w q) -> b (c p q) h w", p=2, q=2)
    expected = deviation / (vae.first_stage_model.bn.running_var + 1e-4).sqrt().view(1, -1, 1, 1)
    assert torch.allclose(std, expected, rtol=1e-3, atol=1e-4)
    assert decode_latents(vae, model, mean).shape == images.shape


@torch.no_grad()
def test_flux_1s_latents_are_shifted_and_scaled_and_their_deviation_only_scaled(images):
    from comfy.ldm.models.autoencoder import AutoencodingEngine
    from comfy.model_patcher import ModelPatcher

    vae, model = vae_of(CODER | {"z_channels": 16}), shared("flux1")[0].model
    coder = {"params": CODER | {"z_channels": 16}}
    plain = AutoencodingEngine(
        regularizer_config={"target": "comfy.ldm.models.autoencoder.DiagonalGaussianRegularizer"},
        encoder_config={"target": "comfy.ldm.modules.diffusionmodules.model.Encoder", **coder},
        decoder_config={"target": "comfy.ldm.modules.diffusionmodules.model.Decoder", **coder},
    ).eval()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        randomize(plain)
    vae.first_stage_model = plain
    vae.patcher = ModelPatcher(plain, load_device=vae.device, offload_device=vae.device)
    mean, std = encode_images(vae, model, images)
    assert torch.allclose(mean, (vae.encode(images) - 0.1159) * 0.3611, atol=1e-5)
    _, logvar = moments(vae, images).chunk(2, 1)
    assert torch.allclose(std, 0.3611 * (0.5 * logvar).exp(), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_krea_2s_images_are_videos_of_one_frame(images):
    model, _, vae = shared("krea2")
    mean, std = encode_images(vae, model.model, images)
    assert mean.shape == (2, 16, 4, 6)
    assert not std.any()
    stock = model.model.process_latent_in(torch.cat([vae.encode(image[None]) for image in images]))
    assert torch.allclose(mean, stock[:, :, 0], atol=1e-4)
    assert decode_latents(vae, model.model, mean).shape == images.shape
