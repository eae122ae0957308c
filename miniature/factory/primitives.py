"""The shapes that figures and objects are built of. A length unit is about half a creature's height."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .raycast import Color, Geometry, Point, affine

Hands: TypeAlias = tuple[Point, Point]
"""The left and the right hand (negative and positive x)."""

COLORS: dict[str, Color] = {
    "red": (0.86, 0.1, 0.1),
    "green": (0.1, 0.62, 0.16),
    "blue": (0.14, 0.25, 0.88),
    "yellow": (0.96, 0.8, 0.08),
}
WHITE, BLACK, ORANGE = (0.96, 0.96, 0.95), (0.07, 0.07, 0.08), (0.97, 0.55, 0.08)


def ball(center: Point, radius: float | Point, color: Color, kind: str = "ellipsoid", **options: Any) -> Geometry:
    """Builds an ellipsoid.

    Args:
        center: where it is.
        radius: one for all axes, or one for each.
        color: its color.
        kind: another kind of ``Geometry`` of the same size.
        **options: more of ``Geometry``'s attributes.
    """
    scale = np.full(3, radius) if np.isscalar(radius) else np.asarray(radius)
    return Geometry(kind, affine(scale, center), color, **options)


def box(center: Point, half: Point, color: Color, **options: Any) -> Geometry:
    """Builds a box from its half sides."""
    return ball(center, half, color, kind="box", **options)


def frustum(center: Point, radius: float, half_height: float, taper: float, color: Color, **options: Any) -> Geometry:
    """Builds an upright frustum; ``taper`` is its top radius over its bottom radius."""
    return Geometry("frustum", affine((radius, radius, half_height), center), color, taper=taper, **options)


def limb(start: Point, end: Point, radius: float, color: Color, taper: float = 1.0, square: bool = False) -> Geometry:
    """Builds a round (or square) limb between two points."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = np.linalg.norm(along) + 1e-6
    z = along / length
    x = np.cross(z, (0.0, 1.0, 0.0) if abs(z[1]) < 0.9 else (1.0, 0.0, 0.0))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    kind = "box" if square else "frustum"
    scale = (radius, radius, float(length / 2))
    return Geometry(kind, affine(scale, (start + end) / 2, rotation), color, taper=taper)


def mirrored(make: Callable[[int], list[Geometry]]) -> list[Geometry]:
    """Builds the parts of both sides: of side -1, then of side 1."""
    return [part for side in (-1, 1) for part in make(side)]


def eyes(x: float, y: float, z: float, radius: float, white: Color = WHITE, pupil: Color = BLACK) -> list[Geometry]:
    """Builds two eyes that look forward."""
    return mirrored(
        lambda s: [ball((s * x, y, z), radius, white), ball((s * x * 0.97, y + radius * 0.62, z), radius * 0.62, pupil)]
    )


def arms(
    shoulder_x: float,
    shoulder_z: float,
    hands: Hands,
    radius: float,
    color: Color,
    hand_color: Color | None = None,
    square: bool = False,
) -> list[Geometry]:
    """Builds two straight arms from the shoulders to the hands."""
    fist_color = hand_color or color
    return mirrored(
        lambda s: [
            ball((s * shoulder_x, 0, shoulder_z), radius * 1.1, color),
            limb((s * shoulder_x, 0, shoulder_z), hands[s > 0], radius, color, square=square),
            ball(hands[s > 0], radius * 1.25, fist_color),
        ]
    )


def feet(
    x: float,
    color: Color,
    seated: bool,
    size: tuple[float, float, float] = (0.2, 0.3, 0.14),
    leg: Color | None = None,
) -> list[Geometry]:
    """Builds two feet under the body, or stretched out in front of it when ``seated``; ``leg`` colors the legs."""
    if seated:
        return mirrored(
            lambda s: [
                limb((s * x, 0.1, 0.24), (s * x * 1.7, 0.66, 0.2), 0.15, leg or color),
                ball((s * x * 1.7, 0.72, 0.22), (size[0], size[2], size[1] * 0.85), color),
            ]
        )
    return mirrored(
        lambda s: [
            limb((s * x, 0, 0.12), (s * x, 0, 0.55), 0.15, leg or color),
            ball((s * x, 0.1, size[2]), size, color),
        ]
    )
