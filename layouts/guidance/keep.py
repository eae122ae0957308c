"""What guidance shall not undo: backs that are at a wall stay there, and what stands on a thing goes with it.

Without this, a pair of things is pushed apart alike, and the bed leaves its wall for the nightstand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from ...sim.furniture import CATEGORIES
from ..relations import AGAINST_WALL
from ..rooms import NAMES, Rooms, front

NEAR, ALIGNED, BESIDE = 0.25, 0.95, 0.3  # metres and the cosine within which a back counts as at a wall


class Kept(NamedTuple):
    """What a batch looked like before it was moved.

    Args:
        wall: (B, N) number of the wall behind each object.
        at_wall: (B, N) bool: whether there is one.
        gap: (B, N) metres to it, not negative.
        support: (B, N) number of the object below.
        supported: (B, N) bool: whether there is one.
        offset: (B, N, 2) metres from the middle of the object below, in its frame.
    """

    wall: torch.Tensor
    at_wall: torch.Tensor
    gap: torch.Tensor
    support: torch.Tensor
    supported: torch.Tensor
    offset: torch.Tensor


@torch.no_grad()
def remember(rooms: Rooms) -> Kept:
    """Returns what shall be kept of a batch."""
    gap, along_outside, cosine = _to_walls(rooms)
    kind = torch.tensor([name in AGAINST_WALL for name in NAMES], device=gap.device)[rooms.category]
    fits = (gap.abs() <= NEAR) & (cosine >= ALIGNED) & (along_outside <= BESIDE)
    fits &= (rooms.present & kind)[..., None]
    wall = torch.where(fits, gap.abs(), torch.inf).argmin(-1)
    support, supported, offset = _supports(rooms)
    return Kept(wall, fits.any(-1), _take(gap, wall).clamp(min=0), support, supported, offset)


def keep_loss(rooms: Rooms, kept: Kept) -> torch.Tensor:
    """Returns (B,) the squared metres by which backs left their walls and things their supports."""
    gap = _take(_to_walls(rooms)[0], kept.wall)
    walls = ((gap - kept.gap).square() * kept.at_wall).sum(1)
    moved = (_offsets(rooms, kept.support) - kept.offset).square().sum(-1)
    return walls + (moved * kept.supported).sum(1)


def _to_walls(rooms: Rooms) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, N, W) of each back and wall: metres between, metres beyond the wall's ends, cosine between directions."""
    start, way = rooms.walls[:, None, :, 0], rooms.walls[:, None, :, 1] - rooms.walls[:, None, :, 0]
    length = way.square().sum(-1).clamp(min=1e-12).sqrt()
    along = way / length[..., None]
    normal = torch.stack([-along[..., 1], along[..., 0]], -1)
    looks = front(rooms.boxes.yaw)[:, :, None]
    back = rooms.boxes.center[:, :, None] - looks * rooms.boxes.half[:, :, None, 1:]
    distance, share = ((back - start) * normal).sum(-1), ((back - start) * along).sum(-1)
    beyond = torch.maximum(-share, share - length).clamp(min=0)
    return distance, beyond, (looks * normal).sum(-1)


def _supports(rooms: Rooms) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(number, whether there is one, offset) of what each object stands on."""
    table = [[below in CATEGORIES[name].on for below in NAMES] for name in NAMES]
    on = torch.tensor(table, device=rooms.category.device)
    possible = on[rooms.category[:, :, None], rooms.category[:, None]] & rooms.present[:, None]
    distance = torch.cdist(rooms.boxes.center, rooms.boxes.center)
    support = torch.where(possible, distance, torch.inf).argmin(-1)
    offset = _offsets(rooms, support)
    half = torch.gather(rooms.boxes.half, 1, support[..., None].expand(-1, -1, 2))
    supported = possible.any(-1) & rooms.present & (offset.abs() <= half).all(-1)
    return support, supported, offset


def _offsets(rooms: Rooms, support: torch.Tensor) -> torch.Tensor:
    """(B, N, 2) each object's middle in the frame of the object with that number."""
    center = torch.gather(rooms.boxes.center, 1, support[..., None].expand(-1, -1, 2))
    axes = torch.gather(rooms.boxes.axes, 1, support[..., None, None].expand(-1, -1, 2, 2))
    return (axes @ (rooms.boxes.center - center)[..., None])[..., 0]


def _take(values: torch.Tensor, wall: torch.Tensor) -> torch.Tensor:
    return torch.gather(values, 2, wall[..., None])[..., 0]
