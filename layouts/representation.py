"""Rooms as networks see them: a row of numbers for each object and for each wall.

An object is its place, its size, the cosine and sine of its yaw, and its class as -1 and 1 with "nothing" last, as in
Yang et al. 2024. Unlike there, lengths are in fixed units and not scaled by a data set, so that foreign floor plans
stay in range; and height above the floor is no variable: what stands on a thing has its height from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange

from ..errors import InteractiveActionError
from ..sim.furniture import CATEGORIES, ROOM_TYPES
from ..sim.layout import KINDS, FloorPlan, Layout, LayoutObject
from .floor_plans import centered
from .geometry import Boxes
from .openings import door_segments
from .rooms import NAMES, Rooms, to_walls

SLOTS = 16  # objects at most
UNIT = 2.0  # metres that are 1 in a network
PLACE, SIZE, TURN, CLASS = slice(0, 2), slice(2, 5), slice(5, 7), slice(7, 7 + len(NAMES) + 1)
CHANNELS = CLASS.stop
NOTHING = len(NAMES)
WALL_CHANNELS = 4 + 2 + 1 + len(KINDS) + 1 + 2  # ends, direction inwards, length, kind, sill, swing
ROOM_CHANNELS = len(ROOM_TYPES) + 1 + 2 + 2  # type, area; tidiness and count, each with whether it is known
SMALLEST, WIDEST = 0.5, 1.8  # times the usual size of a class: what a network may ask for


@dataclass(frozen=True)
class Condition:
    """What a network is told of B rooms.

    Args:
        walls: (B, W, ``WALL_CHANNELS``) walls and openings.
        there: (B, W) bool; the others only fill the batch.
        room: (B, ``ROOM_CHANNELS``).
        ordered: (B,) 1 where slots are in the order of ``canonical_order``, 0 where in any.
    """

    walls: torch.Tensor
    there: torch.Tensor
    room: torch.Tensor
    ordered: torch.Tensor

    def to(self, device: torch.device | str) -> Condition:
        """Returns it on a device."""
        return Condition(*(tensor.to(device) for tensor in (self.walls, self.there, self.room, self.ordered)))


def encode_objects(layouts: Sequence[Layout]) -> torch.Tensor:
    """Returns (B, ``SLOTS``, ``CHANNELS``) the objects of layouts, relative to the middles of their floors.

    Raises:
        InteractiveActionError: a room has more objects than slots.
    """
    rows = torch.zeros(len(layouts), SLOTS, CHANNELS)
    rows[..., CLASS] = -1
    rows[..., NOTHING + CLASS.start] = 1
    rows[..., 5] = 1  # nothing looks ahead
    for row, layout in enumerate(layouts):
        if len(layout.objects) > SLOTS:
            raise InteractiveActionError(
                f"A room has {len(layout.objects)} objects, and the network has {SLOTS} places. Leave some out."
            )
        _, middle = centered(layout.floor_plan)
        for slot, item in enumerate(layout.objects):
            rows[row, slot] = encode_object(item, middle)
    return rows


def encode_object(item: LayoutObject, middle: tuple[float, float]) -> torch.Tensor:
    """Returns (``CHANNELS``,) one object, relative to the middle of its floor."""
    one = torch.full((CHANNELS,), -1.0)
    one[PLACE] = torch.tensor([(item.position[k] - middle[k]) / UNIT for k in range(2)])
    one[SIZE] = torch.tensor(item.size) - 1
    one[TURN] = torch.tensor([math.cos(item.yaw), math.sin(item.yaw)])
    one[CLASS.start + NAMES.index(item.category)] = 1
    return one


def condition(
    plans: Sequence[FloorPlan],
    tidiness: Sequence[float | None],
    counts: Sequence[int | None],
    ordered: bool = True,
) -> Condition:
    """Returns what a network is told.

    Args:
        plans: floor plans.
        tidiness: for each from 0 to 1, or None: not said.
        counts: how many objects each should have, or None: not said.
        ordered: whether slots are in canonical order.
    """
    rows = [_wall_rows(centered(plan)[0]) for plan in plans]
    longest = max(map(len, rows))
    walls, there = torch.zeros(len(plans), longest, WALL_CHANNELS), torch.zeros(len(plans), longest, dtype=torch.bool)
    for index, row in enumerate(rows):
        walls[index, : len(row)], there[index, : len(row)] = torch.tensor(row), True
    room = [
        [
            *(float(plan.room_type == name) for name in ROOM_TYPES),
            plan.area / 20,
            *((0.0, 0.0) if tidy is None else (tidy, 1.0)),
            *((0.0, 0.0) if count is None else (count / SLOTS, 1.0)),
        ]
        for plan, tidy, count in zip(plans, tidiness, counts)
    ]
    return Condition(walls, there, torch.tensor(room), torch.full((len(plans),), float(ordered)))


def canonical_order(objects: torch.Tensor) -> torch.Tensor:
    """Returns (B, S, ...) the objects by class, then from left to right: so that twins have each a slot of its own."""
    kind = objects[..., CLASS].argmax(-1)
    order = (kind * 1000 + objects[..., 0]).argsort(1)
    return torch.gather(objects, 1, order[..., None].expand_as(objects))


def symmetric(objects: torch.Tensor, walls: torch.Tensor, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns a batch of objects and walls under one of the eight symmetries of the square.

    Args:
        objects: (B, S, ``CHANNELS``).
        walls: (B, W, ``WALL_CHANNELS``).
        number: from 0, which changes nothing, to 7; from 4 on mirrored.
    """
    angle = math.pi / 2 * (number % 4)
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]).round()
    objects, walls = objects.clone(), walls.clone()
    if number >= 4:
        objects[..., 0], objects[..., 6] = -objects[..., 0], -objects[..., 6]
        walls = walls[..., [2, 3, 0, 1, *range(4, WALL_CHANNELS)]]  # still counter-clockwise
        walls[..., [0, 2, 4]] *= -1
    objects[..., PLACE] = objects[..., PLACE] @ turn
    objects[..., TURN] = objects[..., TURN] @ turn
    for start in (0, 2, 4):
        walls[..., start : start + 2] = walls[..., start : start + 2] @ turn
    return objects, walls


