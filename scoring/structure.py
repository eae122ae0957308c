"""Is the structure of an image still there after an edit?

    L_struct = 1/(h w) sum_ij |f(I_in)_ij - f(I_gen)_ij|

f is a monocular depth model, in the paper Depth Anything V2, whose output is relative: its unit is the model's own, so
scores of two models, or of two resolutions, are not to be compared. Lower is better; 0 is unchanged.

Source: Benarous et al. 2025, Eq. 8.
"""

from __future__ import annotations

import pathlib
from typing import Any, Protocol

import torch
from einops import rearrange, reduce

from ..errors import InteractiveActionError, MissingExtraError
from . import first_line


class DepthModel(Protocol):
    """Anything that estimates depth. ``name`` stands in reports."""

    name: str

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""

    def depth(self, images: torch.Tensor) -> torch.Tensor:
        """Returns depths (B, H, W) of images (B, H, W, 3) in 0..1, float on the CPU, in the model's own unit."""
        ...


class TransformersDepth:
    """Any relative or metric depth model of transformers; Depth Anything V2 is the paper's.

    Args:
        model: the depth model.
        processor: for its inputs and outputs.
        name: what a report calls it.
    """

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model, self.processor, self.name = model.eval(), processor, name

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.no_grad()
    def depth(self, images: torch.Tensor) -> torch.Tensor:
        """Returns depths (B, H, W) of images (B, H, W, 3) in 0..1; see ``DepthModel.depth``."""
        pixels = rearrange((images.clamp(0, 1) * 255).round().to(torch.uint8), "b h w c -> b c h w").cpu()
        inputs = self.processor(images=list(pixels), return_tensors="pt").to(self.model.device, self.model.dtype)
        depths = self.processor.post_process_depth_estimation(
            self.model(**inputs), target_sizes=[tuple(images.shape[1:3])] * len(images)
        )
        return torch.stack([depth["predicted_depth"].float().cpu() for depth in depths])


def load_depth_model(name: str | pathlib.Path) -> TransformersDepth:
    """Loads a depth model of transformers; weights are read from safetensors alone.

    Args:
        name: a folder or a hub name.

    Raises:
        InteractiveActionError: there is no such model.
    """
    try:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ImportError as error:
        raise MissingExtraError("transformers", "score") from error
    try:
        model = AutoModelForDepthEstimation.from_pretrained(name, use_safetensors=True)
        processors: Any = AutoImageProcessor  # whose functions have no types
        processor = processors.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The depth model "{name}" could not be loaded: {first_line(error)} Give a folder with a depth model in '
            "transformers' format (config.json, model.safetensors, preprocessor_config.json), or a hub name such as "
            '"depth-anything/Depth-Anything-V2-Small-hf".'
        ) from error
    return TransformersDepth(model, processor, str(name))


def structure_scores(original_depth: torch.Tensor, generated_depth: torch.Tensor) -> torch.Tensor:
    """Returns Eq. 8 of each image, float (B,), for depths (B, H, W) of what was edited and of the edits."""
    return reduce((original_depth - generated_depth).abs(), "b h w -> b", "mean")
