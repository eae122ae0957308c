"""Floor plans from a drawn mask: its outline, with few corners and straight walls; doors and windows from others."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InteractiveActionError
from ..sim.furniture import ROOM_TYPES
from ..sim.layout import FloorPlan, Opening
from ..sim.polygons import Point, signed_area
from .floor_plans import opening

Outline = np.ndarray[Any, np.dtype[np.float64]]
STRAY = 0.02  # share of the largest area below which another area is a slip of the pen
OBLIQUE = math.radians(15)  # walls that are less than this off an axis were meant along it
NEAR, NARROW = 0.5, 0.3  # metres: how far off its wall an opening may be painted, and below which it is a slip


def floor_plan_from_mask(
    mask: np.ndarray[Any, Any],
    metres_across: float,
    simplify: float = 0.1,
    room_type: str = ROOM_TYPES[0],
    height: float = 2.6,
    openings: Mapping[str, np.ndarray[Any, Any]] | None = None,
) -> FloorPlan:
    """Returns the floor plan that was drawn.

    Args:
        mask: (H, W), above 0.5 where there is floor; the image's upwards is y.
        metres_across: width of the drawn floor, from its leftmost to its rightmost point.
        simplify: metres by which walls may leave the drawn line; freehand lines need more.
        room_type: one of ``ROOM_TYPES``.
        height: metres from floor to ceiling.
        openings: kind of opening -> (H, W), above 0.5 where there are such, on or beside their walls.

    Raises:
        InteractiveActionError: nothing, several floors or a hole were drawn, the outline is no room, or an opening is
            at no wall.
    """
    outline = _outline(np.asarray(mask, dtype=np.float64))
    if not math.isfinite(metres_across) or metres_across <= 0:
        raise InteractiveActionError(f"metres_across is {metres_across}. Give the width of the drawn floor in metres.")
    low, scale = outline.min(0), metres_across / float(np.ptp(outline[:, 0]))
    points = (outline - low) * scale
    corners = _square(_simplified(points, simplify))
    if len(corners) < 3:
        raise InteractiveActionError(
            f"The drawn floor has fewer than three corners once it is simplified by {simplify:g} m. Draw it larger, or "
            "simplify less."
        )
    plan = FloorPlan(tuple((round(x, 3), round(y, 3)) for x, y in corners), (), height, room_type)
    painted = [
        _opening(plan, kind, (patch - low) * scale, scale)
        for kind, drawn in (openings or {}).items()
        for patch in _patches(np.asarray(drawn, dtype=np.float64), np.shape(mask), kind)
    ]
    return dataclasses.replace(plan, openings=tuple(found for found in painted if found is not None))


def _outline(mask: Outline) -> Outline:
    """The outline (P, 2) of the one floor in a mask, counter-clockwise, in pixels, y upwards."""
    from contourpy import contour_generator

    if mask.ndim != 2 or not np.isfinite(mask).all():
        raise InteractiveActionError(
            f"The mask of a floor plan has the shape {mask.shape} or values that are no numbers. Give one mask of "
            "height and width."
        )
    padded = np.pad((mask > 0.5).astype(np.float64), 1)
    lines: list[Outline] = contour_generator(z=padded[::-1], line_type="Separate").lines(0.5)  # type: ignore[assignment]
    areas = [signed_area([(float(x), float(y)) for x, y in line[:-1]]) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: -abs(areas[index]))
    if not order:
        raise InteractiveActionError("Nothing is drawn in the mask of the floor plan. Paint the floor white.")
    largest = abs(areas[order[0]])
    others = [index for index in order[1:] if abs(areas[index]) > STRAY * largest]
    if others:
        hole = areas[others[0]] * areas[order[0]] < 0
        raise InteractiveActionError(
            f"The mask of the floor plan has {'a hole' if hole else 'several separate floors'}. Draw one room without "
            "holes; a column can be a box that stands in it."
        )
    line = lines[order[0]][:-1]
    return line if areas[order[0]] > 0 else line[::-1]


def _patches(mask: Outline, shape: tuple[int, ...], kind: str) -> list[Outline]:
    """The points (P, 2) of each connected area of a mask, in the pixels of ``_outline``."""
    from scipy import ndimage

    if mask.shape != shape or not np.isfinite(mask).all():
        raise InteractiveActionError(
            f"The mask of {kind}s has the shape {mask.shape}, and that of the floor {shape}, or it has values that are "
            "no numbers. Paint both on images of one size."
        )
    labels, count = ndimage.label(mask > 0.5, np.ones((3, 3)))
    found = []
    for number in range(1, count + 1):
        rows, columns = np.nonzero(labels == number)
        found.append(np.stack([columns + 1.0, shape[0] - rows.astype(np.float64)], 1))
    return found


def _opening(plan: FloorPlan, kind: str, points: Outline, pixel: float) -> Opening | None:
    """The opening that was painted at points (P, 2) in metres; None for a slip of the pen."""
    nearest = (math.inf, 0, 0.0, 0.0)
    for wall, (start, end) in enumerate(plan.walls):
        length = math.dist(start, end)
        along = np.subtract(end, start) / length
        offset = points - start
        first, last = (offset @ along).clip(0, length).min(), (offset @ along).clip(0, length).max()
        beyond = offset - (offset @ along).clip(0, length)[:, None] * along
        nearest = min(nearest, (float(np.hypot(*beyond.T).mean()), wall, float(first), float(last)))
    distance, wall, first, last = nearest
    if last - first + pixel < NARROW:
        return None
    if distance > NEAR:
        raise InteractiveActionError(
            f"A {kind} is painted {distance:.2f} m from the nearest wall. Paint it on the edge of the floor."
        )
    return opening(kind, wall, round(first, 3), round(last - first, 3))


def _simplified(points: Outline, tolerance: float) -> list[Point]:
    """Few corners of a closed line that leave it by no more than ``tolerance`` (Douglas and Peucker 1973)."""
    first = int(np.argmax(((points - points.mean(0)) ** 2).sum(1)))  # certainly a corner
    points = np.roll(points, -first, axis=0)
    far = int(np.argmax(((points - points[0]) ** 2).sum(1)))
    closed = np.concatenate([points, points[:1]])
    kept = {0, far, *_between(closed, 0, far, tolerance), *_between(closed, far, len(points), tolerance)}
    return [(float(x), float(y)) for x, y in points[sorted(kept - {len(points)})]]


def _between(points: Outline, start: int, end: int, tolerance: float) -> set[int]:
    """Numbers of the points to keep between two that are kept."""
    waiting, kept = [(start, end)], set()
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        way, inner = points[end] - points[start], points[start + 1 : end] - points[start]
        distance = np.abs(way[0] * inner[:, 1] - way[1] * inner[:, 0]) / max(float(np.hypot(*way)), 1e-12)
        farthest = int(np.argmax(distance))
        if distance[farthest] > tolerance:
            middle = start + 1 + farthest
            kept.add(middle)
            waiting += [(start, middle), (middle, end)]
    return kept


def _square(corners: list[Point]) -> list[Point]:
    """The same corners with walls that are almost along an axis turned onto it, and no corner in a straight wall."""
    count = len(corners)
    axes = [_axis(corners[index], corners[(index + 1) % count]) for index in range(count)]
    keep = [index for index in range(count) if axes[index] is None or axes[index] != axes[index - 1]]
    if len(keep) < 3:
        return corners
    # a wall runs from one kept corner to the next, and has the mean coordinate of all that lay in it
    squared = [list(corners[index]) for index in keep]
    for number, index in enumerate(keep):
        following = (number + 1) % len(keep)
        axis = axes[index]
        if axis is not None:
            steps = (keep[following] - index) % count
            level = float(np.mean([corners[(index + step) % count][1 - axis] for step in range(steps + 1)]))
            squared[number][1 - axis] = squared[following][1 - axis] = level
    return [(x, y) for x, y in squared]


def _axis(start: Point, end: Point) -> int | None:
    """0 for a wall along x, 1 for one along y, None for an oblique one."""
    width, depth = abs(end[0] - start[0]), abs(end[1] - start[1])
    if min(width, depth) > math.tan(OBLIQUE) * max(width, depth):
        return None
    return 0 if width > depth else 1
