"""Is the structure of an image still there after an edit (paper 004, Eq. 8)?

    L_struct = 1/(h w) sum_ij |f(I_in)_ij - f(I_gen)_ij|

f is a monocular depth model, in the paper Depth Anything V2, whose output is relative: its unit is the model's own, so
scores of two models, or of two resolutions, are not to be compared. Lower is better; 0 is unchanged.
"""

from typing import Protocol

import torch

from ..errors import InteractiveActionError, MissingExtraError
from . import why


class DepthModel(Protocol):
    name: str

    def to(self, device):
        """Move the model."""

    def depth(self, images):
        """Images (B, H, W, 3) in 0..1 -> float (B, H, W) on the CPU, in the model's own unit."""


class TransformersDepth:
    """Any relative or metric depth model of transformers; Depth Anything V2 is the paper's."""

    def __init__(self, model, processor, name):
        self.model, self.processor, self.name = model.eval(), processor, name

    def to(self, device):
        self.model.to(device)

    @torch.no_grad()
    def depth(self, images):
        bytes_first = (images.clamp(0, 1) * 255).round().to(torch.uint8).movedim(-1, 1).cpu()
        inputs = self.processor(images=list(bytes_first), return_tensors="pt").to(self.model.device, self.model.dtype)
        found = self.processor.post_process_depth_estimation(
            self.model(**inputs), target_sizes=[tuple(images.shape[1:3])] * len(images)
        )
        return torch.stack([one["predicted_depth"].float().cpu() for one in found])


def load_depth_model(name):
    """A depth model of transformers from a folder or a hub name; weights are read from safetensors alone."""
    try:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    except ImportError as error:
        raise MissingExtraError("transformers", "score") from error
    try:
        model = AutoModelForDepthEstimation.from_pretrained(name, use_safetensors=True)
        processor = AutoImageProcessor.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The depth model "{name}" could not be loaded: {why(error)} Give a folder with a depth model in transformers\' format '
            "(config.json, model.safetensors, preprocessor_config.json), or a hub name such as "
            '"depth-anything/Depth-Anything-V2-Small-hf".'
        ) from error
    return TransformersDepth(model, processor, str(name))


def structure_scores(original_depth, generated_depth):
    """Eq. 8 for each image: depths (B, H, W) of what was edited and of the edits -> float (B,)."""
    return (original_depth - generated_depth).abs().mean((1, 2))
