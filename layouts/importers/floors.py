"""The outline of a floor, and what opens in its walls, from corners, triangles and holes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import InteractiveActionError, MissingExtraError
from ...sim.layout import Opening
from ...sim.polygons import Point, signed_area

WELD = 0.01  # metres: gaps between triangles that are one floor
STRAIGHT = 0.005  # metres: how far a corner may be from the line of its neighbors and says nothing
AT_WALL = 0.35  # metres from a wall within which a door or window belongs to it
NARROWEST = 0.1  # metres


def outline(points: Sequence[Point], where: str) -> tuple[Point, ...]:
    """Returns the corners of a polygon counter-clockwise, without those that lie on a straight wall.

    Args:
        points: corners in the order of walking along the walls, either way around.
        where: names the floor in a sentence.

    Raises:
        InteractiveActionError: less than three corners are left.
    """
    corners = [
        point for point, before in zip(points, [points[-1], *points[:-1]]) if math.dist(point, before) > STRAIGHT
    ]
    kept = True
    while kept and len(corners) > 3:  # one at a time: a chain of small steps may be a real bend
        kept = False
        for number, corner in enumerate(corners):
            before, after = corners[number - 1], corners[(number + 1) % len(corners)]
            if _from_line(corner, before, after) < STRAIGHT:
                del corners[number]
                kept = True
                break
    if len(corners) < 3:
        raise InteractiveActionError(f"The floor of {where} has {len(corners)} corners. Three are the least.")
    return tuple(corners if signed_area(corners) > 0 else corners[::-1])


def union(triangles: Iterable[Sequence[Point]], where: str) -> tuple[Point, ...]:
    """Returns the outline of the largest piece of a floor of triangles, counter-clockwise; holes are filled.

    Args:
        triangles: three (x, y) each, in metres.
        where: names the floor in a sentence.

    Raises:
        MissingExtraError: shapely is not there.
        InteractiveActionError: the triangles have no area.
    """
    try:
        import shapely
    except ImportError as error:
        raise MissingExtraError("shapely, which joins the triangles of a floor,", "rooms") from error
    pieces = [polygon for corners in triangles if (polygon := shapely.Polygon(corners)).area > 1e-8]
    if not pieces:
        raise InteractiveActionError(
            f"The floor of {where} has no area. Is it of this format, in metres and with y up?"
        )
    joined: Any = shapely.union_all([piece.buffer(WELD / 2, join_style="mitre") for piece in pieces])
    joined = joined.buffer(-WELD / 2, join_style="mitre")
    largest = max(getattr(joined, "geoms", [joined]), key=lambda part: part.area)
    return outline([(float(x), float(y)) for x, y in largest.exterior.coords[:-1]], where)


def opening_at(corners: Sequence[Point], points: Sequence[Sequence[float]], kind: str, height: float) -> Opening | None:
    """Returns the opening that a hole or the mesh of a door or window makes in the wall that is nearest to it.

    Args:
        corners: of the floor, counter-clockwise.
        points: (x, y, z) of the hole's corners in metres above the floor.
        kind: "door", "window" or "passage".
        height: metres of the room, to which it is cut.

    Returns:
        None if no wall is within ``AT_WALL`` or too little of it lies in the wall.
    """
    middle = tuple((min(values) + max(values)) / 2 for values in zip(*points))
    walls = list(zip(corners, [*corners[1:], corners[0]]))
    distances = [_from_segment((middle[0], middle[1]), *wall) for wall in walls]
    wall = distances.index(min(distances))
    if distances[wall] > AT_WALL:
        return None
    start, end = walls[wall]
    length = math.dist(start, end)
    along = [
        ((x - start[0]) * (end[0] - start[0]) + (y - start[1]) * (end[1] - start[1])) / length for x, y, _ in points
    ]
    first, last = max(0.0, min(along)), min(length, max(along))
    low, high = max(0.0, min(point[2] for point in points)), min(height, max(point[2] for point in points))
    if kind != "window" and low < 0.15:  # thresholds
        low = 0.0
    if last - first < NARROWEST or high - low < NARROWEST:
        return None
    return Opening(kind, wall, first, last - first, high - low, low)


def without_overlaps(openings: Iterable[Opening]) -> tuple[Opening, ...]:
    """Returns the openings that overlap none before them: files name a door and its frame."""
    kept: list[Opening] = []
    for opening in openings:
        if not any(_overlap(opening, other) for other in kept):
            kept.append(opening)
    return tuple(kept)


def inside(corners: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in a polygon."""
    odd = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]]):
        if (y0 > point[1]) != (y1 > point[1]) and point[0] < x0 + (point[1] - y0) * (x1 - x0) / (y1 - y0):
            odd = not odd
    return odd


def check_not_mirrored(corners: Sequence[Point], points: Sequence[Point], where: str) -> None:
    """Raises a sentence if things lie outside their floor, but inside it once one axis of theirs is mirrored.

    Args:
        corners: of the floor.
        points: (x, y) of the middles of all things in it.
        where: names the room in the sentence.
    """
    if not points:
        return
    shares = {
        signs: sum(inside(corners, (x * signs[0], y * signs[1])) for x, y in points) / len(points)
        for signs in ((1, 1), (-1, 1), (1, -1))
    }
    best = max(shares, key=lambda signs: shares[signs])
    if shares[1, 1] < 0.5 and shares[best] > 0.9:
        raise InteractiveActionError(
            f"{where} has mirrored axes: {shares[1, 1]:.0%} of its things stand on its floor, but {shares[best]:.0%} "
            f"would if their {'x' if best[0] < 0 else 'other'} axis were mirrored. Mirror that axis of the file first."
        )


def _overlap(first: Opening, second: Opening) -> bool:
    shared = min(first.start + first.width, second.start + second.width) - max(first.start, second.start)
    return first.wall == second.wall and shared > 0


def _from_line(point: Point, start: Point, end: Point) -> float:
    """Metres from a point to the line, or to its start where start and end are one."""
    length = math.dist(start, end)
    if length < STRAIGHT:
        return 0.0
    return abs(signed_area([point, start, end])) * 2 / length


def _from_segment(point: Point, start: Point, end: Point) -> float:
    """Metres from a point to a wall."""
    square = math.dist(start, end) ** 2
    share = ((point[0] - start[0]) * (end[0] - start[0]) + (point[1] - start[1]) * (end[1] - start[1])) / square
    share = min(1.0, max(0.0, share))
    return math.dist(point, [a + share * (b - a) for a, b in zip(start, end)])
