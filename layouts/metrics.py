"""What is physically wrong with a room: collisions, things in walls, places that cannot be reached.

Collisions are asked of box sets in both directions, areas are exact, and every share is of one room; means and
intervals over rooms are ``scores``'s.

Source: Yang et al. 2024 (PhyScene), section 4.1, as its text defines them. Its published code differs: it flags a pair
by vertices of the later object only, truncates boxes to pixels, and divides the component that happens to come first.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange

from ..sim.layout import Layout
from ..sim.robot import HandleReach
from .geometry import Boxes, area_in_box, distance_to_outside, overlap_area, penetration, shared_height
from .openable import r_open
from .rooms import NAMES, Rooms, box_sets, to_rooms
from .walkable import Body, walkable_map

TOUCHING = 5e-3  # metres: what penetrates less only touches
OUT_SHARE, OUT_DEPTH = 0.01, 0.01  # share of a footprint, and metres, that may be in a wall
EPSILON = 1e-6  # instances of a class that is not there, for the divergence


@dataclass(frozen=True)
class RoomMetrics:
    """The metrics of one room.

    Args:
        col_obj: share of objects that collide.
        col_scene: 1 if any does.
        overlap_volume: cubic metres that objects share.
        deepest: metres of the deepest collision.
        r_out: share of objects that are in a wall or outside.
        out_area: square metres of footprints outside.
        r_walkable: share of the free area that is its largest part.
        r_reach: expected share of objects reached from a random free place.
        from_door: share of objects reached from a door; 0 without one.
        r_open: share of doors and drawers of furniture that open freely and whose handles a robot reaches.
        objects: how many there are.
    """

    col_obj: float
    col_scene: float
    overlap_volume: float
    deepest: float
    r_out: float
    out_area: float
    r_walkable: float
    r_reach: float
    from_door: float
    r_open: float
    objects: float


def measure(layout: Layout, body: Body | None = None, reach: HandleReach | None = None) -> RoomMetrics:
    """Returns the metrics of a room.

    Args:
        layout: the room.
        body: of the robot; None: a usual one.
        reach: where the robot takes handles; None: as a Fetch does.
    """
    count, body = len(layout.objects), body or Body()
    walkable = walkable_map(layout, body)
    reached = walkable.from_door()
    walking = {
        "r_walkable": walkable.r_walkable(),
        "r_reach": walkable.r_reach(),
        "from_door": float(reached.mean()) if count else 1.0,
        "r_open": r_open(layout, walkable, body, reach),
        "objects": float(count),
    }
    if not count:
        return RoomMetrics(0, 0, 0, 0, 0, 0, **walking)
    rooms = to_rooms([layout], torch.float64)
    depth, volume = collisions(rooms)
    outside = outside_area(rooms)
    colliding, out = violations(rooms)
    return RoomMetrics(
        float(colliding[0].double().mean()),
        float(colliding.any()),
        float(volume[0].sum() / 2),
        float(depth[0].max().clamp(min=0)),
        float(out[0].double().mean()),
        float(outside[0].sum()),
        **walking,
    )


def violations(rooms: Rooms, slack: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (B, N) bool: what collides, and what is in a wall or outside; ``slack`` times the usual thresholds."""
    colliding = (collisions(rooms)[0] > slack * TOUCHING).any(-1)
    much = outside_area(rooms) > slack * OUT_SHARE * rooms.boxes.area
    return colliding, (much | (depth_outside(rooms) > slack * OUT_DEPTH)) & rooms.present


def collisions(rooms: Rooms) -> tuple[torch.Tensor, torch.Tensor]:
    """Measures every pair of objects by their box sets.

    Returns:
        (B, N, N) metres of the deepest penetration, 0 on the diagonal and where nothing stands; and (B, N, N) cubic
        metres that are shared.
    """
    parts = box_sets(rooms)
    first = Boxes(*(rearrange(tensor, "b n p ... -> b n 1 p 1 ...") for tensor in parts))
    second = Boxes(*(rearrange(tensor, "b m q ... -> b 1 m 1 q ...") for tensor in parts))
    height = shared_height(first, second)
    depth = torch.minimum(penetration(first, second), height).amax((-1, -2))
    volume = (overlap_area(first, second) * height.clamp(min=0)).sum((-1, -2))
    count = rooms.present.shape[1]
    pairs = rooms.obstacle[:, :, None] & rooms.obstacle[:, None, :] & ~torch.eye(count, dtype=torch.bool)
    return torch.where(pairs, depth, torch.zeros_like(depth)), torch.where(pairs, volume, torch.zeros_like(volume))


def outside_area(rooms: Rooms) -> torch.Tensor:
    """Returns (B, N) the exact square metres of each footprint that are outside the floor; 0 where nothing stands."""
    floor = rooms.walls[:, None, :, 0].clone()
    missing = (rooms.walls[:, :, 1] - rooms.walls[:, :, 0]).abs().sum(-1) == 0
    floor = torch.where(missing[:, None, :, None], floor[:, :, :1], floor)  # the first corner again has no area
    floor = floor.expand(-1, rooms.present.shape[1], -1, -1)
    inside = area_in_box(rooms.boxes.local(floor), rooms.boxes.half)
    return torch.where(rooms.present, (rooms.boxes.area - inside).clamp(min=0), torch.zeros_like(inside))


def depth_outside(rooms: Rooms) -> torch.Tensor:
    """Returns (B, N) metres by which the corner that is farthest outside is outside; 0 inside or where nothing stands.

    ``outside_area`` sees what comes into a room between a thing's corners.
    """
    corners = rearrange(rooms.boxes.corners, "b n c k -> b (n c) k")
    distance = rearrange(distance_to_outside(rooms.walls, corners), "b (n c) -> b n c", c=4).amin(-1)
    return torch.where(rooms.present, (-distance).clamp(min=0), torch.zeros_like(distance))


def category_divergence(reference: Sequence[Layout], generated: Sequence[Layout]) -> float:
    """Returns CKL: the Kullback-Leibler divergence of the classes' frequencies, KL(reference || generated), in nats.

    Frequencies are of instances; "nothing" is no class.
    """
    p, q = (_frequencies(layouts) for layouts in (reference, generated))
    return float((p * np.log(p / q)).sum())


def co_occurrence(layouts: Sequence[Layout]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Returns (classes, classes) shares of the rooms in which both classes stand."""
    there = np.array([[name in {item.category for item in layout.objects} for name in NAMES] for layout in layouts])
    return np.asarray(there.T.astype(float) @ there / max(len(layouts), 1))


def as_rows(metrics: Sequence[RoomMetrics]) -> dict[str, list[float]]:
    """Returns name -> one value a room."""
    names = [item.name for item in dataclasses.fields(RoomMetrics)]
    return {name: [getattr(room, name) for room in metrics] for name in names}


def _frequencies(layouts: Sequence[Layout]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counts = Counter(item.category for layout in layouts for item in layout.objects)
    values = np.array([counts[name] + EPSILON for name in NAMES])
    frequencies: np.ndarray[tuple[int], np.dtype[np.float64]] = values / values.sum()
    return frequencies
