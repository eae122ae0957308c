"""Procedural rooms from a seed, and the splits that keep what is tested apart from what is trained."""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import InteractiveActionError
from ...sim.furniture import ROOM_TYPES
from ...sim.layout import FloorPlan, Layout, Opening
from ...sim.polygons import Point, signed_area
from ..floor_plans import centered, opening, shape
from ..walkable import Body, walkable_map
from .groups import GROUPS, RECIPES
from .placement import Placement
from .sloppiness import make_sloppy

SPLITS = ("train", "test", "new combinations", "new shapes")
"""Rooms to train on; held-out polygons; and held-out combinations of groups; and a shape that is never trained."""

SHAPES = {"rectangle": 0.55, "l": 0.3, "cut corner": 0.15}
NEW_SHAPE = "t"
POLYGONS_HELD_OUT, COMBINATIONS_HELD_OUT = 10, 8  # one in so many
MOST_OBJECTS = 16
ATTEMPTS, PLAN_ATTEMPTS = 2000, 20
WIDTHS = {"door": (0.8, 0.95), "window": (0.8, 1.8)}  # metres
Progress = Callable[[int, int, None], None]


def procedural_rooms(
    count: int,
    room_types: Sequence[str] = ROOM_TYPES,
    seed: int = 0,
    split: str = "train",
    sloppy_share: float = 0.5,
    progress: Progress = lambda done, total, preview: None,
) -> list[Layout]:
    """Returns rooms; the same seed gives the same rooms, and the first n of more rooms are those of n.

    Args:
        count: of rooms, whose types take turns.
        room_types: of ``ROOM_TYPES``.
        seed: of everything.
        split: one of ``SPLITS``.
        sloppy_share: share of the rooms that have a random sloppiness; the others are tidy.
        progress: called after each room with (rooms done, all rooms, None); may raise to cancel.

    Raises:
        InteractiveActionError: a type or split is unknown, or a number out of its bounds.
    """
    unknown = [name for name in room_types if name not in RECIPES]
    if unknown or not room_types:
        raise InteractiveActionError(
            f"There is no room type {unknown[0] if unknown else ''!r}. Choose some of: {', '.join(RECIPES)}."
        )
    if split not in SPLITS:
        raise InteractiveActionError(f"There is no split {split!r}. Choose one of: {', '.join(SPLITS)}.")
    if count < 0 or not 0 <= sloppy_share <= 1:
        raise InteractiveActionError(
            f"{count} rooms with a sloppy share of {sloppy_share} cannot be. Give 0 rooms or more, and a share from 0 "
            "to 1."
        )
    rooms = []
    for index in range(count):
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        sloppiness = float(rng.random()) if rng.random() < sloppy_share else 0.0
        room = tidy_room(room_types[index % len(room_types)], rng, split)
        room = make_sloppy(room, sloppiness, rng)
        about = {**room.about, "sloppiness": sloppiness, "seed": seed, "index": index}
        rooms.append(dataclasses.replace(room, objects=room.objects[:MOST_OBJECTS], about=about))
        progress(index + 1, count, None)
    return rooms


def furnished_rooms(
    plan: FloorPlan,
    count: int,
    seed: int = 0,
    sloppy_share: float = 0.0,
    progress: Progress = lambda done, total, preview: None,
) -> list[Layout]:
    """Returns rooms by the rules of a floor plan's type in that floor plan; the same seed gives the same rooms.

    Args:
        plan: any floor plan.
        count: of rooms.
        seed: of everything.
        sloppy_share: share of the rooms that have a random sloppiness; the others are tidy.
        progress: called after each room with (rooms done, all rooms, None); may raise to cancel.

    Raises:
        InteractiveActionError: nothing that belongs into such a room fits, or everything keeps a door shut.
    """
    rooms = []
    for index in range(count):
        rng = np.random.default_rng([seed, len(SPLITS), index])
        sloppiness = float(rng.random()) if rng.random() < sloppy_share else 0.0
        room = next(filter(None, (furnish(plan, rng) for _ in range(PLAN_ATTEMPTS))), None)
        if room is None:
            raise InteractiveActionError(
                f"No furniture of a {plan.room_type} fits into this floor plan of {plan.area:.1f} square metres so "
                "that all of it is reached from a door. Make the room larger, move its doors, or choose another type."
            )
        room = make_sloppy(room, sloppiness, rng)
        about = {**room.about, "sloppiness": sloppiness, "seed": seed, "index": index}
        rooms.append(dataclasses.replace(room, objects=room.objects[:MOST_OBJECTS], about=about))
        progress(index + 1, count, None)
    return rooms


def tidy_room(room_type: str, rng: np.random.Generator, split: str = "train") -> Layout:
    """Returns a room in which everything stands as it should and is reached from the door.

    Args:
        room_type: one of ``ROOM_TYPES``.
        rng: of everything.
        split: one of ``SPLITS``.
    """
    for _ in range(ATTEMPTS):
        plan = _floor_plan(room_type, rng, split)
        if plan is None:
            continue
        layout = furnish(plan, rng)
        if layout and held_out_combination(str(layout.about["groups"])) == (split == "new combinations"):
            return layout
    raise InteractiveActionError(
        f"No {room_type} of the split {split!r} was found in {ATTEMPTS} attempts. Choose another seed."
    )


