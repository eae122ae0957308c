"""Boxes as detectors, simulators and people give them, checked before anything rests on them."""

from __future__ import annotations

import math
from typing import Any

from ..errors import InteractiveActionError

SIDES = ("x", "y", "width", "height")


def checked_boxes(boxes: Any, count: int) -> list[list[dict[str, Any]]]:
    """Returns one list of labeled boxes for each of ``count`` images.

    Args:
        boxes: that, or for a single image its list of boxes or its only box. A box is {"label", "x", "y", "width",
            "height"} in pixels, and maybe "score".
        count: of images.

    Raises:
        InteractiveActionError: there are other numbers of lists, or a box is not whole.
    """
    if isinstance(boxes, dict):
        boxes = [[boxes]]
    elif isinstance(boxes, list | tuple) and boxes and all(isinstance(box, dict) for box in boxes):
        boxes = [list(boxes)]
    if not isinstance(boxes, list | tuple) or not all(isinstance(some, list | tuple) for some in boxes):
        raise InteractiveActionError(
            f"Boxes must be one list an image, but are {str(boxes)[:60]!r}. Connect a recording's boxes or a "
            "detector's."
        )
    if len(boxes) != count:
        raise InteractiveActionError(
            f"There are {count} images but boxes for {len(boxes)}. Give one list of boxes for each image."
        )
    for number, some in enumerate(boxes):
        for box in some:
            _check_box(box, number)
    return [list(some) for some in boxes]


def _check_box(box: Any, number: int) -> None:
    """Raises a sentence if ``box``, of image ``number``, has no label or sides that are no numbers."""
    if not isinstance(box, dict) or not isinstance(box.get("label"), str):
        raise InteractiveActionError(
            f"A box of image {number} has no label, so nobody can tell whether it is the subject or the object. Use "
            f"boxes that have a label, or connect Load Detector instead."
        )
    for side in SIDES:
        value = box.get(side)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value):
            raise InteractiveActionError(
                f"The box of {box['label']!r} in image {number} has {side} = {value!r}. It must be a number of pixels."
            )
