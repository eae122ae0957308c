"""Maps of where the words of a prompt attend, from the attention of each layer.

Source: Tang et al. 2022 (DAAM); Interactive-Action (anonymous, 2025), Fig. 5; Huang et al. 2023 (ADI), Fig. 11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch.nn.functional import interpolate

from ..errors import InteractiveActionError
from ..models.comfy_layerwise import CHUNK, Layer

PLACE_NAMES = {"input": "down", "middle": "middle", "output": "up"}
ALL_LAYERS = "all layers"
Tokenizer = Callable[[str], Sequence[Sequence[tuple[Any, float, int]]]]
"""text -> rows of (token or vector, weight, word id): one row a chunk, or L rows a chunk for a layer-wise CLIP."""


def word_positions(tokenize: Tokenizer, prompt: str, word: str) -> tuple[list[int], int]:
    """Returns where ``word`` stands in ``prompt``, as positions in 0 .. 77 * chunks - 1, and the number of chunks.

    A learned word takes one position for each of its vectors.

    Args:
        tokenize: ComfyUI's, of the CLIP that encoded the prompt.
        prompt: the text.
        word: a word or phrase of it.

    Raises:
        InteractiveActionError: the word is not in the prompt.
    """
    rows, layers = tokenize(prompt), len(tokenize(""))
    chunks = rows[::layers]
    pattern = [token for row in tokenize(word)[::layers] for token, _, group in row if group]
    entries = enumerate(entry for row in chunks for entry in row)
    tokens = [(position, token) for position, (token, _, group) in entries if group]
    positions = set()
    for start in range(len(tokens) - len(pattern) + 1 if pattern else 0):
        part = tokens[start : start + len(pattern)]
        if all(_same(token, other) for (_, token), other in zip(part, pattern)):
            positions |= {position for position, _ in part}
    if not positions:
        raise InteractiveActionError(
            f"The word {word!r} does not stand in the prompt {prompt!r}. Write it as it stands there, and connect the "
            "CLIP that encoded the prompt."
        )
    return sorted(positions), len(chunks)


def _same(token: Any, other: Any) -> bool:
    if torch.is_tensor(token) != torch.is_tensor(other):
        return False
    return bool(torch.equal(token, other) if torch.is_tensor(token) else token == other)


def word_maps(
    attention: Mapping[Layer, torch.Tensor], positions: Sequence[int], chunks: int
) -> dict[Layer, torch.Tensor]:
    """Returns the share of attention that goes to a word at each place of each layer: (B, h, w) in 0..1.

    Args:
        attention: layer -> (B, h, w, tokens), summing to one over tokens.
        positions: of the word, and
        chunks: of the prompt, as ``word_positions`` gives them.

    Raises:
        InteractiveActionError: the attention is that of a prompt of another length.
    """
    maps = {}
    for layer, shares in attention.items():
        if shares.shape[-1] % (chunks * CHUNK):
            raise InteractiveActionError(
                f"The prompt has {chunks} chunks of {CHUNK} tokens, and the samples were drawn with "
                f"{shares.shape[-1]} tokens. Write the prompt that they were drawn with, and connect the CLIP that "
                "encoded it."
            )
        # a conditioning that ComfyUI repeated, to run it with a longer one, shares its attention among the repetitions
        once = rearrange(shares, "b h w (times tokens) -> b h w times tokens", tokens=chunks * CHUNK).sum(-2)
        maps[layer] = once[..., positions].sum(-1)
    return maps


def group_maps(maps: Mapping[Layer, torch.Tensor], by_resolution: bool) -> dict[str, torch.Tensor]:
    """Returns name -> mean map (B, H, W) of each group of layers and, last, of all; H, W are those of the finest layer.

    Every layer counts the same.

    Args:
        maps: layer -> (B, h, w).
        by_resolution: True: the groups are the resolutions from coarse to fine; False: down, middle and up.
    """
    finest = max((layer_map.shape[1:] for layer_map in maps.values()), key=lambda shape: shape[0] * shape[1])
    names = {
        layer: f"{layer_map.shape[2]} x {layer_map.shape[1]}" if by_resolution else PLACE_NAMES[layer[0][0]]
        for layer, layer_map in maps.items()
    }
    large = {
        layer: interpolate(rearrange(layer_map, "b h w -> b 1 h w"), finest, mode="bilinear")[:, 0]
        for layer, layer_map in maps.items()
    }
    order = sorted(maps, key=lambda layer: maps[layer].shape[1]) if by_resolution else list(maps)
    groups = {
        name: torch.stack([large[layer] for layer in order if names[layer] == name]).mean(0)
        for name in dict.fromkeys(names[layer] for layer in order)
    }
    return {**groups, ALL_LAYERS: torch.stack(list(large.values())).mean(0)}
