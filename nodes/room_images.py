"""Plans of rooms as ComfyUI's images: squares of one size, so that rooms of any shape make a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image

from ..layouts.drawing import PAPER, draw_plan, object_masks
from ..layouts.walkable import Body
from ..sim.layout import Layout


def size_input() -> io.Input:
    """Returns the input for the side of a plan."""
    return io.Int.Input(
        "size",
        default=512,
        min=64,
        max=4096,
        step=8,
        optional=True,
        tooltip="Width and height of a plan in pixels.",
        advanced=True,
    )


def body_inputs() -> list[io.Input]:
    """Returns the inputs for the room that a robot takes."""
    bounds: dict[str, Any] = {"optional": True, "advanced": True}
    return [
        io.Float.Input(
            "radius",
            default=Body.radius,
            min=0.05,
            max=2.0,
            step=0.01,
            tooltip="The robot's radius in meters: what it passes between.",
            **bounds,
        ),
        io.Float.Input(
            "height",
            default=Body.height,
            min=0.1,
            max=5.0,
            step=0.05,
            tooltip="The robot's height in meters: what hangs higher is not in its way.",
            **bounds,
        ),
    ]


def square(image: Image.Image, size: int) -> Image.Image:
    """Returns a plan in the middle of a square of paper."""
    sheet = Image.new("RGB", (size, size), PAPER)
    sheet.paste(image, _corner(image.width, image.height, size))
    return sheet


def image_batch(images: Sequence[Image.Image]) -> torch.Tensor:
    """Returns images of one size as IMAGE: float (B, H, W, 3) in 0..1."""
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).float() / 255


def plans(
    layouts: Sequence[Layout],
    size: int,
    body: Body | None = None,
    labels: bool = True,
    problems: bool = True,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> torch.Tensor:
    """Returns the plans of rooms as IMAGE.

    Args:
        layouts: at least one room.
        size: width and height of a plan in pixels.
        body: of the robot; None: a usual one.
        labels: whether things bear their names.
        problems: whether walkable area, unreached things and violations are shown.
        progress: called after each room with (rooms done, all rooms); may raise to cancel.
    """
    images = []
    for done, layout in enumerate(layouts, 1):
        images.append(square(draw_plan(layout, size, body, labels, problems), size))
        progress(done, len(layouts))
    return image_batch(images)


def masks(layout: Layout, size: int) -> torch.Tensor:
    """Returns MASK (N, ``size``, ``size``): where each thing is on the room's plan; black if there is none."""
    drawn = object_masks(layout, size)
    height, width = drawn.shape[1:]
    left, top = _corner(width, height, size)
    sheet = torch.zeros(max(1, len(drawn)), size, size)
    sheet[: len(drawn), top : top + height, left : left + width] = torch.from_numpy(drawn).float()
    return sheet


def boxes(layout: Layout, size: int) -> list[dict[str, Any]]:
    """Returns a bounding box for each thing on the room's plan, in pixels, with its class as label."""
    found = []
    for item, mask in zip(layout.objects, masks(layout, size)):
        rows, columns = mask.any(1).nonzero().flatten().tolist(), mask.any(0).nonzero().flatten().tolist()
        if rows:  # a thing that is outside of the plan has none
            x, y = columns[0], rows[0]
            sides = {"width": columns[-1] + 1 - x, "height": rows[-1] + 1 - y}
            found.append({"x": x, "y": y, **sides, "label": item.category})
    return found


def _corner(width: int, height: int, size: int) -> tuple[int, int]:
    """Left and top of a plan in the middle of a square."""
    return (size - width) // 2, (size - height) // 2
