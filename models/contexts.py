"""What a network is told of prompts, as trainers hand it from a text encoder to a network.

Of a U-Net it is one tensor (B, tokens, width), or (L, B, tokens, width) of layer-wise vectors. A transformer is told
more than tokens, in rows of different length: a ``Conditioning``. Only this file and the engines look inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import repeat

Contexts = Any
"""A tensor or a ``Conditioning``."""


@dataclass(frozen=True)
class Conditioning:
    """What a transformer is told of B prompts, each of a length of its own.

    Args:
        rows: B dictionaries, whose names are ComfyUI's: ``cond`` (1, tokens, width), and where the family has them
            ``pooled_output`` (1, p) and ``attention_mask`` (1, tokens).
    """

    rows: tuple[dict[str, torch.Tensor], ...]

    def __len__(self) -> int:
        return len(self.rows)


def concatenate(parts: Sequence[Contexts]) -> Contexts:
    """Returns the contexts of several lists of prompts as those of one list."""
    if isinstance(parts[0], Conditioning):
        return Conditioning(tuple(row for part in parts for row in part.rows))
    return torch.cat(list(parts), dim=-3)


def of_as_many_layers(*parts: Contexts) -> Sequence[Contexts]:
    """Returns contexts of as many prompts each; where some are layer-wise, the others are repeated for each layer."""
    if isinstance(parts[0], Conditioning):
        return parts
    broadcast: Sequence[torch.Tensor] = torch.broadcast_tensors(*parts)
    return broadcast


def in_batches(
    predict: Callable[[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]], torch.Tensor],
    z_t: torch.Tensor,
    t: torch.Tensor,
    context: Conditioning,
) -> torch.Tensor:
    """Returns a transformer's predictions (B, C, h, w), in one call where all rows are of one length.

    Args:
        predict: (z_t, t, a row of several prompts) -> predictions.
        z_t: (B, C, h, w) noisy latents.
        t: (B,) timesteps.
        context: of B prompts.
    """
    if len({tuple(tuple(tensor.shape) for tensor in row.values()) for row in context.rows}) == 1:
        row = {name: torch.cat([own[name] for own in context.rows]) for name in context.rows[0]}
        return predict(z_t, t, row)
    return torch.cat([predict(*part) for part in zip(z_t.split(1), t.split(1), context.rows)])


def tensors_of(contexts: Contexts) -> list[torch.Tensor]:
    """Returns the tensors of contexts through which gradients can flow, always in the same order."""
    if not isinstance(contexts, Conditioning):
        return [contexts]
    return [tensor for row in contexts.rows for tensor in row.values() if tensor.is_floating_point()]


def copies_with_gradient(contexts: Contexts, times: int) -> Contexts:
    """Returns contexts (times * B), equal copies behind one another, whose tensors are leaves that want a gradient."""
    if not isinstance(contexts, Conditioning):
        return repeat(contexts.detach(), "... b n d -> ... (times b) n d", times=times).clone().requires_grad_()
    return Conditioning(
        tuple(
            {name: _leaf(tensor) if tensor.is_floating_point() else tensor for name, tensor in row.items()}
            for _ in range(times)
            for row in contexts.rows
        )
    )


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone().requires_grad_()


def gradients_of_copies(
    contexts: Contexts, of_copies: Sequence[torch.Tensor | None], inputs: torch.Tensor, times: int
) -> list[torch.Tensor]:
    """Returns the gradient of ``inputs`` for each of ``times`` copies, by the chain rule.

    Args:
        contexts: computed from ``inputs``.
        of_copies: the gradients of ``tensors_of(copies_with_gradient(contexts, times))``; None where there is none.
        inputs: vectors.
        times: how many copies there are.
    """
    tensors = tensors_of(contexts)
    if isinstance(contexts, Conditioning):
        shares = [of_copies[k * len(tensors) : (k + 1) * len(tensors)] for k in range(times)]
    else:
        assert of_copies[0] is not None
        shares = [[part] for part in of_copies[0].chunk(times, dim=-3)]
    gradients = []
    for share in shares:
        pairs = [(tensor, of) for tensor, of in zip(tensors, share) if tensor.requires_grad and of is not None]
        outputs, of_outputs = zip(*pairs)
        gradients.append(torch.autograd.grad(outputs, [inputs], of_outputs, retain_graph=True)[0])
    return gradients
