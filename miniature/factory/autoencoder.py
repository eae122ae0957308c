"""The miniature autoencoder: TAESD's topology, thin and shallow where images are large, so that it trains on a CPU.

ComfyUI loads TAESD at width 64 and full depth only. ``padded`` fills a small model's weights with zeros: added channels
stay exactly zero through convolutions, ReLUs and skips, and a block of zeros is the ReLU that stands in for it here,
so both compute the same function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

WIDTHS = (16, 32, 64, 64)  # at full, half, quarter and eighth resolution
BLOCKS = (1, 2, 2, 3)
TAESD_WIDTHS, TAESD_BLOCKS = (64,) * 4, (3,) * 4
LATENT_CHANNELS = 4
LATENT_SCALE = 0.18215  # what Stable Diffusion 1 multiplies latents by before its U-Net


def _conv(n_in: int, n_out: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1, **options)


class _Block(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        first, second, third = (_conv(n, n) for _ in range(3))
        self.conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        nn.init.zeros_(third.weight)  # starts as the identity

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(x) + x)


class _Squash(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x / 3) * 3


def _stage(n: int, blocks: int, places: int = 3) -> list[nn.Module]:
    """Builds ``places`` layers, the first ``blocks`` of them real."""
    return [_Block(n) if k < blocks else nn.ReLU() for k in range(places)]


def encoder(widths: tuple[int, ...] = WIDTHS, blocks: tuple[int, ...] = BLOCKS) -> nn.Sequential:
    """Builds the encoder: images (B, 3, H, W) -> latents (B, 4, H/8, W/8)."""
    a, b, c, d = widths
    return nn.Sequential(
        _conv(3, a),
        *_stage(a, blocks[0], 1),
        _conv(a, b, stride=2, bias=False),
        *_stage(b, blocks[1]),
        _conv(b, c, stride=2, bias=False),
        *_stage(c, blocks[2]),
        _conv(c, d, stride=2, bias=False),
        *_stage(d, blocks[3]),
        _conv(d, LATENT_CHANNELS),
    )


def decoder(widths: tuple[int, ...] = WIDTHS, blocks: tuple[int, ...] = BLOCKS) -> nn.Sequential:
    """Builds the decoder: latents (B, 4, h, w) -> images (B, 3, 8h, 8w)."""
    a, b, c, d = widths
    return nn.Sequential(
        _Squash(),
        _conv(LATENT_CHANNELS, d),
        nn.ReLU(),
        *_stage(d, blocks[3]),
        nn.Upsample(scale_factor=2),
        _conv(d, c, bias=False),
        *_stage(c, blocks[2]),
        nn.Upsample(scale_factor=2),
        _conv(c, b, bias=False),
        *_stage(b, blocks[1]),
        nn.Upsample(scale_factor=2),
        _conv(b, a, bias=False),
        *_stage(a, blocks[0], 1),
        _conv(a, 3),
    )


class Autoencoder(nn.Module):
    """Images (B, 3, H, W) in 0..1 <-> latents (B, 4, H/8, W/8) of about zero mean and unit variance a channel.

    Args:
        widths: channels at full, half, quarter and eighth resolution.
        blocks: residual blocks there.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, blocks: tuple[int, ...] = BLOCKS) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(widths, blocks), decoder(widths, blocks)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Encodes images (B, 3, H, W) in 0..1."""
        latents: torch.Tensor = self.encoder(images)
        return latents

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decodes latents (B, 4, h, w); the images (B, 3, 8h, 8w) may leave 0..1 a little."""
        images: torch.Tensor = self.decoder(latents)
        return images


def padded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fills a small model's state dict up by zeros to TAESD's 64 channels and three blocks a stage."""
    taesd = Autoencoder(TAESD_WIDTHS, TAESD_BLOCKS).state_dict()
    full = {key: torch.zeros_like(weight) for key, weight in taesd.items()}
    for key, weight in state.items():
        full[key][tuple(slice(n) for n in weight.shape)] = weight
    return full


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Turns uint8 images (B, H, W, 3) into float (B, 3, H, W) in 0..1."""
    return rearrange(torch.from_numpy(np.ascontiguousarray(images)), "b h w c -> b c h w").float() / 255


def to_images(tensor: torch.Tensor) -> np.ndarray:
    """Turns float (B, 3, H, W) in 0..1 into uint8 images (B, H, W, 3)."""
    channels_first = (tensor.float().clamp(0, 1) * 255).round().byte()
    images: np.ndarray = rearrange(channels_first, "b c h w -> b h w c").numpy()
    return images


@torch.no_grad()
def encode_all(model: Autoencoder, images: np.ndarray, batch: int = 64) -> torch.Tensor:
    """Encodes uint8 images (N, H, W, 3) into latents fp16 (N, 4, H/8, W/8)."""
    parts = []
    for start in range(0, len(images), batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(model.encode(to_tensor(images[start : start + batch])).float())
    return torch.cat(parts).half()


@torch.no_grad()
def reconstruct(model: Autoencoder, images: np.ndarray, batch: int = 64) -> np.ndarray:
    """Encodes and decodes uint8 images (N, H, W, 3): what the base model can show of them at best, uint8."""
    parts = [to_tensor(images[start : start + batch]) for start in range(0, len(images), batch)]
    return np.concatenate([to_images(model.decode(model.encode(part))) for part in parts])
