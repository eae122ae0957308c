"""What a piece of furniture is made of: a body that stands fast, and links that move on it, each with a handle.

Metres. The axes are a layout's: the origin is the middle of the underside, z is up, the front looks towards -y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry import Color, Geometry, Vector, box, cylinder

PANEL, GAP = 0.018, 0.002  # metres: thickness of boards; what a door leaves free on each of its sides
HANDLE, BAR = 0.04, 0.006  # metres: how far a handle stands out; half the thickness of its bar
WIDEST = 1.5  # radians to which a door opens
UP: Vector = (0.0, 0.0, 1.0)
ACROSS: Vector = (1.0, 0.0, 0.0)
INTO: Vector = (0.0, 1.0, 0.0)  # the way a hand comes to a handle of the front


@dataclass(frozen=True)
class Finish:
    """How a surface looks.

    Args:
        color: linear red, green and blue, from 0 to 1.
        roughness: from 0 (a mirror) to 1.
        metallic: 1 for metal.
        grain: whether it has wood's grain.
    """

    color: Color
    roughness: float = 0.6
    metallic: float = 0.0
    grain: bool = False


FINISHES = {
    "oak": Finish((0.36, 0.20, 0.09), grain=True),
    "walnut": Finish((0.20, 0.11, 0.05), grain=True),
    "white": Finish((0.75, 0.75, 0.73), 0.4),
    "steel": Finish((0.55, 0.56, 0.58), 0.3, 1.0),
    "stone": Finish((0.25, 0.25, 0.26), 0.3),
    "black": Finish((0.02, 0.02, 0.022), 0.25),
    "glass": Finish((0.60, 0.72, 0.76), 0.05),
    "fabric": Finish((0.22, 0.27, 0.32), 0.95),
    "linen": Finish((0.75, 0.70, 0.58), 0.95),
    "leaf": Finish((0.05, 0.25, 0.04), 0.8),
    "clay": Finish((0.35, 0.15, 0.08), 0.9),
    "carton": Finish((0.42, 0.28, 0.15), 0.9),
    "wall": Finish((0.62, 0.60, 0.55), 0.9),
}


@dataclass(frozen=True)
class Piece:
    """One solid of a body or link: its shape, in the thing's axes, and its finish, a name of ``FINISHES``."""

    geometry: Geometry
    finish: str


@dataclass(frozen=True)
class Handle:
    """Where a hand takes hold while everything is shut.

    Args:
        at: middle of the bar.
        approach: direction in which the hand comes.
        closing: direction along which the fingers close.
    """

    at: Vector
    approach: Vector
    closing: Vector


@dataclass(frozen=True)
class Link:
    """A part that moves, from 0 (shut) to ``range``.

    Args:
        name: unlike its neighbors'.
        kind: "hinge" or "slide".
        at: a point of the hinge's axis.
        axis: unit vector; a hinge turns about it by the right hand, a slide moves along it.
        range: radians or metres.
        pieces: of which it is made, as they are when it is shut.
        handle: where it is taken.
    """

    name: str
    kind: str
    at: Vector
    axis: Vector
    range: float
    pieces: tuple[Piece, ...]
    handle: Handle

    def motion(self, opened: float) -> np.ndarray:
        """Returns the transform (4, 4) from where it is shut to where it is opened by a share from 0 to 1."""
        from scipy.spatial.transform import Rotation

        transform, by = np.eye(4), opened * self.range
        if self.kind == "slide":
            transform[:3, 3] = np.array(self.axis) * by
        else:
            transform[:3, :3] = Rotation.from_rotvec(np.array(self.axis) * by).as_matrix()
            transform[:3, 3] = np.array(self.at) - transform[:3, :3] @ np.array(self.at)
        return transform


@dataclass(frozen=True)
class Furnishing:
    """A piece of furniture.

    Args:
        pieces: of the body.
        links: what moves on it.
        density: kg/m3, of all solids.
        licence: of a mesh that it is drawn from; empty: it is this pack's own.
    """

    pieces: tuple[Piece, ...]
    links: tuple[Link, ...] = ()
    density: float = 450.0
    licence: str = ""

    @property
    def bounds(self) -> np.ndarray:
        """Lowest and highest corner (2, 3) of all while it is shut."""
        every = [piece.geometry.bounds() for piece in (*self.pieces, *(p for link in self.links for p in link.pieces))]
        return np.array([np.min(every, (0, 1)), np.max(every, (0, 1))])


def block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], finish: str) -> Piece:
    """Returns a box between two values of each axis."""
    middle = (x[0] + x[1]) / 2, (y[0] + y[1]) / 2, (z[0] + z[1]) / 2
    half = [(high - low) / 2 for low, high in (x, y, z)]
    return Piece(box(half[0], half[1], half[2], middle), finish)


def column(radius: float, z: tuple[float, float], finish: str, at: tuple[float, float] = (0.0, 0.0)) -> Piece:
    """Returns an upright cylinder between two heights."""
    return Piece(cylinder(radius, (z[1] - z[0]) / 2, (*at, (z[0] + z[1]) / 2)), finish)


