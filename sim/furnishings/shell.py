"""The walls of a floor plan as solids, and its doors as furniture that opens."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..layout import FloorPlan, Opening
from .model import GAP, HANDLE, Furnishing, Link, Piece, bar, block, widest

WALL, LEAF, PANE = (
    0.10,
    0.04,
    0.02,
)  # metres: thickness of walls, of a door and of a window; walls lie outside the floor


class Placed(NamedTuple):
    """Something of a room's shell.

    Args:
        name: unlike its neighbors'.
        furnishing: in its own axes: x along the wall, y out of the room.
        position: (x, y, z) in metres of its origin.
        yaw: radians.
    """

    name: str
    furnishing: Furnishing
    position: tuple[float, float, float]
    yaw: float


def walls(plan: FloorPlan) -> list[Placed]:
    """Returns each wall, with its windows and with holes for doors and passages.

    Its origin is the wall's last corner, and x runs to its first. Seen from the room, that is from left to right.
    """
    placed = []
    for number, ((x, y), end) in enumerate(plan.walls):
        length = math.dist((x, y), end)
        turns = [_turn(plan, number - 1), _turn(plan, number)]  # at its first and at its last corner
        openings = sorted((o for o in plan.openings if o.wall == number), key=lambda o: o.start)
        furnishing = Furnishing(tuple(_wall(length, plan.height, turns, openings)))
        yaw = math.atan2(y - end[1], x - end[0])
        placed.append(Placed(f"wall_{number}", furnishing, (*end, 0.0), yaw))
    return placed


def doors(plan: FloorPlan) -> list[Placed]:
    """Returns each door's leaf on its hinge; its origin is the middle of its threshold, its front looks inwards."""
    placed = []
    for number, opening in enumerate(plan.openings):
        if opening.kind == "door":
            (x, y), end = plan.walls[opening.wall]
            length, middle = math.dist((x, y), end), opening.start + opening.width / 2
            place = (x + (end[0] - x) * middle / length, y + (end[1] - y) * middle / length, opening.sill)
            yaw = math.atan2(y - end[1], x - end[0])
            placed.append(Placed(f"door_{number}", door_leaf(opening), place, yaw))
    return placed


def door_leaf(opening: Opening) -> Furnishing:
    """Returns the leaf of a door with a handle on either side; it swings in or out, as its opening says."""
    half, height = opening.width / 2 - GAP, opening.height - GAP
    inward = opening.swing == "in"
    low = 0.0 if inward else WALL - LEAF
    outer = low if inward else WALL  # the face about whose edge it turns
    side = 1.0 if opening.hinge == "start" else -1.0  # the wall's start is at the right of who looks from the room
    grip = min(1.05, 0.5 * height)
    x = -side * (half - 0.07)
    inside, handle = bar((x, low - HANDLE + 0.006, grip), 0.16, upright=True)
    outside = [_mirrored(piece, 2 * low + LEAF) for piece in inside]
    board = block((-half, half), (low, low + LEAF), (0.008, height), "oak")
    axis = (0.0, 0.0, side if inward else -side)
    link = Link(
        "leaf", "hinge", (side * half, outer, 0.0), axis, widest(2 * half - 0.07), (board, *inside, *outside), handle
    )
    return Furnishing((), (link,))


def _wall(length: float, height: float, turns: list[float], openings: list[Opening]) -> list[Piece]:
    """The solids of one wall, x from its last corner to its first; the room is at its front."""
    begin, end = -_overlap(turns[0]), length + _overlap(turns[1])  # along the wall, from its first corner
    solids = []
    for opening in openings:
        first, last = opening.start, opening.start + opening.width
        top = opening.sill + opening.height
        solids.append(((begin, first), (0.0, height), "wall"))
        solids += [((first, last), (0.0, opening.sill), "wall"), ((first, last), (top, height), "wall")]
        if opening.kind == "window":
            solids.append(((first, last), (opening.sill, top), "glass"))
        begin = last
    solids.append(((begin, end), (0.0, height), "wall"))
    depth = {"wall": (0.0, WALL), "glass": ((WALL - PANE) / 2, (WALL + PANE) / 2)}
    return [
        block((length - last, length - first), depth[finish], span, finish)
        for (first, last), span, finish in solids
        if last - first > 1e-6 and span[1] - span[0] > 1e-6
    ]


def _turn(plan: FloorPlan, number: int) -> float:
    """Radians by which one turns left from a wall into the next."""
    walls = plan.walls
    directions = [
        math.atan2(end[1] - start[1], end[0] - start[0])
        for start, end in (walls[number], walls[(number + 1) % len(walls)])
    ]
    return math.remainder(directions[1] - directions[0], 2 * math.pi)


def _overlap(turn: float) -> float:
    """Metres by which a wall goes on beyond a corner, so that no gap is seen there, and no wall is in the room."""
    if turn >= 0:
        return WALL * math.tan(min(turn, 2.4) / 2)
    return -WALL * math.tan(max(0.0, min(-turn, 2.4) - math.pi / 2))


def _mirrored(piece: Piece, twice: float) -> Piece:
    """The same box on the other side of the plane y = twice / 2."""
    x, y, z = piece.geometry.at
    dx, dy, dz = piece.geometry.half
    return block((x - dx, x + dx), (twice - y - dy, twice - y + dy), (z - dz, z + dz), piece.finish)
