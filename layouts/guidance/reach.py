"""Reachability: a robot's way from the door to all that it should reach, along which furniture makes room.

Yang et al. 2024 (PhyScene, Eq. 8, Alg. 2): where walkable areas are separate, the cheapest path between two of them is
searched, and boxes of the robot along it push furniture away. Here every area and every thing that is not reached from
a door has its path, and the paths make a tree; the robot is a disc of its real radius; what is free costs something,
too (the published code lets it cost nothing, so that its path wanders).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from ..geometry import distance_from_middle, distance_to_box
from ..rooms import Rooms
from ..walkable import Body, FloorGrid, Grid, WalkableMap, map_of

CELL = 0.1  # metres of the grid on which paths are searched
CROSSING, BLUR = 20.0, 0.1  # cost of a cell at a thing, and metres over which it fades
MARGIN = 0.06  # metres beyond the radius, or what makes room would stop just before there is enough
SMALLEST = 0.1  # square metres of a free area that is worth a path
LONGEST = 64  # discs along the paths of one room


def reach_loss(rooms: Rooms, discs: torch.Tensor, there: torch.Tensor, body: Body) -> torch.Tensor:
    """Returns (B,) the squared metres by which obstacles are in the robot's way.

    Args:
        rooms: the batch.
        discs: (B, L, 2) middles of the robot along its paths (``path_discs``).
        there: (B, L) bool; the others only fill the batch.
        body: of the robot.
    """
    count = rooms.present.shape[1]
    distance = distance_to_box(rooms.boxes, discs[:, None].expand(-1, count, -1, -1))
    blocking = rooms.obstacle & (rooms.boxes.bottom < body.height)
    cost = (body.radius + MARGIN - distance).clamp(min=0).square()
    return (cost * blocking[:, :, None] * there[:, None]).sum((1, 2))


@torch.no_grad()
def path_discs(rooms: Rooms, grids: Sequence[FloorGrid], body: Body) -> tuple[torch.Tensor, torch.Tensor]:
    """Searches the paths of a batch.

    Args:
        rooms: the batch.
        grids: of the rooms' floors, with cells of ``CELL``.
        body: of the robot.

    Returns:
        (B, L, 2) middles of discs that are in the way of something, and (B, L) bool which of them are there.
    """
    rows = [_discs_of(rooms.room(index), grid, body) for index, grid in enumerate(grids)]
    longest = max([1, *map(len, rows)])
    discs = torch.zeros(len(rows), longest, 2, dtype=rooms.boxes.center.dtype)
    there = torch.zeros(len(rows), longest, dtype=torch.bool)
    for index, row in enumerate(rows):
        discs[index, : len(row)] = row
        there[index, : len(row)] = True
    return discs.to(rooms.boxes.center.device), there.to(rooms.boxes.center.device)


def _discs_of(room: Rooms, grid: FloorGrid, body: Body) -> torch.Tensor:
    """(L, 2) the discs of one room, at most ``LONGEST``."""
    count = int(room.present.sum())
    room = _as_double(room, count)
    free = map_of(room, count, grid, body)
    unreached = ~free.from_door() if grid.from_doors.isfinite().any() else np.zeros(count, dtype=bool)
    areas = free.areas * grid.cell**2
    others = [label for label in range(1, len(areas)) if label not in free.doors and areas[label] >= SMALLEST]
    if not unreached.any() and not others:
        return torch.zeros(0, 2)
    # walls stay where they are; half a cell is the grid's own error
    possible = (grid.from_walls >= body.radius - grid.cell / 2).reshape(grid.shape).numpy()
    cost = _cost(room, grid, body)
    targets = [np.where(free.labels == label, free.clearance, -np.inf) for label in others]
    targets += [np.where(possible & free.zones[index], -cost, -np.inf) for index in np.flatnonzero(unreached)]
    cells = _along_paths(_graph(possible, cost), _starts(free, possible), targets, free, body)
    return grid.points[cells]


def _cost(room: Rooms, grid: FloorGrid, body: Body) -> Grid:
    """(H, W) what a robot pays for a cell: 1 where it is free, more near things, most inside them."""
    blocking = room.obstacle[0] & (room.boxes.bottom[0] < body.height)
    if not blocking.any():
        return np.ones(grid.shape)
    boxes = room.boxes.map(0, blocking)
    local = boxes.local(grid.points.expand(len(boxes.yaw), -1, 2))
    distance = (distance_from_middle(local, boxes.half) - body.radius).amin(0).clamp(min=0)
    # a thing makes room sideways: crossing it is the dearer, the farther it has to go
    deep = boxes.half[:, None] + body.radius - local.abs()
    aside = torch.where((deep > 0).all(-1), deep.amax(-1), torch.zeros(())).amax(0)
    cost = 1 + CROSSING * ((-distance.square() / (2 * BLUR**2)).exp() + 3 * aside)
    return np.asarray(cost).reshape(grid.shape)


def _starts(free: WalkableMap, possible: Grid) -> Grid:
    """Numbers of the cells at which paths begin: at the doors, or without doors the roomiest cell."""
    from_doors = free.grid.from_doors.numpy()
    nearest = np.min(from_doors[possible.ravel()], initial=np.inf)
    if np.isfinite(nearest):
        return np.flatnonzero(possible.ravel() & (from_doors <= nearest + free.grid.cell))
    return np.array([int(np.argmax(np.where(possible, free.clearance, -np.inf)))])


def _along_paths(graph: object, starts: Grid, targets: Sequence[Grid], free: WalkableMap, body: Body) -> list[int]:
    """Cells at every half radius of the cheapest paths to the best cell of each target, where something is near.

    Each path may begin on an earlier one: two ways around a thing would only push it against itself.
    """
    from scipy.sparse.csgraph import dijkstra

    cells: dict[int, None] = {}
    stride = max(1, round(body.radius / 2 / free.grid.cell))
    for target in targets:
        distance, before, _ = dijkstra(graph, indices=starts, min_only=True, return_predecessors=True)
        score = np.where(np.isfinite(distance), target.ravel(), -np.inf)
        cell = int(np.argmax(score))
        if not np.isfinite(score[cell]):
            continue
        path = [cell]
        while before[path[-1]] >= 0:
            path.append(int(before[path[-1]]))
        starts = np.union1d(starts, path)
        cells |= {cell: None for cell in path[::stride] if free.clearance.ravel()[cell] < body.radius}
    return list(cells)[:LONGEST]


def _graph(possible: Grid, cost: Grid) -> object:
    """The grid as a sparse graph of eight neighbours; a step costs its length times the mean cost of its cells."""
    from scipy.sparse import coo_array

    height, width = possible.shape
    numbers = np.arange(height * width).reshape(height, width)
    starts, ends, costs = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        rows, columns = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        next_rows, next_columns = slice(down, height), slice(max(0, right), width + min(0, right))
        passable = possible[rows, columns] & possible[next_rows, next_columns]
        starts.append(numbers[rows, columns][passable])
        ends.append(numbers[next_rows, next_columns][passable])
        mean = (cost[rows, columns][passable] + cost[next_rows, next_columns][passable]) / 2
        costs.append(mean * math.hypot(down, right))
    entries = (np.concatenate(costs * 2), (np.concatenate(starts + ends), np.concatenate(ends + starts)))
    return coo_array(entries, shape=(height * width,) * 2).tocsr()


def _as_double(room: Rooms, count: int) -> Rooms:
    """The first ``count`` objects of a batch of one, in double precision on the CPU; they stand first in a batch."""
    order = room.present[0].long().argsort(descending=True, stable=True)[:count]
    boxes = type(room.boxes)(*(tensor[:, order].detach().double().cpu() for tensor in room.boxes))
    return Rooms(boxes, room.category[:, order].cpu(), room.present[:, order].cpu(), room.walls.double().cpu())
