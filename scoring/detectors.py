"""Where things are: open-vocabulary detectors behind one small interface."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from einops import rearrange
from torchvision.ops import batched_nms, nms

from ..errors import InteractiveActionError, MissingExtraError
from . import first_line

# Detectors give one thing several boxes. Of boxes with one label that share half their area the best stays; boxes
# with different labels that are all but the same are one thing too, which cannot overlap with itself.
SAME_LABEL_IOU, SAME_THING_IOU = 0.5, 0.9

Box = dict[str, Any]
"""{"x", "y", "width", "height"} in pixels, "label" and maybe "score"."""


class Detector(Protocol):
    """Anything that finds things by their names. ``name`` and ``threshold`` stand in reports."""

    name: str
    threshold: float

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""

    def detect(self, images: torch.Tensor, labels: Sequence[str] | Sequence[Sequence[str]]) -> list[list[Box]]:
        """Finds the labeled things.

        Args:
            images: float (B, H, W, 3) in 0..1.
            labels: the names to look for; or B such lists, one an image.

        Returns:
            B lists of boxes, best first.
        """
        ...


class ZeroShotDetector:
    """Any GroundingDINO or OWL-ViT of transformers; the miniature's detector is a small OWL-ViT.

    Args:
        model: the detector.
        processor: for its inputs and outputs.
        threshold: boxes with a lower score are dropped, 0..1.
        name: what a report calls it.
    """

    def __init__(self, model: Any, processor: Any, threshold: float, name: str) -> None:
        self.model, self.processor, self.threshold, self.name = model.eval(), processor, threshold, name
        self.takes_one_sentence = "grounding" in model.config.model_type

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.no_grad()
    def detect(self, images: torch.Tensor, labels: Sequence[str] | Sequence[Sequence[str]]) -> list[list[Box]]:
        """Finds the labeled things; see ``Detector.detect``."""
        lines = [labels] * len(images) if isinstance(labels[0], str) else labels
        lines = [list(cast(Sequence[str], line)) for line in lines]
        if bad := next((label for line in lines for label in line if "." in label), None):
            raise InteractiveActionError(
                f'The name "{bad}" has a full stop in it, which separates names in a detector\'s text. Leave it out.'
            )
        height, width = images.shape[1:3]
        pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
        inputs = self.processor(
            images=list(rearrange(pixels, "b h w c -> b c h w").cpu()),
            text=lines,
            truncation=True,
            return_tensors="pt",
            padding=True if self.takes_one_sentence else "max_length",
        )
        outputs = self.model(**inputs.to(self.model.device))
        # Threshold -1 keeps every query, in order: the library turns boxes into pixels, the scores are read below.
        boxes = [
            result["boxes"].float().cpu()
            for result in self.processor.image_processor.post_process_object_detection(
                outputs, threshold=-1, target_sizes=[(height, width)] * len(images)
            )
        ]
        return [
            self._choose(boxes[i], self._scores(outputs, inputs, i, len(line)), line, height, width)
            for i, line in enumerate(lines)
        ]

    def _scores(self, outputs: Any, inputs: Any, i: int, count: int) -> torch.Tensor:
        """How likely each query shows each label of image i, (queries, count)."""
        scores: torch.Tensor = outputs.logits[i].float().sigmoid().cpu()
        if not self.takes_one_sentence:
            return scores[:, :count]
        # GroundingDINO takes "a panda. a lemon." and scores every token; a label is as likely as its likeliest token.
        stop = self.processor.tokenizer.convert_tokens_to_ids(".")
        stops = (inputs["input_ids"][i] == stop).nonzero().flatten().tolist()
        return torch.stack([scores[:, a + 1 : b].amax(1) for a, b in zip([0, *stops], stops)], 1)

    def _choose(
        self, boxes: torch.Tensor, scores: torch.Tensor, labels: Sequence[str], height: int, width: int
    ) -> list[Box]:
        best, label = scores.max(1)
        sides = torch.stack([boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)], 2)
        boxes = rearrange(sides, "n corner xy -> n (corner xy)")
        keep = (best > self.threshold) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        boxes, best, label = boxes[keep], best[keep], label[keep]
        keep = batched_nms(boxes, best, label, SAME_LABEL_IOU)
        keep = keep[nms(boxes[keep], best[keep], SAME_THING_IOU)]
        return [
            {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "label": labels[k], "score": score}
            for (x1, y1, x2, y2), k, score in zip(boxes[keep].tolist(), label[keep].tolist(), best[keep].tolist())
        ]


def load_detector(name: str | pathlib.Path, threshold: float) -> ZeroShotDetector:
    """Loads a transformers detector; weights are read from safetensors alone.

    Args:
        name: a folder or a hub name.
        threshold: boxes with a lower score are dropped, 0..1.

    Raises:
        InteractiveActionError: there is no such detector.
    """
    try:
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor
    except ImportError as error:
        raise MissingExtraError("transformers", "score") from error
    try:
        model = AutoModelForZeroShotObjectDetection.from_pretrained(name, use_safetensors=True)
        processors: Any = AutoProcessor  # whose functions have no types
        processor = processors.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The detector "{name}" could not be loaded: {first_line(error)} '
            "Give a folder with a GroundingDINO or OWL-ViT in transformers' format (config.json, model.safetensors, "
            'its processor), or a hub name such as "google/owlv2-base-patch16-ensemble".'
        ) from error
    return ZeroShotDetector(model, processor, threshold, str(name))