def bar(middle: Vector, length: float, upright: bool, finish: str = "steel") -> tuple[tuple[Piece, ...], Handle]:
    """Returns a handle: a bar before a front, on two posts, and where it is taken.

    Args:
        middle: of the bar; the front is ``HANDLE`` minus ``BAR`` behind it.
        length: metres.
        upright: whether it stands, as a door's, or lies, as a drawer's.
        finish: of bar and posts.
    """
    x, y, z = middle
    half = length / 2
    long, short = ((z - half, z + half), (x - BAR, x + BAR)) if upright else ((x - half, x + half), (z - BAR, z + BAR))
    pieces = [
        block(short, (y - BAR, y + BAR), long, finish) if upright else block(long, (y - BAR, y + BAR), short, finish)
    ]
    for side in (-1, 1):
        end = (0 if upright else side * (half - 2 * BAR), side * (half - 2 * BAR) if upright else 0)
        post = (x + end[0] - BAR, x + end[0] + BAR), (z + end[1] - BAR, z + end[1] + BAR)
        pieces.append(block(post[0], (y + BAR, y + HANDLE - BAR), post[1], finish))
    return tuple(pieces), Handle(middle, INTO, ACROSS if upright else UP)


def widest(reach: float) -> float:
    """Returns how far a door may open, so that its handle, ``reach`` metres from its hinge, stays before its front."""
    return min(WIDEST, math.atan2(reach, HANDLE))


def door(
    name: str, x: tuple[float, float], front: float, z: tuple[float, float], finish: str, hinge: str, **looks: Any
) -> Link:
    """Returns a door that turns about the outer edge of its front, so that it stays inside its own width.

    Args:
        name: of the link.
        x: left and right end of the opening that it covers.
        front: y of its front; the body begins ``PANEL`` behind it.
        z: lower and upper end.
        finish: of its board.
        hinge: "left", "right" or, falling open, "bottom".
        looks: ``inset``, a finish for a pane in the middle.
    """
    (left, right), (low, high) = (x[0] + GAP, x[1] - GAP), (z[0] + GAP, z[1] - GAP)
    pieces = [block((left, right), (front, front + PANEL), (low, high), finish)]
    if "inset" in looks:
        across, along = (right - left) * 0.15, (high - low) * 0.22
        pane = (left + across, right - across), (low + along * 0.8, high - along)
        pieces.append(block(pane[0], (front - 0.002, front), pane[1], looks["inset"]))
    y = front - HANDLE + BAR
    if hinge == "bottom":
        middle, length, upright = ((left + right) / 2, y, high - 0.05), 0.6 * (right - left), False
        at, axis, reach = ((left + right) / 2, front, low), (1.0, 0.0, 0.0), high - 0.05 - low
    else:
        edge = min(0.05, (right - left) / 4)
        grip = min(max(low + 0.12, 1.05), (low + high) / 2) if low < 1.2 else low + min(0.15, (high - low) / 2)
        length, upright = min(0.20, 0.6 * (high - low)), True
        grip = min(max(grip, low + length / 2 + 0.02), high - length / 2 - 0.02)
        side = right - edge if hinge == "left" else left + edge
        middle, reach = (side, y, grip), (right - left) - edge
        at, axis = (left if hinge == "left" else right, front, low), (0.0, 0.0, -1.0 if hinge == "left" else 1.0)
    handle_pieces, handle = bar(middle, length, upright)
    return Link(name, "hinge", at, axis, widest(reach), (*pieces, *handle_pieces), handle)


def drawer(
    name: str, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], finish: str, inner: float = PANEL
) -> Link:
    """Returns a drawer that slides out by three quarters of its depth.

    Args:
        name: of the link.
        x: left and right end of its front.
        y: its front and the back of the space behind it.
        z: lower and upper end of its front.
        finish: of its front.
        inner: how far the sides of its space are within ``x``.
    """
    (left, right), (low, high) = (x[0] + GAP, x[1] - GAP), (z[0] + GAP, z[1] - GAP)
    front, back = y[0] + PANEL, y[1] - 0.01
    inside = (x[0] + inner + 0.004, x[1] - inner - 0.004)
    thin, height = 0.010, min(0.20, 0.8 * (high - low))
    bottom = low + 0.02
    pieces = (
        block((left, right), (y[0], front), (low, high), finish),
        block(inside, (front, back), (bottom, bottom + thin), "linen"),
        block(inside, (back - thin, back), (bottom + thin, bottom + height - 0.02), "linen"),
        *(
            block(side, (front, back - thin), (bottom + thin, bottom + height - 0.02), "linen")
            for side in ((inside[0], inside[0] + thin), (inside[1] - thin, inside[1]))
        ),
    )
    middle = ((left + right) / 2, y[0] - HANDLE + BAR, low + 0.7 * (high - low))
    handle_pieces, handle = bar(middle, min(0.16, 0.5 * (right - left)), upright=False)
    return Link(name, "slide", middle, (0.0, -1.0, 0.0), 0.75 * (back - front), (*pieces, *handle_pieces), handle)
