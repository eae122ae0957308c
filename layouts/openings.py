"""What doors and windows ask of the furniture: the zones that must stay free, as boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..sim.layout import FloorPlan, Opening
from .geometry import Boxes
from .rooms import FAR

DOOR, PASSAGE, WINDOW = 0.8, 0.7, 0.5  # metres that are free before them
NOTHING = (FAR, FAR, 0.1, 0.1, 0.0, -FAR, -FAR - 1)


def keep_outs(plans: Sequence[FloorPlan], dtype: torch.dtype = torch.float32) -> Boxes:
    """Returns the zones (B, K) that openings need inside the room; those that only fill a batch are nowhere.

    A door needs the square in which it swings and 0.8 m before it; a window that nothing higher than its sill stands
    within 0.5 m; a passage 0.7 m. Source: SceneSmith's clearances (Pfaff et al. 2026).
    """
    rows = [[_zone(plan, opening) for opening in plan.openings] for plan in plans]
    count = max([1, *map(len, rows)])
    filled = [[*row, *[NOTHING] * (count - len(row))] for row in rows]
    values = torch.tensor(filled, dtype=dtype)
    return Boxes(values[..., :2], values[..., 2:4], values[..., 4], values[..., 5], values[..., 6])


def door_segments(plan: FloorPlan) -> torch.Tensor:
    """Returns the ends (D, 2, 2) of all doors and passages of a plan, float64."""
    ends = [_ends(plan, opening) for opening in plan.openings if opening.kind != "window"]
    return torch.tensor(ends, dtype=torch.float64).reshape(-1, 2, 2)


def inward(plan: FloorPlan, wall: int) -> tuple[float, float]:
    """Returns the direction from a wall into the room."""
    (x, y), (next_x, next_y) = plan.walls[wall]
    length = ((next_x - x) ** 2 + (next_y - y) ** 2) ** 0.5
    return (y - next_y) / length, (next_x - x) / length


def _ends(plan: FloorPlan, opening: Opening) -> list[list[float]]:
    (x, y), _ = plan.walls[opening.wall]
    normal = inward(plan, opening.wall)
    along = normal[1], -normal[0]
    return [
        [x + along[0] * distance, y + along[1] * distance]
        for distance in (opening.start, opening.start + opening.width)
    ]


def _zone(plan: FloorPlan, opening: Opening) -> tuple[float, ...]:
    """(x, y, half width, half depth, yaw, bottom, top) of the zone of one opening."""
    first, last = _ends(plan, opening)
    normal = inward(plan, opening.wall)
    depth = {"door": DOOR, "passage": PASSAGE, "window": WINDOW}[opening.kind]
    if opening.kind == "door" and opening.swing == "in":
        depth = max(depth, opening.width)
    middle = [(a + b) / 2 + n * depth / 2 for a, b, n in zip(first, last, normal)]
    yaw = float(torch.atan2(torch.tensor(normal[0]), torch.tensor(-normal[1])))
    return (*middle, opening.width / 2, depth / 2, yaw, opening.sill, opening.sill + opening.height)
