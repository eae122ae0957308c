"""How much memory a training needs on full-size transformers, counted from their shapes: nothing of it was measured.

Counted are weights, what checkpointing keeps, and the one block that is computed again; not the autoencoder, which goes
before, nor what a library holds beside. Encoders are computed in float32 by ComfyUI, and each layer's cast weights stay
until its backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

GIGABYTE = 10**9
BFLOAT16, FLOAT32 = 2, 4  # bytes
PIXELS = 16  # a side of what one token of the image covers


@dataclass(frozen=True)
class Shape:
    """What of a family decides its memory.

    Args:
        transformer: its weights.
        encoder: weights of all text encoders.
        layers: weights of the blocks of the largest encoder.
        layer_count: how many such blocks there are.
        width: numbers of a token between blocks.
        blocks: of the transformer.
        text_tokens: of a prompt, as the transformer is told it.
        kept: numbers that the backward pass of one block wants, per token and width.
    """

    transformer: float
    encoder: float
    layers: float
    layer_count: int
    width: int
    blocks: int
    text_tokens: int
    kept: float


SHAPES = {
    "z-image": Shape(6.15e9, 4.02e9, 3.6e9, 36, 3840, 34, 64, 10.5),
    "flux1": Shape(11.9e9, 4.89e9, 4.6e9, 24, 3072, 57, 256, 10.5),
}
"""Families whose sizes are known here, by the name in a token's file."""


def training_memory(shape: Shape, side: int, checkpointing: bool = True, weight_bytes: float = BFLOAT16) -> float:
    """Returns the bytes of a step with one image.

    Args:
        shape: one of ``SHAPES``.
        side: of the square image, pixels.
        checkpointing: gradient checkpointing.
        weight_bytes: of a weight as it is loaded: 2 of bf16, 1 of fp8.
    """
    row = ((side // PIXELS) ** 2 + shape.text_tokens) * shape.width * BFLOAT16
    at_once, casts = (1, shape.layers / shape.layer_count) if checkpointing else (shape.blocks, shape.layers)
    weights = (shape.transformer + shape.encoder) * weight_bytes
    return weights + shape.blocks * row + at_once * shape.kept * row + FLOAT32 * casts
