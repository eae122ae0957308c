"""Right gradients through transformers and language models, and gradient checkpointing by blocks.

T5, CLIP and FLUX add to their residual stream in place. Autograd notices where a norm has saved the stream, and
refuses; the obvious remedies, copies of what is saved or of a block's input, silence it and leave the gradient of a
checkpointed block wrong, because it is then computed again from what was written over. Two things together are right,
and change no value: each norm sees a copy of the stream, and a block that is computed again works on copies of its
arguments, whether they want a gradient or not.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from .gradient_checkpointing import Forward, PatchedForwards

NORMS = ("LayerNorm", "RMSNorm", "T5LayerNorm")
ENCODER_BLOCKS = ("CLIPLayer", "T5Block", "TransformerBlock", "CLIPEncoderLayer", "Qwen3DecoderLayer")


@contextlib.contextmanager
def copied_before_norms(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """While it lasts, every norm inside of ``modules`` sees a copy of its input."""
    norms = [part for module in modules for part in module.modules() if type(part).__name__ in NORMS]
    handles = [norm.register_forward_pre_hook(_copied_inputs) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def checkpointed_blocks(blocks: Iterable[torch.nn.Module]) -> PatchedForwards:
    """Returns a context in which blocks keep their inputs alone and compute all else again in the backward pass."""
    again = functools.partial(functools.partial, _recompute)
    return PatchedForwards([(block, again) for block in blocks])


def transformer_blocks(transformer: torch.nn.Module, places: Iterable[str]) -> list[torch.nn.Module]:
    """Returns the blocks of a transformer.

    Args:
        transformer: of one of the families.
        places: names of its lists of blocks; some models of a family lack some.
    """
    lists = dict(transformer.named_modules())
    return [block for place in places if place in lists for block in lists[place].children()]


def encoder_blocks(encoder: torch.nn.Module) -> list[torch.nn.Module]:
    """Returns the blocks of all text encoders inside of a module, ComfyUI's or transformers'."""
    return [module for module in encoder.modules() if type(module).__name__ in ENCODER_BLOCKS]


def _copied_inputs(module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_copied(value) for value in inputs) if torch.is_grad_enabled() else inputs


def _recompute(forward: Forward, *arguments: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*arguments, **named)
    # ComfyUI's transformer_options tell where the block is, and are written over as the pass goes on
    arguments = tuple(dict(value) if isinstance(value, dict) else value for value in arguments)
    named = {name: dict(value) if isinstance(value, dict) else value for name, value in named.items()}
    return checkpoint(_on_copies, forward, *arguments, use_reentrant=False, **named)


def _on_copies(forward: Forward, *arguments: Any, **named: Any) -> Any:
    return forward(*map(_copied, arguments), **{name: _copied(value) for name, value in named.items()})


def _copied(value: Any) -> Any:
    return value.clone() if torch.is_tensor(value) else value
