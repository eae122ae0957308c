"""The cross-attention before the input of the style-conditioned InstructPix2Pix (paper 004, Sec. 3.3)."""

import functools

import torch
from torch.nn.functional import scaled_dot_product_attention

HEADS = 8  # as in SD 1.x's own attention; not said in the paper, nor to be read from weights
LATENTS = 8  # channels: four of the image's encoding and four of the style image's


class StyleAttention(torch.nn.Module):
    """Lets every place of image and style image look up the instruction, so that the edit finds its region in both.

    Query: a projection of the two concatenated VAE encodings. Key and value: projections of the CLIP-encoded instruction.
    Its output, as large as the encodings, is added to them; that it is added is not said in the paper, and is what lets
    an untrained one change nothing.

    operations: the library of layers, so that ComfyUI's cast and stream the weights like those of the rest of its U-Net.
    """

    def __init__(self, context_dim, inner_dim, dtype=None, device=None, operations=torch.nn):
        super().__init__()
        linear = functools.partial(operations.Linear, dtype=dtype, device=device)
        self.to_q = linear(LATENTS, inner_dim)
        self.to_k = linear(context_dim, inner_dim, bias=False)
        self.to_v = linear(context_dim, inner_dim, bias=False)
        self.to_out = linear(inner_dim, LATENTS)

    @classmethod
    def untrained(cls, context_dim, inner_dim):
        """The same random projections each time, and an output of zero."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            attention = cls(context_dim, inner_dim)
        for parameter in attention.to_out.parameters():
            torch.nn.init.zeros_(parameter)
        return attention

    def forward(self, latents, context):
        """Latents of image and style image (B, 8, h, w), the instruction (B, tokens, context_dim) -> (B, 8, h, w)."""
        places = latents.flatten(2).transpose(1, 2)  # (B, h * w, 8)
        query, key, value = (_by_head(x) for x in (self.to_q(places), self.to_k(context), self.to_v(context)))
        found = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return latents + self.to_out(found).transpose(1, 2).unflatten(2, latents.shape[2:])


def _by_head(x):
    return x.unflatten(2, (HEADS, -1)).transpose(1, 2)  # (B, heads, tokens, width of a head)