def decode_rooms(objects: torch.Tensor, plans: Sequence[FloorPlan]) -> Rooms:
    """Returns objects (B, S, ``CHANNELS``) as rooms around the middles of their floors.

    Args:
        objects: as a network predicts them.
        plans: centered floor plans.
    """
    kind = objects[..., CLASS].argmax(-1)
    present, category = kind != NOTHING, kind.clamp(max=len(NAMES) - 1)
    usual = torch.tensor([item.size for item in CATEGORIES.values()], device=objects.device)[category]
    size = torch.minimum(torch.maximum(objects[..., SIZE] + 1, SMALLEST * usual), WIDEST * usual)
    center, yaw = objects[..., PLACE] * UNIT, torch.atan2(objects[..., 6], objects[..., 5])
    bottom = _bottoms(category, present, center, size)
    boxes = Boxes(center, size[..., :2] / 2, yaw, bottom, bottom + size[..., 2])
    return Rooms(boxes, category, present, to_walls(plans).to(objects.device))


def encode_moved(objects: torch.Tensor, rooms: Rooms) -> torch.Tensor:
    """Returns objects (B, S, ``CHANNELS``) at the places and yaws that ``rooms`` has for them."""
    moved = objects.clone()
    moved[..., PLACE] = rooms.boxes.center / UNIT
    length = objects[..., TURN].square().sum(-1, keepdim=True).sqrt()
    moved[..., TURN] = length * torch.stack([rooms.boxes.yaw.cos(), rooms.boxes.yaw.sin()], -1)
    return torch.where(rooms.present[..., None], moved, objects)


def decode_layouts(objects: torch.Tensor, plans: Sequence[FloorPlan]) -> list[Layout]:
    """Returns objects (B, S, ``CHANNELS``) as layouts of floor plans, which need not be centered."""
    shifted = [centered(plan) for plan in plans]
    rooms = decode_rooms(objects, [plan for plan, _ in shifted])
    boxes = Boxes(*(tensor.detach().double().cpu() for tensor in rooms.boxes))
    layouts = []
    for row, (plan, (_, middle)) in enumerate(zip(plans, shifted)):
        items = []
        for slot in rooms.present[row].nonzero().flatten().tolist():
            x, y = (float(boxes.center[row, slot, k]) + middle[k] for k in range(2))
            width, depth = (2 * boxes.half[row, slot]).tolist()
            bottom = float(boxes.bottom[row, slot])
            size = (width, depth, float(boxes.top[row, slot]) - bottom)
            name = NAMES[int(rooms.category[row, slot])]
            items.append(LayoutObject(name, size, (x, y, bottom), float(boxes.yaw[row, slot])))
        layouts.append(Layout(plan, tuple(items)))
    return layouts


def _bottoms(category: torch.Tensor, present: torch.Tensor, center: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """(B, S) heights of undersides: the usual one, or that of what is below."""
    bottom = torch.tensor([item.bottom for item in CATEGORIES.values()], device=category.device)[category]
    table = [[below in CATEGORIES[name].on for below in NAMES] for name in NAMES]
    on = torch.tensor(table, device=category.device)[rearrange(category, "b n -> b n 1"), category[:, None]]
    possible = on & present[:, None]
    distance = torch.where(possible, torch.cdist(center, center), torch.inf)
    height = torch.gather(size[..., 2], 1, distance.argmin(-1))
    return torch.where(possible.any(-1), height, bottom)


def _wall_rows(plan: FloorPlan) -> list[list[float]]:
    """One row a wall, then one an opening."""
    rows = [_wall_row(start, end, -1, 0.0, 0.0) for start, end in plan.walls]
    doors = iter(door_segments(plan).tolist())
    for opening in plan.openings:
        kind = KINDS.index(opening.kind)
        if opening.kind == "window":
            (x, y), end = plan.walls[opening.wall]
            length = math.dist((x, y), end)
            along = (end[0] - x) / length, (end[1] - y) / length
            ends = [[x + along[0] * at, y + along[1] * at] for at in (opening.start, opening.start + opening.width)]
        else:
            ends = next(doors)
        rows.append(_wall_row(ends[0], ends[1], kind, opening.sill, float(opening.swing == "in")))
    return rows


def _wall_row(start: Sequence[float], end: Sequence[float], kind: int, sill: float, inside: float) -> list[float]:
    (x, y), (end_x, end_y) = start, end
    length = max(math.dist((x, y), (end_x, end_y)), 1e-6)
    kinds = [float(kind == -1), *(float(kind == index) for index in range(len(KINDS)))]
    inwards = [(y - end_y) / length, (end_x - x) / length]
    return [x / UNIT, y / UNIT, end_x / UNIT, end_y / UNIT, *inwards, length / UNIT, *kinds, sill, inside]
