"""The network of layout diffusion: a transformer over objects, walls and one token for the room.

Yang et al. 2024 convolve over slots and add an image of the floor; walls as tokens are exact, know doors and windows,
and cost nothing on a CPU. Slots carry an embedding only where they are in canonical order; otherwise the network is
equivariant to their order, so that any objects can be given.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from einops import rearrange, repeat
from torch import nn

from .representation import CHANNELS, ROOM_CHANNELS, SLOTS, WALL_CHANNELS, Condition

HIDDEN = -1e4  # added to the logits of tokens that may not be looked at


class LayoutNetwork(Protocol):
    """What training and sampling need of a network."""

    def __call__(self, x: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        """Returns a prediction (B, S, ``CHANNELS``) for noisy objects of that shape at times t (B,) in [0, 1)."""
        ...


class RoomTransformer(nn.Module):
    """Predicts objects from noisy objects.

    Args:
        width: of a token.
        layers: transformer blocks.
        heads: of attention.
    """

    def __init__(self, width: int = 128, layers: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.object_in = nn.Linear(CHANNELS, width)
        self.wall_in = nn.Sequential(nn.Linear(WALL_CHANNELS, width), nn.SiLU(), nn.Linear(width, width))
        self.room_in = nn.Sequential(nn.Linear(ROOM_CHANNELS + width, width), nn.SiLU(), nn.Linear(width, width))
        self.slot = nn.Parameter(0.02 * torch.randn(SLOTS, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, CHANNELS)
        self.skip = nn.Linear(CHANNELS + width, CHANNELS)
        self.width = width

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        """Returns what ``LayoutNetwork`` does."""
        room = self.room_in(torch.cat([condition.room, time_features(t, self.width)], -1))
        slots = self.slot[: x.shape[1]] * condition.ordered[:, None, None]
        tokens = torch.cat([self.object_in(x) + slots, self.wall_in(condition.walls), room[:, None]], 1)
        seen = torch.cat(
            [
                torch.ones(x.shape[:2], dtype=torch.bool, device=x.device),
                condition.there,
                torch.ones(len(x), 1, dtype=torch.bool, device=x.device),
            ],
            1,
        )
        for block in self.blocks:
            tokens = block(tokens, room, seen)
        objects = self.norm(tokens[:, : x.shape[1]])
        gate = self.skip(torch.cat([x, repeat(room, "b d -> b n d", n=x.shape[1])], -1))
        prediction: torch.Tensor = self.out(objects) + gate
        return prediction


class Block(nn.Module):
    """Attention and a perceptron, each on normalized tokens that the room's token scales and shifts.

    Args:
        width: of a token.
        heads: of attention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulation = nn.Linear(width, 4 * width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, tokens: torch.Tensor, room: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Returns tokens (B, T, d), given the room's (B, d) and which tokens may be looked at, (B, T) bool."""
        scale, shift, second_scale, second_shift = self.modulation(room)[:, None].chunk(4, -1)
        qkv = self.qkv(torch.addcmul(shift, self.norms[0](tokens), 1 + scale))
        q, k, v = rearrange(qkv, "b t (three h d) -> three b h t d", three=3, h=self.heads)
        # written out: of so few tokens, fused attention is three times slower backwards on a CPU
        hidden = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, HIDDEN)[:, None, None]
        weights = (q @ rearrange(k, "b h t d -> b h d t") * q.shape[-1] ** -0.5 + hidden).softmax(-1)
        attended = weights.to(v.dtype) @ v
        tokens = tokens + self.project(rearrange(attended, "b h t d -> b t (h d)"))
        changed: torch.Tensor = tokens + self.perceptron(
            torch.addcmul(second_shift, self.norms[1](tokens), 1 + second_scale)
        )
        return changed


def time_features(t: torch.Tensor, width: int) -> torch.Tensor:
    """Returns (B, width) sines and cosines of times (B,) in [0, 1)."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=t.device))
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], -1)
