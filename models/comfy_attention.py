"""Captures where words attend while a sampler draws with ComfyUI's MODEL.

An ``AttentionCapture`` rides along with a sampler: beside each cross-attention it computes the same softmax(Q K^T /
sqrt(d)) once more and adds it up over heads and steps. What the sampler computes is not touched, so its images stay the
same to the pixel. A run is remembered by the samples that came out of it, so that a later node can ask where the words
of THESE samples attended, whatever else was sampled in between. ``scoring.attention_maps`` makes maps of words of it.
Source: Tang et al. 2022 (DAAM).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange

from ..errors import InteractiveActionError
from .comfy_layerwise import Layer, cross_attention_layers

MEMORY_LIMIT = 2**31  # bytes, of the newest runs: about 250 images at SD 1.5's size and 512 pixels


def fingerprint(samples: torch.Tensor) -> str:
    """Returns what tells sampled latents apart; a copy in another precision is still the same."""
    return hashlib.sha256(samples.detach().half().cpu().contiguous().numpy().tobytes()).hexdigest()


class AttentionRun:
    """The attention of one sampling: for each layer the sum over the captured steps, (B, h, w, tokens)."""

    def __init__(self) -> None:
        self.sums: OrderedDict[Layer, torch.Tensor] = OrderedDict()
        self.calls: OrderedDict[Layer, int] = OrderedDict()
        self.conditioning: Any = None  # ComfyUI's id of the positive one that is followed

    def add(self, layer: Layer, attention: torch.Tensor) -> None:
        """Adds one step's shares (B, h, w, tokens) of a layer."""
        self.sums[layer] = self.sums.get(layer, 0) + attention
        self.calls[layer] = self.calls.get(layer, 0) + 1

    def bytes(self) -> int:
        """Returns how much memory it takes."""
        return sum(total.nbytes for total in self.sums.values())

    def layers(self) -> dict[Layer, torch.Tensor]:
        """Returns layer -> mean share of each token, float (B, h, w, tokens), summing to one."""
        return {layer: total / self.calls[layer] for layer, total in self.sums.items()}


class AttentionCapture:
    """The attention of the newest samplings with one MODEL.

    Args:
        unet: ComfyUI's U-Net.
        start: share of the steps from which on attention is captured, 0 to 1.
        end: share of the steps up to which it is.
    """

    def __init__(self, unet: Any, start: float = 0.0, end: float = 1.0) -> None:
        self.attentions = {layer: _transformer_block(unet, layer).attn2 for layer in cross_attention_layers(unet)}
        self.start, self.end = start, end
        self.runs: OrderedDict[str, AttentionRun] = OrderedDict()

    def sample(self, execute: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """ComfyUI's OUTER_SAMPLE wrapper: lays the patch that captures behind all others, for one sampling."""
        run = AttentionRun()

        def capture(
            query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, options: dict[str, Any]
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            self._capture(run, query, key, options)
            return query, key, value

        # the guider's own copy of the options, made for this sampling
        patches = execute.class_obj.model_options["transformer_options"].setdefault("patches", {})
        patches["attn2_patch"] = [*patches.get("attn2_patch", ()), capture]
        samples: torch.Tensor = execute(*args, **kwargs)
        run.sums = OrderedDict((layer, total.cpu()) for layer, total in run.sums.items())
        self.runs[fingerprint(samples)] = run
        while len(self.runs) > 1 and sum(other.bytes() for other in self.runs.values()) > MEMORY_LIMIT:
            self.runs.popitem(last=False)
        return samples

    def run_of(self, samples: torch.Tensor) -> AttentionRun:
        """Returns the run that ``samples`` (B, C, h, w) came out of.

        Raises:
            InteractiveActionError: no such run is remembered, or none of its steps was captured.
        """
        run = self.runs.get(fingerprint(samples))
        if run is None:
            raise InteractiveActionError(
                "It is not known where the words of these samples attended: the sampler that drew them does not use "
                "the MODEL of this Capture Attention, something changed them afterwards, or it was too long ago. "
                "Connect the sampler's own output, and draw again with another seed."
            )
        if not run.sums:
            raise InteractiveActionError(
                "No step of this sampling was captured. Let start be smaller than end in Capture Attention, with at "
                "least one step between."
            )
        return run

    def _capture(self, run: AttentionRun, query: torch.Tensor, key: torch.Tensor, options: dict[str, Any]) -> None:
        layer: Any = options.get("block"), options.get("block_index")
        if layer not in self.attentions or 0 not in options["cond_or_uncond"] or not self._in_range(options):
            return
        if run.conditioning is None:  # of several positive conditionings that are combined the first counts
            run.conditioning = options["uuids"][options["cond_or_uncond"].index(0)]
        if run.conditioning not in options["uuids"]:
            return
        half, attention = options["uuids"].index(run.conditioning), self.attentions[layer]
        query, key = (part.chunk(len(options["uuids"]))[half] for part in (query, key))
        q, k = (
            rearrange(part, "b tokens (heads d) -> b heads tokens d", heads=attention.heads).float()
            for part in (attention.to_q(query), attention.to_k(key))
        )
        logits = q @ rearrange(k, "b heads tokens d -> b heads d tokens") * attention.dim_head**-0.5
        shares = torch.softmax(logits, -1).mean(1)
        height, width = options["activations_shape"][2:]
        if height * width == shares.shape[1]:
            run.add(layer, rearrange(shares, "b (h w) tokens -> b h w tokens", h=height))

    def _in_range(self, options: dict[str, Any]) -> bool:
        """Whether the step at hand lies between start and end."""
        sigmas = options["sample_sigmas"]
        # at least 0: some samplers begin with more noise
        step = max(int((sigmas[:-1] >= options["sigmas"].flatten()[0]).sum()) - 1, 0)
        share = (step + 0.5) / max(len(sigmas) - 1, 1)
        return self.start <= share <= self.end


def capturing_model(model: Any, start: float = 0.0, end: float = 1.0) -> tuple[Any, AttentionCapture]:
    """Returns a clone of ComfyUI's MODEL whose samplings are captured, and the capture.

    Args:
        model: is not changed.
        start: share of the steps from which on attention is captured, 0 to 1.
        end: share of the steps up to which it is.

    Raises:
        InteractiveActionError: the MODEL has no U-Net.
    """
    from comfy.patcher_extension import WrappersMP

    unet = model.model.diffusion_model
    if not hasattr(unet, "input_blocks"):
        raise InteractiveActionError(
            "Attention is captured in the cross-attention layers of a U-Net, and this MODEL is a "
            f"{type(unet).__name__}. Load a Stable Diffusion checkpoint of the 1.x, 2.x or XL kind."
        )
    capture, model = AttentionCapture(unet, start, end), model.clone()
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "interactive_action_attention", capture.sample)
    return model, capture


def tokenizer_of(clip: Any) -> Callable[[str], list]:
    """Returns what splits a text as the first text encoder of ComfyUI's CLIP sees it; ``word_positions`` takes it."""

    def tokenize(text: str) -> list:
        return next(iter(clip.tokenize(text, return_word_ids=True).values()))

    return tokenize


def _transformer_block(unet: Any, layer: Layer) -> Any:
    """The module that ``cross_attention_layers`` calls ``layer``."""
    (place, number), index = layer
    block = unet.middle_block if place == "middle" else getattr(unet, f"{place}_blocks")[number]
    return next(module for module in block if hasattr(module, "transformer_blocks")).transformer_blocks[index]
