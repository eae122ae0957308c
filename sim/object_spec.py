"""What an object is made of, where a hand takes it, and how it opens.

Lengths are half sizes in meters before the jitter, heights are above the ground on which the object stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .geometry import Geometry, Vector

# An object with a front shows it to -x
FRONT: Vector = (1.0, 0.0, 0.0)
ACROSS: Vector = (0.0, 1.0, 0.0)
UP: Vector = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Grip:
    """Where a hand from above takes hold.

    Args:
        height: of the fingertips over the ground, in meters.
        radius: from the middle, if it is a rim that is held, in meters.
        yaw_symmetry: in how many directions it can be grasped: 4 like a cube, 2 like a book.
        height_tolerance: how far the hand may take it higher, as a share of half its height.
    """

    height: float
    radius: float = 0.0
    yaw_symmetry: int = 4
    height_tolerance: float = 0.3


@dataclass(frozen=True)
class Joint:
    """What moves of an object.

    Args:
        kind: "hinge" or "slide".
        at: a point (3,) of its axis.
        axis: direction (3,), about or along which it moves.
        range: from 0, in meters or radians.
        parts: ``Geometry`` of what moves.
        handle: where a hand takes it: the middle (3,) of the bar, the direction (3,) from which the hand comes and the
            one along which the fingers close, all in the object's axes at 0; empty: nowhere.
        spring: that drives it back to 0, in N/m or Nm/rad.
        damping: per second.
    """

    kind: str
    at: Vector
    axis: Vector
    range: float
    parts: tuple[Geometry, ...]
    handle: tuple[Vector, ...] = ()
    spring: float = 0.0
    damping: float = 2.0


class ObjectModel(NamedTuple):
    """A URDF of an object.

    Args:
        description: the whole URDF, one of whose joints moves.
        unit: meters of its unit.
    """

    description: str
    unit: float


@dataclass(frozen=True)
class ObjectSpec:
    """What can be acted on.

    Args:
        parts: ``Geometry`` of which it is made.
        grip: where a hand takes it; None: nowhere.
        density: kg/m3.
        inside: (radius, floor, rim) of what it can hold, in meters; empty: it holds nothing.
        surface: radius of the flat top that it offers, in meters.
        joint: that opens it; None: it has none.
        word: what captions call it, if not by its name.
        model: it is built from that, and its parts only say how large it is.
    """

    parts: tuple[Geometry, ...]
    grip: Grip | None = None
    density: float = 300.0  # kg/m3, a light wood
    inside: tuple[float, ...] = ()
    surface: float = 0.0
    joint: Joint | None = None
    word: str = ""
    model: ObjectModel | None = None
    bounds: np.ndarray = field(init=False, compare=False)

    def __post_init__(self) -> None:
        corners = [part.bounds() for part in (*self.parts, *(self.joint.parts if self.joint else ()))]
        object.__setattr__(self, "bounds", np.array([np.min(corners, (0, 1)), np.max(corners, (0, 1))]))

    @property
    def half(self) -> np.ndarray:
        """Half sizes (3,) of the box around it, whose middle is its origin in the simulation."""
        return (self.bounds[1] - self.bounds[0]) / 2

    @property
    def middle(self) -> np.ndarray:
        """The middle (3,) of the box around it."""
        return (self.bounds[1] + self.bounds[0]) / 2
