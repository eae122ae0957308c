"""The objects of the everyday images: eight of them, each a short list of primitives on z = 0 about the origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .primitives import BLACK, COLORS, WHITE, ball, box, frustum, limb
from .raycast import Color, Geometry, affine


def _cube(color: Color) -> list[Geometry]:
    return [box((0, 0, 0.4), (0.42, 0.42, 0.4), color)]


def _gift(color: Color) -> list[Geometry]:
    ribbon = tuple(0.55 * c + 0.45 for c in color)
    return [
        box(
            (0, 0, 0.4),
            (0.42, 0.42, 0.4),
            color,
            second=ribbon,
            pattern=lambda p: (
                (np.abs(p[0]) < 0.2) & (np.abs(p[2]) < 2) & (np.abs(p[1]) > 0.9)
                | (np.abs(p[1]) < 0.2) & (np.abs(p[0]) > 0.9)
            ),
        )
    ]


def _ball(color: Color) -> list[Geometry]:
    return [ball((0, 0, 0.43), 0.43, color, second=WHITE, pattern=lambda p: np.abs(p[2] + 0.35 * p[0]) < 0.22)]


def _strawberry(color: Color) -> list[Geometry]:
    red, green = (0.88, 0.08, 0.16), (0.14, 0.6, 0.14)
    return [
        frustum((0, 0, 0.3), 0.12, 0.28, 3.3, red),
        ball((0, 0, 0.04), 0.13, red),
        ball((0, 0, 0.6), (0.42, 0.42, 0.26), red),
        ball((0, 0, 0.82), (0.34, 0.34, 0.09), green),
        limb((0, 0, 0.82), (0.06, 0, 1.0), 0.06, green),
    ]


def _lemon(color: Color) -> list[Geometry]:
    yellow = (0.98, 0.88, 0.12)
    return [
        ball((0, 0, 0.36), (0.46, 0.36, 0.36), yellow),
        ball((-0.45, 0, 0.36), 0.11, yellow),
        ball((0.45, 0, 0.36), 0.11, yellow),
        ball((0.5, 0, 0.47), (0.14, 0.09, 0.05), (0.2, 0.6, 0.15)),
    ]


def _lamp(color: Color) -> list[Geometry]:
    dark, shade = (0.28, 0.17, 0.12), (1.0, 0.86, 0.5)
    return [
        frustum((0, 0, 0.06), 0.3, 0.06, 0.8, dark),
        limb((0, 0, 0.1), (0, 0, 0.6), 0.085, dark),
        frustum((0, 0, 0.74), 0.45, 0.27, 0.5, shade),
    ]


def _cup(color: Color) -> list[Geometry]:
    teal, tea = (0.08, 0.6, 0.6), (0.35, 0.2, 0.1)
    ring = [(0.38 + 0.22 * np.cos(a), 0, 0.4 + 0.22 * np.sin(a)) for a in np.linspace(-1.5, 1.5, 5)]
    return [
        frustum((0, 0, 0.4), 0.32, 0.4, 1.25, teal),
        frustum((0, 0, 0.8), 0.35, 0.012, 1.0, tea),
        *[limb(a, b, 0.065, teal) for a, b in pairwise(ring)],
    ]


def _cart(color: Color) -> list[Geometry]:
    wood, dark = (0.75, 0.45, 0.2), (0.2, 0.2, 0.22)
    on_side = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
    wheels = [
        Geometry("frustum", affine((0.17, 0.17, 0.06), (x, y, 0.17), on_side), dark)
        for x in (-0.32, 0.32)
        for y in (-0.36, 0.36)
    ]
    return [
        box((0, 0, 0.5), (0.52, 0.32, 0.22), wood, second=(0.5, 0.28, 0.12), pattern=lambda p: np.abs(p[2]) < 0.22),
        *wheels,
    ]


def _chair(color: Color) -> list[Geometry]:
    brown, seat = (0.5, 0.3, 0.16), (0.72, 0.2, 0.3)
    legs = [box((x, y, 0.24), (0.08, 0.08, 0.24), brown) for x in (-0.4, 0.4) for y in (-0.4, 0.4)]
    return [box((0, 0, 0.55), (0.48, 0.48, 0.09), seat), box((0, -0.42, 0.96), (0.48, 0.07, 0.34), brown), *legs]


@dataclass(frozen=True)
class ObjectSpec:
    """What is acted on.

    Attributes:
        build: color -> parts; the color is black where the object has one of its own.
        half: half width and half depth of its hull.
        height: of its hull.
        colors: names of ``COLORS`` that it comes in; "" is its own.
        seat: z of what one sits on; None: the top of its hull.
    """

    build: Callable[[Color], list[Geometry]]
    half: tuple[float, float]
    height: float
    colors: tuple[str, ...] = ("",)
    seat: float | None = None


OBJECTS = {
    "box": ObjectSpec(_gift, (0.42, 0.42), 0.8, tuple(COLORS)),
    "ball": ObjectSpec(_ball, (0.43, 0.43), 0.86, tuple(COLORS)),
    "strawberry": ObjectSpec(_strawberry, (0.41, 0.41), 0.92),
    "lemon": ObjectSpec(_lemon, (0.5, 0.36), 0.72),
    "lamp": ObjectSpec(_lamp, (0.42, 0.42), 1.01),
    "cup": ObjectSpec(_cup, (0.4, 0.4), 0.81),
    "cart": ObjectSpec(_cart, (0.52, 0.42), 0.72),
    "chair": ObjectSpec(_chair, (0.48, 0.48), 1.3, seat=0.64),
}


def object_parts(name: str, color: str, plain: bool = False) -> list[Geometry]:
    """Builds the primitives of an object.

    Args:
        name: one of ``OBJECTS``.
        color: one of ``COLORS``, or "" for the object's own.
        plain: a plain box has no ribbon.
    """
    build = _cube if plain and name == "box" else OBJECTS[name].build
    return build(COLORS.get(color, BLACK))
