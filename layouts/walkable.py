"""Where a robot can go in a room, and what it reaches from there.

A robot is a disc. A cell of the map is free if the exact distances from its middle to walls and furniture are at least
the disc's radius, so that no rounding to pixels decides whether a robot fits through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import InteractiveActionError
from ..sim.furniture import CATEGORIES
from ..sim.layout import Layout
from .geometry import Boxes, distance_to_box, distance_to_outside
from .openings import door_segments
from .rooms import NAMES, Rooms, to_rooms

Grid = np.ndarray[Any, Any]
REACH, REACH_ABOVE = 0.15, 0.5  # metres from the robot's edge to what it reaches on the floor, and above other things
RAISED = 0.3  # metres above the floor from which a thing counts as above others
FROM_FRONT = ("door", "doors", "drawer", "drawers")  # who opens these stands before them


@dataclass(frozen=True)
class Body:
    """The room that a robot takes.

    Args:
        radius: metres of the disc that it stands on.
        height: metres; what hangs higher is not in its way.

    Raises:
        InteractiveActionError: a size is not positive.
    """

    radius: float = 0.25
    height: float = 1.3

    def __post_init__(self) -> None:
        for name in ("radius", "height"):
            value = getattr(self, name)
            if not 0 < value < 10:
                raise InteractiveActionError(f"The robot's {name} is {value}. Give metres, more than 0.")


@dataclass(frozen=True)
class WalkableMap:
    """A room on a grid.

    Args:
        labels: (H, W) the connected free area of each cell, from 1; 0 where the robot does not fit.
        approach: (N, H, W) bool: the free cells from which each object is reached.
        doors: labels that a door leads to.
        origin: (x, y) metres of the middle of cell (0, 0).
        cell: metres; rows go along y, columns along x.
        clearance: (H, W) metres to the nearest wall or obstacle.
    """

    labels: Grid
    approach: Grid
    doors: tuple[int, ...]
    origin: tuple[float, float]
    cell: float
    clearance: Grid

    @property
    def areas(self) -> Grid:
        """(L + 1,) cells of each label; that of 0 is 0."""
        counts = np.bincount(self.labels.ravel())
        counts[0] = 0
        return counts

    def reached(self) -> Grid:
        """Returns (L + 1, N) bool: which object is reached from which free area."""
        reached = np.zeros((self.labels.max() + 1, len(self.approach)), dtype=bool)
        for index, cells in enumerate(self.approach):
            reached[np.unique(self.labels[cells]), index] = True
        reached[0] = False
        return reached

    def r_walkable(self) -> float:
        """Returns the share of the free area that is connected: its largest part; 0 where nothing is free."""
        areas = self.areas
        return float(areas.max() / areas.sum()) if areas.sum() else 0.0

    def r_reach(self) -> float:
        """Returns the expected share of objects that is reached from a random free place; 0 where nothing is free."""
        areas, reached = self.areas, self.reached()
        if not areas.sum() or not reached.shape[1]:
            return 0.0 if reached.shape[1] else 1.0
        return float(areas @ reached.mean(1) / areas.sum())

    def from_door(self) -> Grid:
        """Returns (N,) bool: the objects that are reached from a door."""
        return np.asarray(self.reached()[list(self.doors)].any(0))


def walkable_map(layout: Layout, body: Body | None = None, cell: float = 0.05) -> WalkableMap:
    """Returns the map of a room.

    Args:
        layout: the room.
        body: of the robot; None: a usual one.
        cell: metres a cell.
    """
    rooms = to_rooms([layout], torch.float64)
    doors = door_segments(layout.floor_plan)
    return map_of(rooms, len(layout.objects), doors, body or Body(), cell)


def map_of(rooms: Rooms, count: int, doors: torch.Tensor, body: Body, cell: float) -> WalkableMap:
    """Returns the map of a batch of one room, float64, whose first ``count`` objects are there.

    Args:
        rooms: a batch of one.
        count: objects.
        doors: (D, 2, 2) ends of its doors.
        body: of the robot.
        cell: metres a cell.
    """
    from scipy import ndimage

    walls, boxes = rooms.walls[0], rooms.boxes.map(0)
    origin, columns, rows = _extent(walls, cell)
    x = torch.arange(columns, dtype=torch.float64) * cell + origin[0]
    y = torch.arange(rows, dtype=torch.float64) * cell + origin[1]
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
    to_boxes = distance_to_box(boxes, points.expand(len(boxes.yaw), -1, 2))
    clearance = distance_to_outside(walls, points)
    blocking = rooms.obstacle[0] & (boxes.bottom < body.height)
    if blocking.any():
        clearance = torch.minimum(clearance, to_boxes[blocking].amin(0))
    free = (clearance >= body.radius - 1e-9).reshape(rows, columns).numpy()
    labels, _ = ndimage.label(free, np.ones((3, 3)))
    approach = _approach(boxes, rooms.category[0], points, to_boxes, body)[:count]
    near_doors = distance_to_segments(doors, points).reshape(-1, rows, columns).numpy() <= body.radius + 2 * cell
    return WalkableMap(
        labels,
        approach.reshape(-1, rows, columns).numpy() & free,
        tuple(int(label) for label in np.unique(labels[near_doors.any(0) & free])),
        origin,
        cell,
        clearance.reshape(rows, columns).numpy(),
    )


def distance_to_segments(segments: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Returns (S, P) metres from points (P, 2) to segments (S, 2, 2)."""
    start, way = segments[:, None, 0], segments[:, None, 1] - segments[:, None, 0]
    share = ((points - start) * way).sum(-1) / way.square().sum(-1).clamp(min=1e-12)
    return (points - start - share.clamp(0, 1)[..., None] * way).square().sum(-1).sqrt()


def _extent(walls: torch.Tensor, cell: float) -> tuple[tuple[float, float], int, int]:
    """The middle of the first cell, and how many columns and rows cover the floor: cells start half a cell inside."""
    real = walls[(walls[:, 1] - walls[:, 0]).abs().sum(-1) > 0].reshape(-1, 2)
    low, high = real.amin(0), real.amax(0)
    columns, rows = (((high - low) / cell).round().long().clamp(min=1)).tolist()
    return (float(low[0]) + cell / 2, float(low[1]) + cell / 2), columns, rows


def _approach(
    boxes: Boxes, category: torch.Tensor, points: torch.Tensor, distance: torch.Tensor, body: Body
) -> torch.Tensor:
    """(N, P) bool: where a robot would reach each object, whether or not it fits there."""
    raised = boxes.bottom > RAISED
    reach = body.radius + torch.where(raised, REACH_ABOVE, REACH)
    near = distance <= reach[:, None]
    from_front = torch.tensor([CATEGORIES[NAMES[index]].opens in FROM_FRONT for index in category.tolist()])
    before = boxes.local(points.expand(len(distance), -1, 2))[..., 1] < -boxes.half[:, None, 1]
    return near & (before | ~from_front[:, None])
