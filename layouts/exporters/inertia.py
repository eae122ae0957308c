"""Mass, middle and inertia of solids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...sim.furnishings.model import Piece

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Inertia(NamedTuple):
    """What a rigid body weighs.

    Args:
        mass: kg.
        middle: (3,) center of mass in metres.
        matrix: (3, 3) about it, in kg m².
    """

    mass: float
    middle: NDArray[Any]
    matrix: NDArray[Any]


def inertia_of(pieces: Sequence[Piece], density: float) -> Inertia:
    """Returns mass, middle and inertia of solids of one density in kg/m3; a mesh counts as a fifth of its box."""
    parts = [_solid(piece, density) for piece in pieces]
    mass = sum(part.mass for part in parts)
    middle = np.sum([part.mass * part.middle for part in parts], 0) / mass
    total = np.zeros((3, 3))
    for part in parts:
        offset = part.middle - middle
        total += part.matrix + part.mass * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    return Inertia(float(mass), middle, total)


def _solid(piece: Piece, density: float) -> Inertia:
    low, high = piece.geometry.bounds()
    x, y, z = high - low
    if piece.geometry.shape == "cylinder":
        mass = density * np.pi / 4 * x * x * z
        diagonal = [(3 * x * x / 4 + z * z) / 12, (3 * x * x / 4 + z * z) / 12, x * x / 8]
    else:
        mass = density * x * y * z * (0.2 if piece.geometry.shape == "mesh" else 1.0)
        diagonal = [(y * y + z * z) / 12, (x * x + z * z) / 12, (x * x + y * y) / 12]
    return Inertia(mass, (low + high) / 2, mass * np.diag(diagonal))
