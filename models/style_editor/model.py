"""The style-conditioned InstructPix2Pix as plain PyTorch on diffusers' U-Net: for training without ComfyUI.

The weights are those that ComfyUI loads, and both predict the same noise.
"""

from __future__ import annotations

from typing import Any

import torch

from ..schedules import VariancePreserving
from .attention import StyleAttention


class StyleEditor(torch.nn.Module):
    """A U-Net behind the attention that shows it image and style image.

    Args:
        unet: a UNet2DConditionModel with 12 input channels.
        style_attention: before it; None: an untrained one.
        velocity: alphas_cumprod (T,) if the U-Net predicts v (Salimans & Ho 2022) and not the noise, which v and z_t
            give.
    """

    def __init__(
        self, unet: Any, style_attention: StyleAttention | None = None, velocity: torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.unet = unet
        self.velocity: torch.Tensor | None
        self.register_buffer("velocity", velocity, persistent=False)
        self.style_attention = style_attention or StyleAttention.untrained(
            unet.config.cross_attention_dim, unet.config.block_out_channels[0]
        )

    def forward(
        self,
        z_t: torch.Tensor,
        t: torch.Tensor,
        context: torch.Tensor,
        image: torch.Tensor | None = None,
        style: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Returns the noise (B, 4, h, w) in noisy latents.

        Args:
            z_t: (B, 4, h, w) noisy latents.
            t: (B,) timesteps.
            context: (B, tokens, width) the encoded instruction.
            image: (B, 4, h, w) its encoding as the VAE gives it, not multiplied by SD's 0.18215 (z_t is); None is zero.
            style: the same of the style image.
        """
        image, style = (torch.zeros_like(z_t) if latents is None else latents for latents in (image, style))
        conditions = self.style_attention(torch.cat([image, style], 1), context)
        predicted: torch.Tensor = self.unet(torch.cat([z_t, conditions], 1), t, encoder_hidden_states=context).sample
        return predicted if self.velocity is None else VariancePreserving(self.velocity).noise_from_v(predicted, z_t, t)