def furnish(plan: FloorPlan, rng: np.random.Generator) -> Layout | None:
    """Furnishes a floor plan by its type's recipe; None if not even its most important group fits.

    Args:
        plan: any floor plan.
        rng: of the choice of groups and of their places.
    """
    recipe = RECIPES[plan.room_type]
    placement = Placement(plan, rng)
    anchor = next((name for name in _anchors(recipe.anchors, rng) if _placed(placement, name)), None)
    if anchor is None:
        return None
    done = [(anchor, 0)]  # names, and how many objects there were before
    names = [name for name, chance in recipe.others.items() if rng.random() < chance]
    for name in sorted(names, key=lambda name: GROUPS[name].where == "corner"):  # small things last
        before = len(placement.objects)
        eats = name.startswith("eat") and any(other.startswith("eat") for other, _ in done)
        if not eats and _placed(placement, name):
            done.append((name, before))
    return _walkable(plan, placement, done)


def _anchors(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The anchors to try, from a random one on."""
    return list(names[int(rng.integers(len(names))) :])


def _placed(placement: Placement, name: str) -> bool:
    """Places a group if it fits within a few tries."""
    for _ in range(3):
        pieces = GROUPS[name].make(placement.rng)
        if len(placement.objects) + len(pieces) > MOST_OBJECTS:
            return False
        if placement.place(pieces, GROUPS[name].where, far_from_door=name.startswith("sleep")):
            return True
    return False


def _walkable(plan: FloorPlan, placement: Placement, done: list[tuple[str, int]]) -> Layout | None:
    """The room without the last groups that keep something from being reached from a door."""
    while done:
        groups = "+".join(sorted(name for name, _ in done))
        layout = Layout(plan, tuple(placement.objects), {"source": "procedural", "groups": groups})
        if walkable_map(layout, Body()).from_door().all():
            return layout
        _, first = done.pop()
        del placement.objects[first:]
    return None


def held_out_combination(groups: str) -> bool:
    """Returns whether rooms with these groups ("bin+sleep, single") are never trained on."""
    return zlib.crc32(groups.encode()) % COMBINATIONS_HELD_OUT == 0 and "+" in groups


def held_out_polygon(plan: FloorPlan) -> bool:
    """Returns whether floors of this shape and size are never trained on."""
    text = json.dumps([[round(value, 2) for value in corner] for corner in plan.corners])
    return zlib.crc32(text.encode()) % POLYGONS_HELD_OUT == 0


def _floor_plan(room_type: str, rng: np.random.Generator, split: str) -> FloorPlan | None:
    """A floor plan of a split with its doors and windows, its middle at (0, 0); None if there was no luck."""
    name = NEW_SHAPE if split == "new shapes" else str(rng.choice(list(SHAPES), p=list(SHAPES.values())))
    low, high = RECIPES[room_type].area
    notch = (float(rng.uniform(0.25, 0.45)), float(rng.uniform(0.25, 0.5)))
    unit = signed_area(shape(name, 1.0, 1.0, notch))
    area, aspect = float(rng.uniform(low, high)) / unit, float(rng.uniform(0.62, 1.0))
    width, depth = math.sqrt(area / aspect), math.sqrt(area * aspect)
    corners = [(_grid(x), _grid(y)) for x, y in shape(name, width, depth, notch)]
    corners = _symmetry(corners, int(rng.integers(8)))
    try:
        plan, _ = centered(FloorPlan(tuple(corners), (), float(np.round(rng.uniform(2.4, 2.9), 2)), room_type))
        if held_out_polygon(plan) == (split == "train"):
            return None
        return dataclasses.replace(plan, openings=_openings(plan, rng))
    except InteractiveActionError:  # a door on a short wall, for example
        return None


def _openings(plan: FloorPlan, rng: np.random.Generator) -> tuple[Opening, ...]:
    """One or two doors, up to three windows, each alone in its wall."""
    lengths = [math.dist(*wall) for wall in plan.walls]
    walls = [int(wall) for wall in rng.permutation(len(lengths)) if lengths[wall] >= 1.2]
    doors = 1 + int(rng.random() < 0.25)
    kinds = ["door"] * doors + ["window"] * int(rng.integers(0, 4))
    openings = []
    for kind, wall in zip(kinds, walls):
        width = _grid(min(float(rng.uniform(*WIDTHS[kind])), lengths[wall] - 0.3))
        free = lengths[wall] - width - 0.2
        share = float(rng.beta(0.5, 0.5)) if kind == "door" else float(rng.uniform(0.2, 0.8))  # doors are near corners
        made = opening(kind, wall, round(0.1 + share * free, 3), width)
        swing, hinge = ("in" if rng.random() < 0.8 else "out"), ("start" if rng.random() < 0.5 else "end")
        openings.append(dataclasses.replace(made, swing=swing, hinge=hinge))
    return tuple(openings)


def _symmetry(corners: Sequence[Point], number: int) -> list[Point]:
    """One of the eight symmetries of the square, counter-clockwise."""
    if number >= 4:
        corners = [(-x, y) for x, y in corners][::-1]
    for _ in range(number % 4):
        corners = [(-y, x) for x, y in corners]
    return list(corners)


def _grid(value: float) -> float:
    """On a grid of 5 cm."""
    return round(round(value / 0.05) * 0.05, 2)
