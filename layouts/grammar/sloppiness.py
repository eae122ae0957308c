"""Rooms as people really leave them: what makes a tidy room sloppy, more so the higher the sloppiness.

The amplitudes bring a set of which half is sloppy near the rates of layout models that imitate 3D-FRONT (Yang et al.
2024, Table 3: Col_obj .2, R_out .25, R_walkable .83, R_reach .76) without drowning how things belong together: over
240 rooms Col_obj .18, R_out .20, R_walkable .92, R_reach .90.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...sim.furniture import CATEGORIES
from ...sim.layout import FloorPlan, Layout, LayoutObject
from ..openings import door_segments, inward
from .groups import usual_size

SHIFT, TURN, STRETCH = 0.25, math.radians(8), 0.2  # metres, radians, share of the size: standard deviations
INTO_WALL = 0.55  # metres that a thing at a wall is pushed into it at most
TOO_MANY, BLOCKED_DOOR, ISLAND = 0.8, 0.8, 0.9  # probabilities at sloppiness 1
CROWDED, CLOSER = 1.0, (0.15, 0.5)  # probability at sloppiness 1 that a thing is pushed at another, and metres
CLUTTER = ("box", "bin", "plant", "chair", "stool")


def make_sloppy(layout: Layout, sloppiness: float, rng: np.random.Generator) -> Layout:
    """Returns a room that is less tidy.

    Args:
        layout: a tidy room.
        sloppiness: from 0, which changes nothing, to 1.
        rng: of the changes.
    """
    if sloppiness <= 0:
        return layout
    objects = [_moved(item, sloppiness, rng) for item in layout.objects]
    objects = _again_on_top(layout.objects, _crowded(objects, sloppiness, rng))
    for chance, add in ((TOO_MANY, _anywhere), (BLOCKED_DOOR, _before_door), (ISLAND, _across)):
        if rng.random() < chance * sloppiness:
            objects += add(layout.floor_plan, rng)
    return dataclasses.replace(layout, objects=tuple(objects))


def _moved(item: LayoutObject, sloppiness: float, rng: np.random.Generator) -> LayoutObject:
    """The thing at a place nearby, a little turned and of another size."""
    stretch = 1 + np.clip(STRETCH * sloppiness * rng.normal(size=2), -0.25, 0.4)
    back = float(rng.uniform(0, INTO_WALL) * sloppiness)
    x, y = SHIFT * sloppiness * rng.normal(size=2) + back * np.array([-math.sin(item.yaw), math.cos(item.yaw)])
    return dataclasses.replace(
        item,
        size=(item.size[0] * float(stretch[0]), item.size[1] * float(stretch[1]), item.size[2]),
        position=(item.position[0] + float(x), item.position[1] + float(y), item.position[2]),
        yaw=item.yaw + float(TURN * sloppiness * rng.normal()),
    )


def _crowded(objects: list[LayoutObject], sloppiness: float, rng: np.random.Generator) -> list[LayoutObject]:
    """Some things pushed at what is next to them, as a nightstand into the bed and a chair into its desk."""
    result = list(objects)
    for index, item in enumerate(objects):
        others = [other for other in objects if other is not item]
        if others and rng.random() < CROWDED * sloppiness:
            nearest = min(others, key=lambda other: math.dist(other.position[:2], item.position[:2]))
            way = np.subtract(nearest.position[:2], item.position[:2])
            x, y = item.position[:2] + way * min(1.0, rng.uniform(*CLOSER) / max(float(np.linalg.norm(way)), 1e-6))
            result[index] = dataclasses.replace(item, position=(float(x), float(y), item.position[2]))
    return result


def _again_on_top(before: tuple[LayoutObject, ...], after: list[LayoutObject]) -> list[LayoutObject]:
    """What stood on a thing goes where that thing went: nothing falls off."""
    result = list(after)
    for index, item in enumerate(before):
        supports = [n for n, other in enumerate(before) if other.category in CATEGORIES[item.category].on]
        if supports:
            below = min(supports, key=lambda n: math.dist(before[n].position[:2], item.position[:2]))
            shift = [after[below].position[k] - before[below].position[k] for k in range(2)]
            place = (item.position[0] + shift[0], item.position[1] + shift[1], item.position[2])
            result[index] = dataclasses.replace(after[index], position=place, size=item.size)
    return result


def _anywhere(plan: FloorPlan, rng: np.random.Generator) -> list[LayoutObject]:
    """One thing too many."""
    low, high = np.min(plan.corners, 0), np.max(plan.corners, 0)
    x, y = rng.uniform(low + 0.2, high - 0.2)
    return [_clutter(rng, float(x), float(y))]


def _before_door(plan: FloorPlan, rng: np.random.Generator) -> list[LayoutObject]:
    """A thing in the way of a door."""
    doors = door_segments(plan)
    if not len(doors):
        return []
    numbers = [opening.wall for opening in plan.openings if opening.kind != "window"]
    door = int(rng.integers(len(doors)))
    normal = inward(plan, numbers[door])
    x, y = (float(doors[door].mean(0)[k]) + 0.35 * normal[k] for k in range(2))
    return [_clutter(rng, x, y)]


def _across(plan: FloorPlan, rng: np.random.Generator) -> list[LayoutObject]:
    """A row of shelves that divides the room."""
    low, high = np.min(plan.corners, 0), np.max(plan.corners, 0)
    along = int(rng.integers(2))
    middle = rng.uniform(low + 0.35 * (high - low), low + 0.65 * (high - low))
    middle[along] = (low[along] + high[along]) / 2
    width = min(float(high[along] - low[along]) * 0.95, 3.0)
    category = "bookcase" if plan.room_type in CATEGORIES["bookcase"].rooms else "sideboard"
    depth, height = CATEGORIES[category].size[1:]
    place = (float(middle[0]), float(middle[1]), 0.0)
    return [LayoutObject(category, (width, depth, height), place, along * math.pi / 2)]


def _clutter(rng: np.random.Generator, x: float, y: float) -> LayoutObject:
    category = str(rng.choice(CLUTTER))
    return LayoutObject(category, usual_size(rng, category), (x, y, 0.0), float(rng.uniform(-math.pi, math.pi)))
