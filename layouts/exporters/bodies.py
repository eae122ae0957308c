"""The bodies of a layout, which all exporters write, and the surfaces of their solids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InteractiveActionError
from ...sim.furnishings.bodies import Body, Maker, bodies_of
from ...sim.furnishings.model import Piece
from ...sim.polygons import Point, triangles

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Body", "Maker", "Mesh", "bodies_of", "floor_mesh", "mesh_of"]

Mesh = tuple["NDArray[Any]", "NDArray[Any]"]
"""Corners (n, 3) in metres and triangles (m, 3)."""

SIDES = 32  # of a cylinder
FLOOR = 0.05  # metres: thickness of the floor's slab

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_FACES = np.array(
    [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4)]
    + [(1, 5, 7), (1, 7, 3)]
)


def mesh_of(piece: Piece) -> Mesh:
    """Returns the surface of a solid in its thing's axes."""
    geometry = piece.geometry
    if geometry.shape == "box":
        return _CORNERS * geometry.half + geometry.at, _FACES
    if geometry.shape == "cylinder":
        return _cylinder(geometry.half[0], geometry.half[1], np.array(geometry.at))
    if geometry.shape == "mesh":
        from ...sim.meshes import read

        corners, faces = read(geometry.file)
        placement = geometry.placement
        if placement is None:
            raise InteractiveActionError(f"The mesh {geometry.file!r} has no placement. Read it by a folder of meshes.")
        turn, offset, scale = placement
        return corners * scale @ turn.T + offset, faces
    raise InteractiveActionError(f"A solid of the shape {geometry.shape!r} cannot be exported. Use boxes or cylinders.")


def floor_mesh(corners: Sequence[Point]) -> Mesh:
    """Returns a slab whose upper side is the floor, at height 0.

    Raises:
        MissingExtraError: shapely is not there.
    """
    upper = triangles(corners)
    count, plane = len(corners), np.array(corners, float)
    points = np.concatenate([np.c_[plane, np.zeros(count)], np.c_[plane, np.full(count, -FLOOR)]])
    lower = [[a + count, c + count, b + count] for a, b, c in upper]
    sides = []
    for start in range(count):
        end = (start + 1) % count
        sides += [[start, start + count, end], [end, start + count, end + count]]
    return points, np.array([*upper, *lower, *sides])


def _cylinder(radius: float, half: float, middle: NDArray[Any]) -> Mesh:
    angles = np.arange(SIDES) * 2 * np.pi / SIDES
    ring = np.stack([radius * np.cos(angles), radius * np.sin(angles)], 1)
    points = [np.c_[ring, np.full(SIDES, z)] for z in (-half, half)]
    points.append(np.array([[0, 0, -half], [0, 0, half]]))
    faces = []
    for start in range(SIDES):
        end = (start + 1) % SIDES
        low, high = (start, end), (start + SIDES, end + SIDES)
        faces += [[low[0], low[1], high[1]], [low[0], high[1], high[0]]]
        faces += [[low[1], low[0], 2 * SIDES], [high[0], high[1], 2 * SIDES + 1]]
    return np.concatenate(points) + middle, np.array(faces)
