"""Layouts as tensors: a batch of rooms, padded to the largest, and back to plain data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..sim.furniture import CATEGORIES
from ..sim.layout import FloorPlan, Layout, LayoutObject
from .geometry import Boxes

NAMES = tuple(CATEGORIES)
FAR = 1e4  # metres: where walls lie that only fill a batch


@dataclass(frozen=True)
class Rooms:
    """B rooms with up to N objects and W walls.

    Args:
        boxes: (B, N) the objects.
        category: (B, N) numbers of ``NAMES``.
        present: (B, N) bool; the others only fill the batch.
        walls: (B, W, 2, 2) ends of the walls; those that only fill the batch have no length and are ``FAR`` away.
    """

    boxes: Boxes
    category: torch.Tensor
    present: torch.Tensor
    walls: torch.Tensor

    @property
    def obstacle(self) -> torch.Tensor:
        """(B, N) bool: what is there and in the way."""
        solid = torch.tensor([CATEGORIES[name].obstacle for name in NAMES], device=self.category.device)
        return self.present & solid[self.category]

    def moved(self, center: torch.Tensor, yaw: torch.Tensor) -> Rooms:
        """Returns the same things at other places: center (B, N, 2), yaw (B, N)."""
        return dataclasses.replace(self, boxes=self.boxes._replace(center=center, yaw=yaw))

    def room(self, index: int) -> Rooms:
        """Returns one room as a batch of one."""
        part = slice(index, index + 1)
        return Rooms(self.boxes.map(part), self.category[part], self.present[part], self.walls[part])


def to_rooms(layouts: Sequence[Layout], dtype: torch.dtype = torch.float32) -> Rooms:
    """Returns layouts as one batch of ``dtype`` on the CPU."""
    count = max([1, *(len(layout.objects) for layout in layouts)])
    values = torch.zeros(len(layouts), count, 7, dtype=dtype)
    values[..., 3:6] = 1
    category = torch.zeros(len(layouts), count, dtype=torch.long)
    present = torch.zeros(len(layouts), count, dtype=torch.bool)
    for row, layout in enumerate(layouts):
        for column, item in enumerate(layout.objects):
            values[row, column] = torch.tensor([*item.position, *item.size, item.yaw], dtype=dtype)
            category[row, column] = NAMES.index(item.category)
            present[row, column] = True
    bottom = values[..., 2]
    boxes = Boxes(values[..., :2], values[..., 3:5] / 2, values[..., 6], bottom, bottom + values[..., 5])
    return Rooms(boxes, category, present, to_walls([layout.floor_plan for layout in layouts], dtype))


def to_walls(plans: Sequence[FloorPlan], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Returns the walls (B, W, 2, 2) of floor plans, filled as ``Rooms`` says."""
    walls = torch.full((len(plans), max(len(plan.corners) for plan in plans), 2, 2), FAR, dtype=dtype)
    for row, plan in enumerate(plans):
        walls[row, : len(plan.corners)] = torch.tensor(plan.walls, dtype=dtype)
    return walls


def to_layouts(rooms: Rooms, layouts: Sequence[Layout]) -> list[Layout]:
    """Returns copies of layouts whose things stand where ``rooms`` has them.

    Args:
        rooms: made from the same layouts by ``to_rooms``, and moved.
        layouts: give all but place and yaw.
    """
    center, yaw = rooms.boxes.center.detach().double().cpu(), rooms.boxes.yaw.detach().double().cpu()
    return [
        dataclasses.replace(
            layout,
            objects=tuple(
                _moved(item, center[row, column].tolist(), float(yaw[row, column]))
                for column, item in enumerate(layout.objects)
            ),
        )
        for row, layout in enumerate(layouts)
    ]


def box_sets(rooms: Rooms) -> Boxes:
    """Returns each object's parts as boxes (B, N, P); parts that a class lacks have no size and lie ``FAR`` below.

    A chair can stand under a table's top: its box set says so where its box does not.
    """
    device, dtype = rooms.category.device, rooms.boxes.half.dtype
    table = _PARTS.to(device=device, dtype=dtype)[rooms.category]  # (B, N, P, 6)
    low, high = table[..., 0::2], table[..., 1::2]
    boxes, height = rooms.boxes, (rooms.boxes.top - rooms.boxes.bottom)[..., None]
    offset = ((low + high)[..., :2] - 1) * boxes.half[..., None, :]
    bottom = boxes.bottom[..., None] + low[..., 2] * height
    top = boxes.bottom[..., None] + high[..., 2] * height
    missing = (high <= low).any(-1)
    return Boxes(
        boxes.center[..., None, :] + offset @ boxes.axes,
        (high - low)[..., :2] * boxes.half[..., None, :],
        boxes.yaw[..., None].expand(missing.shape),
        torch.where(missing, torch.full_like(bottom, -FAR), bottom),
        torch.where(missing, torch.full_like(top, -FAR - 1), top),
    )


def front(yaw: torch.Tensor) -> torch.Tensor:
    """Returns the direction (..., 2) in which a thing's front looks."""
    return torch.stack([yaw.sin(), -yaw.cos()], -1)


def _moved(item: LayoutObject, center: Sequence[float], yaw: float) -> LayoutObject:
    x, y = center
    return dataclasses.replace(item, position=(x, y, item.position[2]), yaw=math.remainder(yaw, 2 * math.pi))


def _parts_table() -> torch.Tensor:
    """(classes, P, 6): the parts of each class, filled with zeros."""
    table = torch.zeros(len(NAMES), max(len(category.parts) for category in CATEGORIES.values()), 6)
    for row, category in enumerate(CATEGORIES.values()):
        table[row, : len(category.parts)] = torch.tensor(category.parts, dtype=table.dtype)
    return table


_PARTS = _parts_table()
