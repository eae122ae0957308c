"""The evidence as an image: each judged image with the boxes that decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch.nn.functional import interpolate
from torchvision.utils import draw_bounding_boxes

from .iascore import corners

if TYPE_CHECKING:
    from .iascore import ImageScore

SUBJECT, OBJECT, PASSED, FAILED = "dodgerblue", "orange", (60, 200, 90), (220, 60, 60)
SMALLEST = 384  # pixels; below this a label hides what it names


def overlay_boxes(images: torch.Tensor, rows: Sequence[ImageScore]) -> torch.Tensor:
    """Draws the two boxes that decided into each image, and a frame: green where they overlap, else red.

    Args:
        images: (N, H, W, 3) in 0..1; a fourth channel is left out.
        rows: N.

    Returns:
        The images (N, H', W', 3) in 0..1, small ones enlarged.
    """
    scale = max(1, -(-SMALLEST // min(images.shape[1:3])))
    canvases = (images[..., :3].clamp(0, 1) * 255).to(torch.uint8).cpu()
    canvases = interpolate(rearrange(canvases, "n h w c -> n c h w"), scale_factor=scale, mode="nearest")
    edge = max(2, scale)
    overlays = []
    for canvas, row in zip(canvases, rows):
        for box, color in ((row.subject_box, SUBJECT), (row.object_box, OBJECT)):
            if box:
                label = f"{box['label']} {box.get('score', 1.0):.2f}"
                canvas = draw_bounding_boxes(canvas, corners([box]) * scale, [label], colors=color, width=3)
        frame = rearrange(torch.tensor(PASSED if row.passed else FAILED, dtype=torch.uint8), "c -> c 1 1")
        canvas[:, :edge], canvas[:, -edge:], canvas[:, :, :edge], canvas[:, :, -edge:] = frame, frame, frame, frame
        overlays.append(canvas)
    return rearrange(torch.stack(overlays), "n c h w -> n h w c").float() / 255
