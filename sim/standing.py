"""Whether a furnished room stands still: all of it loose but walls and what hangs on them, and a second of physics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sapien

from .furnishings.bodies import bodies_of
from .furnishings.build import build_furnishing, without_collisions
from .furniture import CATEGORIES
from .state import TIMESTEP

if TYPE_CHECKING:
    from .layout import Layout

LOST = 100.0  # meters that count for what the simulation blew away


def drift(layout: Layout, seconds: float = 1.0) -> np.ndarray:
    """Returns how far each object of a room moves by itself, its foot or its top.

    Args:
        layout: the room.
        seconds: that it is left alone.

    Returns:
        (N,) meters.
    """
    scene = sapien.Scene()
    scene.timestep = TIMESTEP
    scene.add_ground(0, render=False)
    bodies = bodies_of(layout)
    first = len(bodies) - len(layout.objects)
    built = []
    for number, body in enumerate(bodies):
        kind = CATEGORIES.get(body.category)
        hangs = kind is not None and kind.bottom > 0 and not kind.on
        loose = kind is not None and kind.obstacle and not hangs
        if body.category == "door":
            continue
        made = build_furnishing(scene, body.furnishing, sapien.Pose(body.pose), body.name, body.opened, loose)
        if kind is not None and not kind.obstacle:
            without_collisions(made)
        if number >= first:
            built.append(made)
    heights = np.array([item.size[2] for item in layout.objects])
    before = _ends(built, heights)
    for _ in range(round(seconds / TIMESTEP)):
        scene.step()
    ways = np.linalg.norm(_ends(built, heights) - before, axis=-1).max(-1) if built else np.zeros(0)
    return np.nan_to_num(ways, nan=LOST, posinf=LOST)


def _ends(built: list[sapien.Entity], heights: np.ndarray) -> np.ndarray:
    """(N, 2, 3) where the foot and the top of each thing are."""
    poses = np.array([thing.pose.to_transformation_matrix() for thing in built]).reshape(-1, 4, 4)
    feet = poses[:, :3, 3]
    return np.stack([feet, feet + poses[:, :3, 2] * heights[:, None]], 1)
