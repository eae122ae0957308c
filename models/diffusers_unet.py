"""The parts of diffusers' U-Net in the order of its forward pass, and what is put into them while it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from .gradient_checkpointing import checkpointed


def blocks(unet: Any) -> tuple[torch.nn.Module, ...]:
    """Returns the blocks of diffusers' U-Net in the order of its forward pass, which is not that of its modules."""
    return (*unet.down_blocks, unet.mid_block, *unet.up_blocks)


def cross_attentions(unet: Any) -> list[torch.nn.Module]:
    """Returns the cross-attention modules of diffusers' U-Net in the order of its forward pass."""
    return [
        transformer.attn2
        for block in blocks(unet)
        for attention in _children(block, "attentions")
        for transformer in _children(attention, "transformer_blocks")
        if transformer.attn2 is not None
    ]


def _children(module: Any, name: str) -> Iterator[Any]:
    yield from getattr(module, name, ())


def checkpointed_unet(unet: Any) -> AbstractContextManager[None]:
    """Returns ``gradient_checkpointing.checkpointed`` for diffusers' U-Net."""
    from diffusers.models.resnet import ResnetBlock2D

    every = blocks(unet)
    return checkpointed((*every[:2], *every[-2:]), every[2:-2], ResnetBlock2D)


def before_cross_attention(unet: Any) -> list[torch.nn.Module]:
    """Returns what is worth sharing of the layers that see z_t and t alone: first residual block and self-attention."""
    first = unet.down_blocks[0]
    return [first.resnets[0], first.attentions[0].transformer_blocks[0].attn1] if hasattr(first, "attentions") else []


def memoize_last(part: torch.nn.Module, forward: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Returns a forward of ``part`` that memoizes the last call of its present one.

    Student and teacher share z_t and t before the first cross-attention. Results with a gradient are not memoized, and
    while something stands in for the weights of ``part``, such as a LoRA, every call is computed.
    """
    last: list[Any] = []

    def memoized(*arguments: Any, **named: Any) -> torch.Tensor:
        inputs = [value for value in (*arguments, *named.values()) if value is not None]
        if last and len(inputs) == len(last[0]) and all(map(torch.equal, inputs, last[0])) and not _adapted(part):
            remembered: torch.Tensor = last[1]
            return remembered
        result = forward(*arguments, **named)
        last[:] = [] if result.requires_grad or _adapted(part) else [inputs, result]
        return result

    return memoized


def _adapted(part: torch.nn.Module) -> bool:
    """Whether something stands in for its weights now: a LoRA's hooks, or changed weights, which are no parameters."""
    weights = (weight for module in part.modules() for weight in module._parameters.values() if weight is not None)
    return any(module._forward_hooks for module in part.modules()) or any(
        type(weight) is not torch.nn.Parameter for weight in weights
    )
