"""Polygons as lists of corners: their area, and whether one can be a room's floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InteractiveActionError, MissingExtraError

SMALLEST_AREA = 0.5  # square metres
LARGEST = 100.0  # metres: what is larger was meant in centimetres

Point = tuple[float, float]


def check_number(value: Any, what: str, low: float, high: float) -> None:
    """Raises a sentence unless ``value`` is a finite number from ``low`` to ``high``; ``what`` names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InteractiveActionError(f"{what} is {value!r}. It must be a finite number.")
    if not low <= value <= high:
        raise InteractiveActionError(f"{what} is {value:g}. It must be from {low:g} to {high:g}.")


def signed_area(corners: Sequence[Point]) -> float:
    """Returns the square metres of a polygon: positive if its corners run counter-clockwise."""
    following = [*corners[1:], corners[0]]
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(corners, following)) / 2


def check_polygon(corners: Sequence[Any]) -> None:
    """Raises a sentence unless ``corners`` are a simple polygon of some area, counter-clockwise.

    Args:
        corners: (x, y) in metres.

    Raises:
        InteractiveActionError: the sentence.
    """
    if len(corners) < 3:
        raise InteractiveActionError(f"The floor plan has {len(corners)} corners. Give at least three.")
    for number, corner in enumerate(corners):
        if len(corner) != 2:
            raise InteractiveActionError(f"Corner {number} is {corner!r}. Give two numbers, x and y in metres.")
        for axis, value in zip("xy", corner):
            check_number(value, f"Corner {number} along {axis}", -LARGEST, LARGEST)
    walls = list(zip(corners, [*corners[1:], corners[0]]))
    for number, (start, end) in enumerate(walls):
        if math.dist(start, end) < 1e-3:
            raise InteractiveActionError(
                f"Wall {number} has no length: two corners lie at ({start[0]:g}, {start[1]:g}). Leave one out."
            )
    for i, first in enumerate(walls):
        for j in range(i + 1, len(walls)):
            adjacent = j == i + 1 or (i == 0 and j == len(walls) - 1)
            if _cross(first, walls[j], adjacent):
                raise InteractiveActionError(
                    f"The floor plan crosses itself: walls {i} and {j} meet between their corners. Give the corners in "
                    "the order in which one walks along the walls."
                )
    area = signed_area(corners)
    if abs(area) < SMALLEST_AREA:
        raise InteractiveActionError(
            f"The floor plan has {abs(area):.3g} square metres. A room has at least {SMALLEST_AREA}; are its numbers "
            "in metres?"
        )
    if area < 0:
        raise InteractiveActionError(
            "The corners run clockwise: an axis is mirrored, or they are listed backwards. Mirror the axis, or list "
            "them counter-clockwise."
        )


def triangles(corners: Sequence[Point]) -> list[tuple[int, int, int]]:
    """Returns a simple polygon as triangles: numbers of their corners, counter-clockwise.

    Raises:
        MissingExtraError: shapely is not there.
    """
    try:
        import shapely
    except ImportError as error:
        raise MissingExtraError("shapely, which cuts floors into triangles,", "rooms") from error
    numbers = {(float(x), float(y)): number for number, (x, y) in enumerate(corners)}
    found = []
    for triangle in shapely.constrained_delaunay_triangles(shapely.Polygon(corners)).geoms:
        first, second, third, _ = shapely.geometry.polygon.orient(triangle).exterior.coords
        found.append((numbers[first], numbers[second], numbers[third]))
    return found


def distance_to_walls(corners: Sequence[Point], points: np.ndarray) -> np.ndarray:
    """Returns (P,) metres from points (P, 2) to the nearest wall of a floor, negative outside of it."""
    start = np.array(corners, float)
    way, away = np.roll(start, -1, 0) - start, points[:, None] - start  # (W, 2), (P, W, 2)
    share = np.clip((away * way).sum(-1) / (way**2).sum(-1), 0, 1)
    nearest = np.linalg.norm(away - share[..., None] * way, axis=-1).min(-1)
    crosses = (away[..., 1] < 0) != (away[..., 1] < way[:, 1])
    left = crosses & (away[..., 0] * np.abs(way[:, 1]) < away[..., 1] * way[:, 0] * np.sign(way[:, 1]))
    return np.where(left.sum(-1) % 2 == 1, nearest, -nearest)


def _cross(first: tuple[Point, Point], second: tuple[Point, Point], adjacent: bool) -> bool:
    """Whether two walls have a point in common, other than the corner that neighbours share."""
    (a, b), (c, d) = first, second
    turns = [_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)]
    if adjacent:  # they share a corner, and lie on one another if they are parallel and go back
        if b != c:
            (a, b), (c, d) = second, first
        back = (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1]) < 0
        return back and abs(_turn(a, b, d)) < 1e-12
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    touches = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _between(*points) for turn, points in zip(turns, touches))


def _turn(a: Point, b: Point, c: Point) -> float:
    """Twice the signed area of a triangle: positive if c lies to the left of the way from a to b."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether c, on the line of a and b, lies between them."""
    return all(min(a[k], b[k]) <= c[k] <= max(a[k], b[k]) for k in range(2))
