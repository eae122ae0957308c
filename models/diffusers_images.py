"""diffusers' autoencoders between images and the latents that a model is trained on."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange

ENCODE_BATCH = 8


@torch.no_grad()
def encode_images(autoencoder: Any, images: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (mean, std) of the latents, each (B, C, h, w), scaled as the model wants them.

    Args:
        autoencoder: AutoencoderKL or AutoencoderTiny.
        images: float32 (B, H, W, 3) in 0..1; sides that are not divisible by 8 are cut.
        device: where to compute.
    """
    autoencoder = autoencoder.to(device).eval()
    scale, shift = _scale_and_shift(autoencoder)
    height, width = (size // 8 * 8 for size in images.shape[1:3])
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    pixels = rearrange(images[:, top : top + height, left : left + width], "b h w c -> b c h w") * 2 - 1
    means, stds = [], []
    for batch in pixels.split(ENCODE_BATCH):
        encoded = autoencoder.encode(batch.to(device))
        posterior = getattr(encoded, "latent_dist", None)  # TAESD has none: it is certain of its latents
        mean = encoded.latents if posterior is None else posterior.mean
        means.append(scale * (mean - shift))
        stds.append(torch.zeros_like(mean) if posterior is None else scale * posterior.std)
    return torch.cat(means), torch.cat(stds)


@torch.no_grad()
def decode_latents(autoencoder: Any, latents: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Returns images float32 (B, H, W, 3) in 0..1 on the CPU of latents as ``encode_images`` scales them."""
    autoencoder = autoencoder.to(device).eval()
    scale, shift = _scale_and_shift(autoencoder)
    pixels = torch.cat([autoencoder.decode(one / scale + shift).sample for one in latents.split(1)])
    return rearrange((pixels / 2 + 0.5).clamp(0, 1), "b c h w -> b h w c").cpu()


def _scale_and_shift(autoencoder: Any) -> tuple[float, float]:
    """Of latents; Stable Diffusion's are not shifted."""
    config = autoencoder.config
    return config.scaling_factor, getattr(config, "shift_factor", None) or 0.0
