"""Room: what is in a wall or outside, and what stands before a door or higher than a window's sill.

Yang et al. 2024 (PhyScene, Eq. 7) sum the IoUs of objects with boxes around the room; where a room is not convex such
boxes cut into it, and their IoU is of the order of 1e-6. Here points of each box cost the squared distance by which
they are outside, measured to the nearest wall of the exact polygon.
"""

from __future__ import annotations

import torch
from einops import rearrange

from ..geometry import Boxes, distance_to_outside
from ..rooms import Rooms
from .collision import near, pair_loss, summed

POINTS = 5  # a side: corners alone would not see a wall that comes in between them


def wall_loss(rooms: Rooms) -> torch.Tensor:
    """Returns (B,) the sum over objects of the mean square metres by which points of their boxes are outside."""
    side = torch.linspace(-1, 1, POINTS, dtype=rooms.boxes.half.dtype, device=rooms.boxes.half.device)
    grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    points = rooms.boxes.center[..., None, :] + (grid * rooms.boxes.half[..., None, :]) @ rooms.boxes.axes
    flat = rearrange(points, "b n p k -> b (n p) k")
    outside = rearrange((-distance_to_outside(rooms.walls, flat)).clamp(min=0), "b (n p) -> b n p", p=len(grid))
    # the worst point beside the mean: a wardrobe that is in the wall with its back alone has few points there
    cost = outside.square().mean(-1) + outside.amax(-1).square()
    return (cost * rooms.present).sum(1)


def opening_loss(rooms: Rooms, zones: Boxes) -> torch.Tensor:
    """Returns (B,) how much stands in the zones (B, K) of doors and windows (``openings.keep_outs``)."""
    pairs = rooms.obstacle[:, :, None].expand(-1, -1, zones.yaw.shape[1])
    room, first, second = near(rooms.boxes, zones, pairs)
    return summed(pair_loss(rooms.boxes.map(room, first), zones.map(room, second)), room, len(pairs))
