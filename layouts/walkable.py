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
from ..sim.layout import FloorPlan, Layout
from .geometry import distance_from_middle, distance_to_outside
from .openings import door_segments
from .rooms import NAMES, Rooms, to_rooms, to_walls

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
class FloorGrid:
    """An empty floor on a grid: what stays the same when furniture moves.

    Args:
        shape: (H, W) cells; rows go along y, columns along x.
        cell: metres.
        points: (H W, 2) middles of the cells.
        from_walls: (H W,) metres to the nearest wall, negative outside.
        from_doors: (H W,) metres to the nearest door; infinite without one.
    """

    shape: tuple[int, int]
    cell: float
    points: torch.Tensor
    from_walls: torch.Tensor
    from_doors: torch.Tensor

    @classmethod
    def of(cls, plan: FloorPlan, cell: float = 0.05) -> FloorGrid:
        """Returns the grid of a floor plan, float64, with cells of ``cell`` metres."""
        walls = to_walls([plan], torch.float64)[0]
        low, high = walls[:, 0].amin(0), walls[:, 0].amax(0)
        columns, rows = ((high - low) / cell).round().long().clamp(min=1).tolist()
        x, y = (
            start + cell * (0.5 + torch.arange(count, dtype=torch.float64))
            for start, count in zip(low, (columns, rows))
        )
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
        segments = door_segments(plan)
        doors = [distance_to_segments(segments, points), torch.full((1, len(points)), torch.inf)]
        return cls((rows, columns), cell, points, distance_to_outside(walls, points), torch.cat(doors).amin(0))


@dataclass(frozen=True)
class WalkableMap:
    """A furnished room on a grid.

    Args:
        grid: its floor.
        clearance: (H, W) metres to the nearest wall or obstacle.
        labels: (H, W) the connected free area of each cell, from 1; 0 where the robot does not fit.
        zones: (N, H, W) bool: the cells from which each object would be reached, free or not.
        doors: labels that a door leads to.
    """

    grid: FloorGrid
    clearance: Grid
    labels: Grid
    zones: Grid
    doors: tuple[int, ...]

    @property
    def areas(self) -> Grid:
        """(L + 1,) cells of each label; that of 0 is 0."""
        counts = np.bincount(self.labels.ravel())
        counts[0] = 0
        return counts

    def reached(self) -> Grid:
        """Returns (L + 1, N) bool: which object is reached from which free area."""
        reached = np.zeros((self.labels.max() + 1, len(self.zones)), dtype=bool)
        for index, cells in enumerate(self.zones):
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
    return map_of(rooms, len(layout.objects), FloorGrid.of(layout.floor_plan, cell), body or Body())


def map_of(rooms: Rooms, count: int, grid: FloorGrid, body: Body) -> WalkableMap:
    """Returns the map of a batch of one room, float64, whose first ``count`` objects are there.

    Args:
        rooms: a batch of one.
        count: objects.
        grid: its floor.
        body: of the robot.
    """
    from scipy import ndimage

    boxes = rooms.boxes.map(0, slice(count))
    local = boxes.local(grid.points.expand(count, -1, 2))
    distance = distance_from_middle(local, boxes.half)
    blocking = rooms.obstacle[0, :count] & (boxes.bottom < body.height)
    clearance = torch.cat([grid.from_walls[None], distance[blocking]]).amin(0).reshape(grid.shape).numpy()
    free = clearance >= body.radius - 1e-9
    labels, _ = ndimage.label(free, np.ones((3, 3)))
    raised = boxes.bottom > RAISED
    reach = body.radius + torch.where(raised, REACH_ABOVE, REACH)
    names = [NAMES[index] for index in rooms.category[0, :count].tolist()]
    anywhere = torch.tensor([CATEGORIES[name].opens not in FROM_FRONT for name in names], dtype=torch.bool)
    before = local[..., 1] < -boxes.half[:, None, 1]
    zones = (distance <= reach[:, None]) & (before | anywhere[:, None])
    at_door = (grid.from_doors <= body.radius + 2 * grid.cell).reshape(grid.shape).numpy() & free
    doors = tuple(int(label) for label in np.unique(labels[at_door]))
    return WalkableMap(grid, clearance, labels, zones.reshape(-1, *grid.shape).numpy(), doors)


def distance_to_segments(segments: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Returns (S, P) metres from points (P, 2) to segments (S, 2, 2)."""
    start, way = segments[:, None, 0], segments[:, None, 1] - segments[:, None, 0]
    share = ((points - start) * way).sum(-1) / way.square().sum(-1).clamp(min=1e-12)
    return (points - start - share.clamp(0, 1)[..., None] * way).square().sum(-1).sqrt()
