"""ComfyUI's VAE between images and the latents that a model is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy import model_management
from comfy.ldm.models.autoencoder import AutoencodingEngine
from einops import rearrange

if TYPE_CHECKING:
    from comfy.model_base import BaseModel
    from comfy.sd import VAE

ENCODE_BATCH = 8


@torch.no_grad()
def encode_images(vae: VAE, model: BaseModel, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (mean, std) of the latents, each (B, C, h, w), scaled as the model wants them.

    Args:
        vae: ComfyUI's VAE; it takes the place of other models in memory.
        model: whose latents they are.
        images: float32 (B, H, W, 3) in 0..1; what the VAE cannot divide is cut.
    """
    model_management.load_models_gpu([vae.patcher], force_full_load=True)
    means, stds = [], []
    for batch in images.split(ENCODE_BATCH):
        # clone: images that came along a graph are inference tensors
        pixels = rearrange(vae.vae_encode_crop_pixels(batch.clone()), "b h w c -> b c h w")
        mean, std = _posterior(vae, vae.process_input(pixels).to(vae.device, vae.vae_dtype))
        scaled = model.process_latent_in(mean)
        means.append(_image(scaled))
        stds.append(_image(model.process_latent_in(mean + std) - scaled))
    return torch.cat(means), torch.cat(stds)


@torch.no_grad()
def decode_latents(vae: VAE, model: BaseModel, latents: torch.Tensor) -> torch.Tensor:
    """Returns images float32 (B, H, W, 3) in 0..1 on the CPU of latents as ``encode_images`` scales them."""
    images: torch.Tensor = vae.decode(model.process_latent_out(as_latents_of(model, latents))).float().cpu()
    return rearrange(images, "b 1 h w c -> b h w c") if images.ndim == 5 else images


def as_latents_of(model: BaseModel, latents: torch.Tensor) -> torch.Tensor:
    """Returns latents (B, C, h, w) in the shape that a model takes: those of video models have one frame."""
    return rearrange(latents, "b c h w -> b c 1 h w") if model.latent_format.latent_dimensions == 3 else latents


def _image(latents: torch.Tensor) -> torch.Tensor:
    """Latents without the one frame of video models."""
    return rearrange(latents, "b c 1 h w -> b c h w") if latents.ndim == 5 else latents


def _posterior(vae: VAE, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(mean, std) of what the autoencoder knows of pixels ``x`` (B, 3, H, W)."""
    stage: Any = vae.first_stage_model
    if hasattr(stage, "quant_conv"):
        moments = stage.quant_conv(stage.encoder(x))
    elif isinstance(stage, AutoencodingEngine):
        moments, _ = stage.encode(x, unregularized=True)
    else:  # an autoencoder without a posterior, such as TAESD
        mean = stage.encode(rearrange(x, "b c h w -> b c 1 h w") if vae.latent_dim == 3 else x).float()
        return mean, torch.zeros_like(mean)
    mean, logvar = moments.float().chunk(2, dim=1)
    std = torch.exp(0.5 * logvar.clamp(-30, 20))
    if getattr(stage, "bn", None) is None:
        return mean, std
    normed = _batch_normed(stage, mean)
    return normed, _batch_normed(stage, mean + std) - normed


def _batch_normed(stage: Any, latents: torch.Tensor) -> torch.Tensor:
    """FLUX.2's latents: two by two pixels as channels, each channel normed by the statistics in the file."""
    patches = rearrange(latents, "b c (h ph) (w pw) -> b (c ph pw) h w", ph=stage.ps[0], pw=stage.ps[1])
    mean, variance = stage.bn.running_mean.to(patches), stage.bn.running_var.to(patches)
    return torch.nn.functional.batch_norm(patches, mean, variance, eps=stage.bn_eps)
