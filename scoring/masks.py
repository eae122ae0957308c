"""Where the thing is that an instruction is about: a detector's boxes, filled in by SAM 2 (grounded SAM 2; 004, section 3.2)."""

import torch

from ..errors import InteractiveActionError, MissingExtraError
from . import why
from .iascore import corners, spread


class GroundedSegmenter:
    """``detector``: see ``detectors.Detector``. model, processor: a ``Sam2Model`` of transformers and its processor."""

    def __init__(self, detector, model, processor, name):
        self.detector, self.model, self.processor = detector, model.eval(), processor
        self.name = f"{detector.name} and {name}"

    def to(self, device):
        self.detector.to(device)
        self.model.to(device)

    def segment(self, images, labels):
        """Images (B, H, W, 3) in 0..1, their labels (one for all, or B) -> masks (B, H, W), 0 or 1: all things found, together.

        An image in which nothing is found raises.
        """
        labels = spread(labels, len(images), "text")
        found = self.detector.detect(images, [[label] for label in labels])
        for number, (boxes, label) in enumerate(zip(found, labels), 1):
            if not boxes:
                raise InteractiveActionError(
                    f'The detector finds no "{label}" in image {number} of {len(images)}. Lower its threshold, name the thing '
                    "otherwise, connect a mask of your own, or leave the mask out to judge the full frame."
                )
        return torch.stack([self._fill(image, boxes) for image, boxes in zip(images, found)])

    @torch.no_grad()
    def _fill(self, image, boxes):
        bytes_first = (image.clamp(0, 1) * 255).round().to(torch.uint8).movedim(-1, 0).cpu()
        inputs = self.processor(images=bytes_first, input_boxes=[corners(boxes).tolist()], return_tensors="pt")
        outputs = self.model(**inputs.to(self.model.device), multimask_output=False)
        masks = self.processor.post_process_masks(outputs.pred_masks.cpu(), inputs["original_sizes"].cpu())[0]
        return masks.flatten(0, 1).any(0).float()


def load_segmenter(detector, name):
    """SAM 2 of transformers from a folder or a hub name, behind ``detector``; weights are read from safetensors alone."""
    try:
        from transformers import Sam2Model, Sam2Processor
    except ImportError as error:
        raise MissingExtraError("transformers", "score") from error
    try:
        model = Sam2Model.from_pretrained(name, use_safetensors=True)
        processor = Sam2Processor.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The SAM 2 "{name}" could not be loaded: {why(error)} Give a folder with a SAM 2 in transformers\' format (config.json, '
            'model.safetensors, its processor), or a hub name such as "facebook/sam2.1-hiera-small".'
        ) from error
    return GroundedSegmenter(detector, model, processor, str(name))
