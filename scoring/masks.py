"""Where the thing is that an instruction is about: a detector's boxes, filled in by SAM 2 (grounded SAM 2).

Source: Benarous et al. 2025, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange, reduce

from ..errors import InteractiveActionError, MissingExtraError
from . import first_line
from .detectors import Box, Detector
from .iascore import broadcast, corners


class GroundedSegmenter:
    """A detector and SAM 2 behind it.

    Args:
        detector: finds the boxes.
        model, processor: a ``Sam2Model`` of transformers and its processor.
        name: of the model, for reports.
    """

    def __init__(self, detector: Detector, model: Any, processor: Any, name: str) -> None:
        self.detector, self.model, self.processor = detector, model.eval(), processor
        self.name = f"{detector.name} and {name}"

    def to(self, device: torch.device | str) -> None:
        """Moves both models."""
        self.detector.to(device)
        self.model.to(device)

    def segment(self, images: torch.Tensor, labels: str | Sequence[str]) -> torch.Tensor:
        """Masks the labeled things.

        Args:
            images: (B, H, W, 3) in 0..1.
            labels: one for all images, or B.

        Returns:
            Masks (B, H, W), 0 or 1: all things of an image together.

        Raises:
            InteractiveActionError: nothing is found in an image.
        """
        labels = broadcast(labels, len(images), "text")
        boxes_of_images = self.detector.detect(images, [[label] for label in labels])
        for number, (boxes, label) in enumerate(zip(boxes_of_images, labels), 1):
            if not boxes:
                raise InteractiveActionError(
                    f'The detector finds no "{label}" in image {number} of {len(images)}. Lower its threshold, name '
                    "the thing otherwise, connect a mask of your own, or leave the mask out to judge the full frame."
                )
        return torch.stack([self._fill(image, boxes) for image, boxes in zip(images, boxes_of_images)])

    @torch.no_grad()
    def _fill(self, image: torch.Tensor, boxes: Sequence[Box]) -> torch.Tensor:
        """The mask (H, W) of all that stands in ``boxes``."""
        pixels = rearrange((image.clamp(0, 1) * 255).round().to(torch.uint8), "h w c -> c h w").cpu()
        inputs = self.processor(images=pixels, input_boxes=[corners(boxes).tolist()], return_tensors="pt")
        outputs = self.model(**inputs.to(self.model.device), multimask_output=False)
        masks = self.processor.post_process_masks(outputs.pred_masks.cpu(), inputs["original_sizes"].cpu())[0]
        mask: torch.Tensor = reduce(masks.float(), "box mask h w -> h w", "max")
        return mask


def load_segmenter(detector: Detector, name: str) -> GroundedSegmenter:
    """Loads SAM 2 of transformers behind ``detector``; weights are read from safetensors alone.

    Args:
        detector: finds the boxes.
        name: a folder or a hub name.

    Raises:
        InteractiveActionError: there is no such model.
    """
    try:
        from transformers import Sam2Model, Sam2Processor
    except ImportError as error:
        raise MissingExtraError("transformers", "score") from error
    try:
        model = Sam2Model.from_pretrained(name, use_safetensors=True)
        processor = Sam2Processor.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The SAM 2 "{name}" could not be loaded: {first_line(error)} Give a folder with a SAM 2 in transformers\' '
            "format (config.json, model.safetensors, its processor), or a hub name such as "
            '"facebook/sam2.1-hiera-small".'
        ) from error
    return GroundedSegmenter(detector, model, processor, str(name))
