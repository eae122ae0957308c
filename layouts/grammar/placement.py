"""Finding a place for a group of furniture: many candidates at once, checked exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from ...sim.furniture import CATEGORIES
from ...sim.layout import FloorPlan, LayoutObject
from ..geometry import Boxes, area_in_box, penetration, shared_height
from ..openings import door_segments, inward, keep_outs
from .groups import Piece

TRIES = 48  # candidates at once
AWAY = 0.5  # metres that a group in the middle keeps from the walls


class Placement:
    """A room in the making.

    Args:
        plan: its floor plan.
        rng: of the candidates.

    objects: what has been placed, in order.
    """

    def __init__(self, plan: FloorPlan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.objects: list[LayoutObject] = []
        self._floor = torch.tensor(plan.corners, dtype=torch.float64)
        self._openings = keep_outs([plan], torch.float64).map(0)
        self._placed, self._zones = _no_boxes(), _no_boxes()

    def place(self, pieces: Sequence[Piece], where: str, far_from_door: bool = False) -> bool:
        """Places a group where nothing is in its way, and returns whether there was such a place.

        Args:
            pieces: of the group.
            where: "wall", "corner" or "middle".
            far_from_door: of the places found, the one farthest from the doors is taken.
        """
        candidates = self._candidates(pieces, where)
        boxes = _at(candidates, _frames(pieces))
        zones = _at(candidates, [row for row in map(_zone, pieces) if row])
        solid = torch.tensor([CATEGORIES[piece.category].obstacle for piece in pieces])
        fits = self._inside(boxes, 0.9999) & self._inside(zones, 0.9)
        obstacles = Boxes(*(tensor[:, solid] for tensor in boxes))
        for ours, theirs in (
            (obstacles, self._placed),
            (obstacles, self._openings),
            (obstacles, self._zones),
            (zones, self._placed),
        ):
            fits &= ~_meet(ours, theirs)
        found = fits.nonzero().flatten()
        if not len(found):
            return False
        chosen = int(found[0])
        doors = door_segments(self.plan).mean(1)
        if far_from_door and len(doors):
            distance = torch.cdist(boxes.center[found, 0], doors).amin(1)
            chosen = int(found[int(distance.argmax())])
        self._keep(pieces, boxes.map(chosen), zones.map(chosen), solid)
        return True

    def _keep(self, pieces: Sequence[Piece], boxes: Boxes, zones: Boxes, solid: torch.Tensor) -> None:
        for index, piece in enumerate(pieces):
            x, y = (round(value, 4) for value in boxes.center[index].tolist())
            yaw = math.remainder(float(boxes.yaw[index]), 2 * math.pi)
            self.objects.append(LayoutObject(piece.category, piece.size, (x, y, piece.bottom), yaw))
        self._placed = _joined(self._placed, Boxes(*(tensor[solid] for tensor in boxes)))
        self._zones = _joined(self._zones, zones)

    def _candidates(self, pieces: Sequence[Piece], where: str) -> torch.Tensor:
        """(M, 3) of x, y and yaw of the group's frame."""
        if where == "middle":
            low, high = self._floor.amin(0).numpy() + AWAY, self._floor.amax(0).numpy() - AWAY
            xy = self.rng.uniform(np.minimum(low, high), np.maximum(low, high), (TRIES, 2))
            yaw = self._wall_yaw(self.rng.integers(len(self.plan.corners), size=TRIES))
            turns = yaw + math.pi / 2 * self.rng.integers(4, size=TRIES)
            return torch.from_numpy(np.concatenate([xy, turns[:, None]], 1))
        lengths = np.array([math.dist(*wall) for wall in self.plan.walls])
        extents = [_extent(piece) for piece in pieces if CATEGORIES[piece.category].obstacle]
        left, right = min(low for low, _ in extents), max(high for _, high in extents)
        walls = self.rng.choice(len(lengths), size=TRIES, p=lengths / lengths.sum())
        room = np.maximum(lengths[walls] - (right - left), 0)
        share = self.rng.random(TRIES)
        if where == "corner":
            share = np.round(share)
        # often flush with a corner, as furniture is: exactly beside the wall that begins there
        share = np.where(self.rng.random(TRIES) < 0.25, np.round(share), share)
        gap = np.minimum(self.rng.uniform(0.0, 0.05, TRIES), room / 2)
        offset = gap + share * (room - 2 * gap)
        starts = np.array([wall[0] for wall in self.plan.walls])[walls]
        normals = np.array([inward(self.plan, wall) for wall in range(len(lengths))])[walls]
        along = np.stack([normals[:, 1], -normals[:, 0]], 1)
        # the group's x runs against the wall's direction, because its front looks into the room
        xy = starts + along * (offset + right)[:, None]
        return torch.from_numpy(np.concatenate([xy, self._wall_yaw(walls)[:, None]], 1))

    def _wall_yaw(
        self, walls: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """(M,) the yaw of things whose back is at a wall."""
        normals = np.array([inward(self.plan, int(wall)) for wall in walls])
        yaw: np.ndarray[tuple[int], np.dtype[np.float64]] = np.arctan2(normals[:, 0], -normals[:, 1])
        return yaw

    def _inside(self, boxes: Boxes, share: float) -> torch.Tensor:
        """(M,) whether at least this share of each box (M, K) is on the floor."""
        if not boxes.yaw.shape[1]:
            return torch.ones(len(boxes.yaw), dtype=torch.bool)
        floor = self._floor.expand(*boxes.yaw.shape, -1, 2)
        return (area_in_box(boxes.local(floor), boxes.half) >= share * boxes.area).all(1)


def _meet(ours: Boxes, theirs: Boxes) -> torch.Tensor:
    """(M,) whether any of M x K boxes penetrates any of P others by more than a millimetre."""
    if not ours.yaw.shape[1] or not len(theirs.yaw):
        return torch.zeros(len(ours.yaw), dtype=torch.bool)
    first = Boxes(*(tensor[:, :, None] for tensor in ours))
    return ((penetration(first, theirs) > 1e-3) & (shared_height(first, theirs) > 1e-3)).flatten(1).any(1)


def _frames(pieces: Sequence[Piece]) -> list[tuple[float, ...]]:
    return [(p.x, p.y, p.size[0] / 2, p.size[1] / 2, p.yaw, p.bottom, p.bottom + p.size[2]) for p in pieces]


def _zone(piece: Piece) -> tuple[float, ...] | None:
    """What must stay free before a piece, of the height in which people move."""
    front = CATEGORIES[piece.category].front
    if not front:
        return None
    middle = (piece.size[1] + front) / 2
    x, y = piece.x + math.sin(piece.yaw) * middle, piece.y - math.cos(piece.yaw) * middle
    return (x, y, piece.size[0] / 2, front / 2, piece.yaw, 0.02, 1.4)


def _extent(piece: Piece) -> tuple[float, float]:
    """Where a piece begins and ends along x."""
    cos, sin = abs(math.cos(piece.yaw)), abs(math.sin(piece.yaw))
    half = (cos * piece.size[0] + sin * piece.size[1]) / 2
    return piece.x - half, piece.x + half


def _at(candidates: torch.Tensor, rows: Sequence[tuple[float, ...]]) -> Boxes:
    """(M, K) boxes of a group's frame at candidates (M, 3)."""
    values = torch.tensor(rows, dtype=torch.float64).reshape(-1, 7)
    cos, sin = candidates[:, 2:].cos(), candidates[:, 2:].sin()
    x = candidates[:, :1] + cos * values[:, 0] - sin * values[:, 1]
    y = candidates[:, 1:2] + sin * values[:, 0] + cos * values[:, 1]
    shape = (len(candidates), len(values))
    return Boxes(
        torch.stack([x, y], -1),
        values[:, 2:4].expand(*shape, 2),
        candidates[:, 2:] + values[:, 4],
        values[:, 5].expand(shape),
        values[:, 6].expand(shape),
    )


def _no_boxes() -> Boxes:
    flat = torch.zeros(0, dtype=torch.float64)
    return Boxes(flat.reshape(0, 2), flat.reshape(0, 2), flat, flat, flat)


def _joined(first: Boxes, second: Boxes) -> Boxes:
    return Boxes(*(torch.cat(pair) for pair in zip(first, second)))
