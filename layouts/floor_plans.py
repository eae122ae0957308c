"""Floor plans from typed numbers: corners and openings as text, and the usual shapes of rooms."""

from __future__ import annotations

import dataclasses

from ..errors import InteractiveActionError
from ..sim.furniture import ROOM_TYPES
from ..sim.layout import KINDS, FloorPlan, Opening
from ..sim.polygons import Point, signed_area

SILL, WINDOW_HEIGHT, DOOR_HEIGHT = 0.9, 1.2, 2.1  # metres
SHAPES = ("rectangle", "l", "t", "cut corner")


def floor_plan(corners: str, openings: str = "", room_type: str = ROOM_TYPES[0], height: float = 2.6) -> FloorPlan:
    """Returns the floor plan that two lines of text describe.

    Args:
        corners: "0,0; 4,0; 4,3; 0,3" in metres, in the order of walking along the walls, either way around.
        openings: "door 0 0.5 0.9; window 2 1 1.2": kind, number of the wall, metres from its first corner, width.
        room_type: one of ``ROOM_TYPES``.
        height: metres from floor to ceiling.

    Raises:
        InteractiveActionError: a part is no such row of numbers, or the room is impossible.
    """
    return FloorPlan(parse_corners(corners), parse_openings(openings), height, room_type)


def parse_corners(text: str) -> tuple[Point, ...]:
    """Returns the corners of "x,y; x,y; ...", counter-clockwise.

    Raises:
        InteractiveActionError: a corner is not two numbers.
    """
    corners = []
    for row in _rows(text):
        values = row.replace(",", " ").split()
        try:
            x, y = map(float, values)
        except ValueError as error:
            raise InteractiveActionError(
                f"A corner is {row!r}. Give two numbers, x and y in metres, and a semicolon between corners: "
                "0,0; 4,0; 4,3; 0,3."
            ) from error
        corners.append((x, y))
    return tuple(corners if signed_area(corners or [(0, 0)]) >= 0 else corners[::-1])


def parse_openings(text: str) -> tuple[Opening, ...]:
    """Returns the openings of "kind wall start width; ...".

    Raises:
        InteractiveActionError: an opening is not such a row.
    """
    openings = []
    for row in _rows(text):
        try:
            kind, wall, start, width = row.replace(",", " ").split()
            numbers = int(wall), float(start), float(width)
        except ValueError as error:
            raise InteractiveActionError(
                f"An opening is {row!r}. Give its kind ({', '.join(KINDS)}), the number of its wall, metres from the "
                "wall's first corner and its width: door 0 0.5 0.9."
            ) from error
        openings.append(opening(kind, *numbers))
    return tuple(openings)


def opening(kind: str, wall: int, start: float, width: float) -> Opening:
    """Returns an opening at the usual height of its kind; lengths in metres."""
    if kind == "window":
        return Opening(kind, wall, start, width, WINDOW_HEIGHT, SILL)
    return Opening(kind, wall, start, width, DOOR_HEIGHT)


def shape(name: str, width: float, depth: float, notch: Point = (0.4, 0.4)) -> tuple[Point, ...]:
    """Returns the corners of a usual shape, counter-clockwise from (0, 0).

    Args:
        name: one of ``SHAPES``: a rectangle; an l lacks one corner; a t lacks two; a cut corner is oblique.
        width: metres along x.
        depth: metres along y.
        notch: shares of width and depth that are missing at a corner.

    Raises:
        InteractiveActionError: there is no such shape.
    """
    if name not in SHAPES:
        raise InteractiveActionError(f"There is no shape {name!r}. Choose one of: {', '.join(SHAPES)}.")
    x, y = width * (1 - notch[0]), depth * (1 - notch[1])
    base: tuple[Point, ...] = ((0.0, 0.0), (width, 0.0))
    if name == "rectangle":
        return (*base, (width, depth), (0.0, depth))
    if name == "l":
        return (*base, (width, y), (x, y), (x, depth), (0.0, depth))
    if name == "cut corner":
        return (*base, (width, y), (x, depth), (0.0, depth))
    left = width * notch[0] / 2
    right = width - left
    return (*base, (width, y), (right, y), (right, depth), (left, depth), (left, y), (0.0, y))


def centered(plan: FloorPlan) -> tuple[FloorPlan, Point]:
    """Returns the plan with the middle of its bounding box at (0, 0), and where that middle was."""
    middle = tuple((min(values) + max(values)) / 2 for values in zip(*plan.corners))
    corners = tuple((x - middle[0], y - middle[1]) for x, y in plan.corners)
    return dataclasses.replace(plan, corners=corners), (middle[0], middle[1])


def _rows(text: str) -> list[str]:
    return [row.strip() for row in text.replace("\n", ";").split(";") if row.strip()]
