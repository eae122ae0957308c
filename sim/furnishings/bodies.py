"""A layout as rigid bodies: walls, doors and things, with links on joints. Simulator and exporters read this."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..layout import Layout, LayoutObject
from .makers import MOVABLE, furnish
from .model import Furnishing, Link, Piece
from .shell import doors, walls

if TYPE_CHECKING:
    from numpy.typing import NDArray

Maker = Callable[[LayoutObject], Furnishing]


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
