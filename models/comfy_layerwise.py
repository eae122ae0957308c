"""Layer-wise tokens in ComfyUI's stock nodes: the layers' contexts travel one behind the other in one conditioning.

CLIP encodes L versions of each 77-token chunk of a prompt, version l with layer l's vectors in it, chunk after chunk:
[chunk 0: layer 0 ... layer L-1][chunk 1: ...]. A patch of MODEL then shows each cross-attention layer its own part. In
this order a conditioning may be repeated or another one put behind it, as ComfyUI does to run both halves of a guided
step in one call, and every layer still finds its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from einops import rearrange

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher

CHUNK = 77  # tokens of a prompt that CLIP sees at once
Layer = tuple[tuple[str, int], int]
"""((place, block), transformer block): how ComfyUI tells a patch where it is."""


def cross_attention_layers(unet: Any) -> list[Layer]:
    """Returns the cross-attention layers of ComfyUI's U-Net in the order of its forward pass."""
    places = (("input", unet.input_blocks), ("middle", [unet.middle_block]), ("output", unet.output_blocks))
    return [
        ((place, number), index)
        for place, blocks in places
        for number, block in enumerate(blocks)
        for module in block
        for index, transformer in enumerate(getattr(module, "transformer_blocks", ()))
        if transformer.attn2 is not None
    ]


class LayerPatch:
    """An ``attn2_patch``: gives each cross-attention layer its own part of a layer-wise context, others pass unchanged.

    Args:
        layers: all of a U-Net's.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.index = {layer: index for index, layer in enumerate(layers)}

    def __call__(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, options: dict[str, Any]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns what a cross-attention sees: query (B, positions, d), key and value (B, tokens, d)."""
        layer = self.index.get((options.get("block"), options.get("block_index")))  # type: ignore[arg-type]
        if layer is None or key.shape[1] % (len(self.index) * CHUNK):
            return query, key, value
        return query, self._part(key, layer), self._part(value, layer)

    def _part(self, context: torch.Tensor, layer: int) -> torch.Tensor:
        by_layer = rearrange(
            context, "b (chunks layers tokens) d -> layers b chunks tokens d", layers=len(self.index), tokens=CHUNK
        )
        return rearrange(by_layer[layer], "b chunks tokens d -> b (chunks tokens) d")


def enable_layerwise_tokens(model: ModelPatcher) -> ModelPatcher:
    """Returns a clone of ComfyUI's MODEL that understands layer-wise conditionings; others mean what they did."""
    model = model.clone()
    patches = model.model_options["transformer_options"].get("patches", {}).get("attn2_patch", ())
    if not any(isinstance(patch, LayerPatch) for patch in patches):
        model.set_model_attn2_patch(LayerPatch(cross_attention_layers(model.model.diffusion_model)))
    return model
