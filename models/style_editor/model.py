"""The style-conditioned InstructPix2Pix as plain PyTorch on diffusers' U-Net: for training without ComfyUI.

The weights are those that ComfyUI loads, and both predict the same noise.
"""

import torch

from ..protocol import noise_of_velocity
from .attention import StyleAttention


class StyleEditor(torch.nn.Module):
    """unet: a UNet2DConditionModel with 12 input channels. style_attention: the ``StyleAttention`` before it.

    velocity: alphas_cumprod (T,) if the U-Net predicts v (Salimans & Ho 2022) and not the noise, which v and z_t give.
    """

    def __init__(self, unet, style_attention=None, velocity=None):
        super().__init__()
        self.unet = unet
        self.register_buffer("velocity", velocity, persistent=False)
        self.style_attention = style_attention or StyleAttention.untrained(
            unet.config.cross_attention_dim, unet.config.block_out_channels[0]
        )

    def forward(self, z_t, t, context, image=None, style=None):
        """The noise (B, 4, h, w) in noisy latents z_t at timesteps t (B,).

        context: the encoded instruction (B, tokens, width). image, style: encodings of image and style image (B, 4, h, w)
        as the VAE gives them, not multiplied by SD's 0.18215 (z_t is); None for those that are left out: they are zero.
        """
        image, style = (torch.zeros_like(z_t) if latents is None else latents for latents in (image, style))
        conditions = self.style_attention(torch.cat([image, style], 1), context)
        found = self.unet(torch.cat([z_t, conditions], 1), t, encoder_hidden_states=context).sample
        return found if self.velocity is None else noise_of_velocity(self.velocity, found, z_t, t)
