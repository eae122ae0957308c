"""Collision: what two boxes share, and how far one must move.

Yang et al. 2024 (PhyScene, Eq. 6) sum IoUs of boxes. An IoU has no gradient where one box lies in another or where they
only nearly touch, and hardly any where one is small. Here a pair costs the overlap's share of the smaller one, which is
exact, and the squared depth of penetration, which always says where out is.
"""

from __future__ import annotations

import torch
from einops import rearrange

from ...sim.furniture import CATEGORIES
from ..geometry import Boxes, overlap_area, penetration, shared_height
from ..rooms import NAMES, Rooms, box_sets, front

OVERLAP = 0.01  # weight of the overlap's share beside squared metres of depth
COINCIDENT = 1e-3  # metres between middles below which they do not say in which direction to part
SWEEPS = {"door": 1.0, "doors": 0.5}  # share of the width that a door needs before it
DRAWER = 0.7  # share of the depth that a drawer comes out
SEATS = ("chair", "stool")  # stand before drawers, and are moved to open them


def collision_loss(rooms: Rooms, parts: bool = True) -> torch.Tensor:
    """Returns (B,) the sum over pairs of obstacles.

    Args:
        rooms: the batch; its boxes may require gradients.
        parts: whether box sets are asked, so that a chair may go under a table; otherwise whole boxes.
    """
    boxes = box_sets(rooms) if parts else Boxes(*(tensor[:, :, None] for tensor in rooms.boxes))
    once = torch.ones_like(rooms.present[:, :, None] & rooms.present[:, None]).triu(1)
    both = rooms.obstacle[:, :, None] & rooms.obstacle[:, None] & once
    room, first, second = near(rooms.boxes, rooms.boxes, both)
    ours = Boxes(*(rearrange(tensor[room, first], "k p ... -> k p 1 ...") for tensor in boxes))
    theirs = Boxes(*(rearrange(tensor[room, second], "k q ... -> k 1 q ...") for tensor in boxes))
    return summed(pair_loss(ours, theirs).sum((-1, -2)), room, len(both))


def sweep_loss(rooms: Rooms) -> torch.Tensor:
    """Returns (B,) how much stands in the way of doors and drawers that open.

    Yang et al. 2024, section 4.3, enlarge the boxes of articulated objects; here what opens needs the space that it
    sweeps, and the space of two may overlap, since nobody opens both.
    """
    boxes = sweeps(rooms)
    seat = torch.tensor([name in SEATS for name in NAMES], device=rooms.category.device)[rooms.category]
    opens = (boxes.half > 0).all(-1) & rooms.present
    pairs = opens[:, :, None] & (rooms.obstacle & ~seat)[:, None]
    others = ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    room, first, second = near(boxes, rooms.boxes, pairs & others)
    return summed(pair_loss(boxes.map(room, first), rooms.boxes.map(room, second)), room, len(pairs))


def near(first: Boxes, second: Boxes, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns the numbers (K,) of room, first and second box of the pairs whose circles meet: few of all.

    Args:
        first: (B, N).
        second: (B, M).
        pairs: (B, N, M) bool: those in question.
    """
    with torch.no_grad():
        radii = first.half.square().sum(-1).sqrt()[:, :, None] + second.half.square().sum(-1).sqrt()[:, None]
        between = (first.center[:, :, None] - second.center[:, None]).square().sum(-1)
        room, one, other = (pairs & (between < radii.square())).nonzero().unbind(1)
    return room, one, other


def summed(values: torch.Tensor, room: torch.Tensor, count: int) -> torch.Tensor:
    """Returns (count,) sums of values (K,) over each room's pairs."""
    return torch.zeros(count, dtype=values.dtype, device=values.device).index_add(0, room, values)


def sweeps(rooms: Rooms) -> Boxes:
    """Returns the space (B, N) that each object's doors and drawers sweep; of no size where nothing opens."""
    boxes, dtype = rooms.boxes, rooms.boxes.half.dtype
    kinds = [category.opens for category in CATEGORIES.values()]
    device = rooms.category.device
    widths = torch.tensor([SWEEPS.get(kind, 0.0) for kind in kinds], dtype=dtype, device=device)
    depths = torch.tensor([DRAWER * kind.startswith("drawer") for kind in kinds], dtype=dtype, device=device)
    by_width, by_depth = widths[rooms.category], depths[rooms.category]
    depth = by_width * boxes.half[..., 0] + by_depth * boxes.half[..., 1]  # half of what is swept
    center = boxes.center + front(boxes.yaw) * (boxes.half[..., 1] + depth)[..., None]
    half = torch.stack([torch.where(depth > 0, boxes.half[..., 0], torch.zeros_like(depth)), depth], -1)
    return Boxes(center, half, boxes.yaw, boxes.bottom + 0.02, boxes.top)


def pair_loss(first: Boxes, second: Boxes) -> torch.Tensor:
    """Returns (...) the loss of pairs of boxes; 0 where they are apart or one is above the other."""
    between = second.center - first.center
    same = between.square().sum(-1, keepdim=True) < COINCIDENT**2
    # two middles in one place say nothing about where out is: they part along the first one's width
    second = second._replace(center=second.center + torch.where(same, COINCIDENT * first.axes[..., 0, :].detach(), 0.0))
    depth = penetration(first, second).clamp(min=0)
    smaller = torch.minimum(first.area, second.area).clamp(min=1e-4)
    meet = shared_height(first, second) > COINCIDENT
    return torch.where(meet, depth.square() + OVERLAP * overlap_area(first, second) / smaller, 0.0)
