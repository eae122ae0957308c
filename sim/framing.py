"""What cameras frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .actions import Action
    from .world import World


def box_to_frame(world: World, x: float, y: float, staged: type[Action], everything: bool) -> np.ndarray:
    """Lowest and highest corner (2, 3) of what still cameras show: the object's first place and what is around.

    Args:
        world: with all that is there.
        x: the first place.
        y: the first place.
        staged: the action for which the world is arranged.
        everything: that was prepared is to be seen.
    """
    half = world.item.half
    low = world.room.target.position[2] if world.room.target else 0.0
    box = np.array([-1, 1])[:, None] * np.hypot(*half[:2]) * [1, 1, 0] + [x, y, low] + [[0, 0, 0], [0, 0, 2 * half[2]]]
    if world.robot.humanoid:
        box = np.array(staged.framing_box or world.robot.humanoid.framing_box)
    if everything:
        boxes = [item.pose[:3, 3] + np.array([[-1], [1]]) * item.half for item in world.items if item.framed]
        lows, highs = zip(box, *boxes)
        box = np.array([np.min(lows, 0), np.max(highs, 0)])
    return box


def box_corners(box: np.ndarray) -> np.ndarray:
    """All corners (8, 3) of a box of which the lowest and the highest are given (2, 3)."""
    return np.stack(np.meshgrid(*box.T), -1).reshape(-1, 3)
