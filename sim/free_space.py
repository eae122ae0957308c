"""Where there is room in a layout: for what stands on the floor, and for doors and drawers that open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .furniture import CATEGORIES
from .polygons import distance_to_walls

if TYPE_CHECKING:
    from .furnishings.bodies import Body
    from .furnishings.model import Link
    from .layout import Layout

TALL = 1.3  # meters: what hangs higher is in nobody's way
SAMPLES = 7  # positions of a joint, of which its sweep is made


class Block(NamedTuple):
    """An upright box that is turned about z.

    Args:
        center: (2,) meters.
        half: (2,) half width and depth in meters.
        yaw: radians.
        bottom: meters above the floor.
        top: meters above the floor.
    """

    center: np.ndarray
    half: np.ndarray
    yaw: float
    bottom: float
    top: float

    def local(self, points: np.ndarray) -> np.ndarray:
        """Returns points (P, 2) in its axes."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return (points - self.center) @ np.array([[cos, -sin], [sin, cos]])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Returns (P,) meters from points (P, 2) to its footprint, negative inside."""
        beyond = np.abs(self.local(points)) - self.half
        return np.linalg.norm(beyond.clip(0), axis=-1) + beyond.max(-1).clip(max=0)


def blocks(layout: Layout, without: Sequence[int] = ()) -> list[Block]:
    """Returns the boxes of a layout's objects, but of those that are walked over and of some numbers."""
    return [
        Block(np.array(item.position[:2]), np.array(item.size[:2]) / 2, item.yaw, z, z + item.size[2])
        for number, item in enumerate(layout.objects)
        if number not in without and CATEGORIES[item.category].obstacle
        for z in item.position[2:]
    ]


def clearance(layout: Layout, points: np.ndarray, others: Iterable[Block] = ()) -> np.ndarray:
    """Returns (P,) meters from points (P, 2) of the floor to the nearest wall, object or other block; negative inside.

    Args:
        layout: the room.
        points: places on the floor.
        others: what else is in the way, such as the sweep of a door.
    """
    low = [block for block in (*blocks(layout), *others) if block.bottom < TALL]
    return np.min([distance_to_walls(layout.floor_plan.corners, points), *(block.distance(points) for block in low)], 0)


def sweep(body: Body, link: Link, opened: float = 1.0) -> list[Block]:
    """Returns the boxes in which a link is while it opens.

    Args:
        body: in the room, shut.
        link: one of its.
        opened: share of its range to which it opens.
    """
    found = []
    bounds = np.array([piece.geometry.bounds() for piece in link.pieces])
    for share in np.linspace(0, opened, SAMPLES):
        motion = body.pose @ link.motion(float(share))
        turn = np.arctan2(motion[1, 0], motion[0, 0])
        upright = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        spread = np.abs(upright @ motion[:3, :3])
        for low, high in bounds:
            middle = motion[:3, :3] @ (low + high) / 2 + motion[:3, 3]
            half = spread @ (high - low) / 2
            found.append(Block(middle[:2], half[:2], float(turn), middle[2] - half[2], middle[2] + half[2]))
    return found


def sweep_is_free(layout: Layout, number: int, swept: Sequence[Block], slack: float = 0.01) -> bool:
    """Whether nothing but the thing itself is where a link goes.

    Args:
        layout: the room.
        number: of the thing.
        swept: as of ``sweep``.
        slack: meters by which it may go into others: things stand flush.
    """
    corners = np.concatenate([_corners(block) for block in swept])
    if (distance_to_walls(layout.floor_plan.corners, corners) < -slack).any():
        return False
    others = part_blocks(layout, without=(number,))
    return not others or bool((depths(swept, others) <= slack).all())


def part_blocks(layout: Layout, without: Sequence[int] = ()) -> list[Block]:
    """Returns the box sets of a layout's objects: a chair may stand under a table's top."""
    found = []
    for number, item in enumerate(layout.objects):
        kind = CATEGORIES[item.category]
        if number in without or not kind.obstacle:
            continue
        whole = Block(np.array(item.position[:2]), np.array(item.size[:2]) / 2, item.yaw, 0.0, 0.0)
        cos, sin = np.cos(item.yaw), np.sin(item.yaw)
        for part in kind.parts:
            low, high = np.array(part[0::2]), np.array(part[1::2])
            offset = ((low + high)[:2] - 1) * whole.half
            center = whole.center + [cos * offset[0] - sin * offset[1], sin * offset[0] + cos * offset[1]]
            bottom, top = item.position[2] + np.array([low[2], high[2]]) * item.size[2]
            found.append(Block(center, (high - low)[:2] * whole.half, item.yaw, float(bottom), float(top)))
    return found


def depths(first: Sequence[Block], second: Sequence[Block]) -> np.ndarray:
    """Returns (F, S) meters by which blocks penetrate, by the separating axis theorem; not positive: they are apart."""
    (center, half, yaw, bottom, top), (others, size, turn, low, high) = (
        [np.array(values) for values in zip(*blocks)] for blocks in (first, second)
    )
    height = np.minimum(top[:, None], high) - np.maximum(bottom[:, None], low)
    between = others - center[:, None]  # (F, S, 2)
    axes, turned = _axes(yaw), _axes(turn)  # (F, 2, 2), (S, 2, 2)
    both = np.broadcast_arrays(axes[:, None], turned[None])
    directions = np.concatenate(both, -2)  # (F, S, 4, 2)
    reach = (np.abs(directions @ axes[:, None].swapaxes(-1, -2)) * half[:, None, None]).sum(-1)
    reach += (np.abs(directions @ turned[None].swapaxes(-1, -2)) * size[None, :, None]).sum(-1)
    apart = np.abs((directions * between[..., None, :]).sum(-1))
    return np.minimum(height, (reach - apart).min(-1))


def _axes(yaw: np.ndarray) -> np.ndarray:
    """(n, 2, 2) directions of width and depth, one a row."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)


def _corners(block: Block) -> np.ndarray:
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    cos, sin = np.cos(block.yaw), np.sin(block.yaw)
    return block.center + (signs * block.half) @ np.array([[cos, sin], [-sin, cos]])
