"""Solids of which objects and rooms are made.

Lengths are half sizes in meters, heights are above the ground on which a solid stands. A solid without a color of its
own takes the color that the scene asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Vector = tuple[float, float, float]
Color = Vector | np.ndarray  # linear (3,), from 0 to 1

STEEL, DARK, CREAM, WOOD, LEAF = (
    (0.55, 0.56, 0.58),
    (0.03, 0.03, 0.035),
    (0.75, 0.70, 0.58),
    (0.30, 0.16, 0.07),
    (0.05, 0.25, 0.04),
)


class Placement(NamedTuple):
    """How a mesh stands.

    Args:
        turn: (3, 3).
        offset: (3,) in meters.
        scale: meters of the file's unit; or (3,) of each of its axes.
    """

    turn: np.ndarray
    offset: np.ndarray
    scale: float | np.ndarray


@dataclass(frozen=True)
class Geometry:
    """One solid.

    Args:
        shape: "box", "ball", "cylinder" (upright), "turned" (on a lathe) or "mesh".
        half: (x, y, z) of a box, (radius,) of a ball, (radius, z) of a cylinder.
        at: its middle; of what is turned the ground below it.
        color: linear; None: the scene's.
        outline: of what is turned, ((radius, height), ...) from bottom to top.
        wall: meters, of what is turned, hollow and open on top; 0: it is solid.
        file: of a mesh, which stands on the ground.
        pieces: corners (points, 3) of the convex pieces of a mesh that collide.
        placement: of a mesh.
        size: half sizes (3,) of a mesh.
    """

    shape: str
    half: tuple[float, ...] = ()
    at: Vector = (0.0, 0.0, 0.0)
    color: Color | None = None
    outline: tuple[tuple[float, float], ...] = ()
    wall: float = 0.0
    file: str = ""
    pieces: tuple[np.ndarray, ...] = ()
    placement: Placement | None = None
    size: tuple[float, ...] = ()

    def bounds(self) -> np.ndarray:
        """Lowest and highest corner (2, 3)."""
        if self.shape == "mesh":
            x, y, z = self.size
            return np.array([[-x, -y, 0], [x, y, 2 * z]])
        if self.shape == "turned":
            radius, height = np.max(self.outline, 0)
            return np.array([[-radius, -radius, 0], [radius, radius, height]]) + self.at
        x, y, z = {
            "box": lambda: self.half,
            "ball": lambda: self.half * 3,
            "cylinder": lambda: (self.half[0], *self.half),
        }[self.shape]()
        return np.array([[-x, -y, -z], [x, y, z]]) + self.at


def box(x: float, y: float, z: float, at: Vector | None = None, color: Color | None = None) -> Geometry:
    """A box of half sizes (x, y, z); it stands on the ground if ``at`` does not say where its middle is."""
    return Geometry("box", (x, y, z), at or (0.0, 0.0, z), color)


def ball(radius: float, at: Vector | None = None, color: Color | None = None) -> Geometry:
    """A ball; it lies on the ground if ``at`` does not say where its middle is."""
    return Geometry("ball", (radius,), at or (0.0, 0.0, radius), color)


def cylinder(radius: float, z: float, at: Vector | None = None, color: Color | None = None) -> Geometry:
    """An upright cylinder of half height z; it stands on the ground if ``at`` does not say where its middle is."""
    return Geometry("cylinder", (radius, z), at or (0.0, 0.0, z), color)


def turned(
    *outline: tuple[float, float], wall: float = 0.0, at: Vector = (0.0, 0.0, 0.0), color: Color | None = None
) -> Geometry:
    """A solid of revolution: its outline ((radius, height), ...) from bottom to top."""
    return Geometry("turned", (), at, color, outline, wall)
