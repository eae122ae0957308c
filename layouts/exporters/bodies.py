"""A layout as rigid bodies: walls, doors and things, with links on joints. All exporters read this."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InteractiveActionError, MissingExtraError
from ...sim.furnishings.makers import MOVABLE, furnish
from ...sim.furnishings.model import Furnishing, Link, Piece
from ...sim.furnishings.shell import doors, walls
from ...sim.layout import Layout, LayoutObject
from ...sim.polygons import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

Maker = Callable[[LayoutObject], Furnishing]
Mesh = tuple["NDArray[Any]", "NDArray[Any]"]
"""Corners (n, 3) in metres and triangles (m, 3)."""

SIDES = 32  # of a cylinder
FLOOR = 0.05  # metres: thickness of the floor's slab

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_FACES = np.array(
    [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4)]
    + [(1, 5, 7), (1, 7, 3)]
)


@dataclass(frozen=True)
class Body:
    """A rigid thing with what moves on it.

    Args:
        name: letters, digits and "_"; unlike all others'.
        category: its class; "wall" or "door" of the shell.
        furnishing: what it is made of, in its own axes.
        position: (x, y, z) in metres of its origin.
        yaw: radians.
        opened: share of their range by which its links are open.
        movable: whether it stands loosely on what is below it.
    """

    name: str
    category: str
    furnishing: Furnishing
    position: tuple[float, float, float]
    yaw: float
    opened: float = 0.0
    movable: bool = False

    @property
    def pose(self) -> NDArray[Any]:
        """The transform (4, 4) from its axes to the room's."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        pose = np.eye(4)
        pose[:2, :2] = [[cos, -sin], [sin, cos]]
        pose[:3, 3] = self.position
        return pose

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """The yaw as w, x, y, z."""
        return math.cos(self.yaw / 2), 0.0, 0.0, math.sin(self.yaw / 2)

    def parts(self) -> Iterator[tuple[str, Sequence[Piece], Link | None]]:
        """Yields (name, pieces, what moves or None) of the body and of each link; names are unique in a room."""
        yield self.name, self.furnishing.pieces, None
        for link in self.furnishing.links:
            yield f"{self.name}_{link.name}", link.pieces, link


def bodies_of(layout: Layout, maker: Maker = furnish, shell: bool = True) -> list[Body]:
    """Returns walls, doors and things of a layout.

    Args:
        layout: the room.
        maker: makes the furniture of an object.
        shell: whether walls and doors are among them.
    """
    bodies = []
    if shell:
        for kind, placed in (("wall", walls(layout.floor_plan)), ("door", doors(layout.floor_plan))):
            bodies += [Body(part.name, kind, part.furnishing, part.position, part.yaw) for part in placed]
    counts: dict[str, int] = {}
    for item in layout.objects:
        number = counts[item.category] = counts.get(item.category, -1) + 1
        name = f"{item.category.replace(' ', '_')}_{number}"
        movable = item.category in MOVABLE
        bodies.append(Body(name, item.category, maker(item), item.position, item.yaw, item.opened, movable))
    return bodies


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
    try:
        import shapely
    except ImportError as error:
        raise MissingExtraError("shapely, which cuts floors into triangles,", "rooms") from error
    triangles = shapely.constrained_delaunay_triangles(shapely.Polygon(corners))
    numbers = {corner: number for number, corner in enumerate(corners)}
    upper = []
    for triangle in triangles.geoms:
        ring = [numbers[x, y] for x, y in shapely.geometry.polygon.orient(triangle).exterior.coords[:3]]
        upper.append(ring)
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
