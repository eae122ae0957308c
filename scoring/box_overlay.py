"""The evidence as an image: each judged image with the boxes that decided."""

import torch
from torch.nn.functional import interpolate
from torchvision.utils import draw_bounding_boxes

from .iascore import corners

SUBJECT, OBJECT, PASSED, FAILED = "dodgerblue", "orange", (60, 200, 90), (220, 60, 60)
SMALLEST = 384  # pixels; below this a label hides what it names


def draw_rows(images, rows):
    """Images (N, H, W, 3 in 0..1) with the two boxes of each; the frame is green where IoU > 0, else red."""
    scale = max(1, -(-SMALLEST // min(images.shape[1:3])))
    canvases = (images.clamp(0, 1) * 255).to(torch.uint8).movedim(-1, 1).cpu()
    canvases = interpolate(canvases, scale_factor=scale, mode="nearest")
    drawn = []
    for canvas, row in zip(canvases, rows):
        for box, color in ((row.subject_box, SUBJECT), (row.object_box, OBJECT)):
            if box:
                label = f"{box['label']} {box.get('score', 1.0):.2f}"
                canvas = draw_bounding_boxes(canvas, corners([box]) * scale, [label], colors=color, width=3)
        frame = torch.tensor(PASSED if row.passed else FAILED, dtype=torch.uint8)[:, None, None]
        edge = max(2, scale)
        canvas[:, :edge], canvas[:, -edge:], canvas[:, :, :edge], canvas[:, :, -edge:] = frame, frame, frame, frame
        drawn.append(canvas)
    return torch.stack(drawn).movedim(1, -1).float() / 255
