"""The cross-attention before the input of the style-conditioned InstructPix2Pix (Benarous et al. 2025, section 3.3)."""

from __future__ import annotations

import functools
from typing import Any

import torch
from einops import rearrange
from torch.nn.functional import scaled_dot_product_attention

HEADS = 8  # as in SD 1.x's own attention; not said in the paper, nor to be read from weights
LATENTS = 8  # channels: four of the image's encoding and four of the style image's


class StyleAttention(torch.nn.Module):
    """Lets every place of image and style image look up the instruction, so that the edit finds its region in both.

    Query: a projection of the two concatenated VAE encodings. Key and value: projections of the CLIP-encoded
    instruction. Its output, as large as the encodings, is added to them; that it is added is not said in the paper, and
    is what lets an untrained one change nothing.

    Args:
        context_dim: width of the instruction's tokens.
        inner_dim: width of query, key and value: the channels of the U-Net's first level.
        dtype: of the weights.
        device: of the weights.
        operations: the library of layers, so that ComfyUI's cast and stream the weights like those of its U-Net.
    """

    def __init__(
        self, context_dim: int, inner_dim: int, dtype: Any = None, device: Any = None, operations: Any = torch.nn
    ) -> None:
        super().__init__()
        linear = functools.partial(operations.Linear, dtype=dtype, device=device)
        self.to_q = linear(LATENTS, inner_dim)
        self.to_k = linear(context_dim, inner_dim, bias=False)
        self.to_v = linear(context_dim, inner_dim, bias=False)
        self.to_out = linear(inner_dim, LATENTS)

    @classmethod
    def untrained(cls, context_dim: int, inner_dim: int) -> StyleAttention:
        """Returns one with the same random projections each time, and an output of zero."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            attention = cls(context_dim, inner_dim)
        for parameter in attention.to_out.parameters():
            torch.nn.init.zeros_(parameter)
        return attention

    def forward(self, latents: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Returns latents (B, 8, h, w).

        Args:
            latents: (B, 8, h, w) of image and style image.
            context: (B, tokens, context_dim), the instruction.
        """
        places = rearrange(latents, "b c h w -> b (h w) c")
        query, key, value = (
            rearrange(x, "b tokens (heads d) -> b heads tokens d", heads=HEADS)
            for x in (self.to_q(places), self.to_k(context), self.to_v(context))
        )
        mixed = rearrange(scaled_dot_product_attention(query, key, value), "b heads places d -> b places (heads d)")
        added: torch.Tensor = rearrange(self.to_out(mixed), "b (h w) c -> b c h w", h=latents.shape[2])
        return latents + added
