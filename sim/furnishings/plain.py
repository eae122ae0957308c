"""Furniture that does not open, of a few solids: each function makes one class, exactly as large as it is asked for.

What is solid keeps to the box sets of ``furniture.CATEGORIES``, so that a chair that goes under a table's box set does
not meet a leg of the table that is built.
"""

from __future__ import annotations

from .model import Furnishing, Piece, Vector, block, column


def bed(size: Vector) -> Furnishing:
    """A frame on legs, a mattress, pillows, and the board at its head, at the back."""
    width, depth, height = size
    x, front, back, top = width / 2, -depth / 2, depth / 2, 0.55 * height
    board, pillow = back - 0.05 * depth, 0.38 * width
    count = 2 if width > 1.25 else 1
    return Furnishing(
        (
            block((-x, x), (front, board), (0.2 * top, 0.5 * top), "oak"),
            block((-x + 0.02, x - 0.02), (front + 0.02, board), (0.5 * top, 0.9 * top), "linen"),
            block((-x, x), (board, back), (0, height), "oak"),
            *_legs(x, front, board, 0.2 * top, 0.06, "oak"),
            *(
                block(
                    (middle - pillow / count, middle + pillow / count),
                    (board - 0.4, board - 0.03),
                    (0.9 * top, top),
                    "white",
                )
                for middle in ([-width / 4, width / 4] if count == 2 else [0.0])
            ),
        ),
        density=80.0,
    )


def chair(size: Vector) -> Furnishing:
    """A seat on four legs and a back."""
    width, depth, height = size
    x, front, back, seat = width / 2, -depth / 2, depth / 2, 0.52 * height
    return Furnishing(
        (
            block((-x, x), (front, back), (seat - 0.035, seat), "oak"),
            block((-x, x), (back - min(0.03, 0.15 * depth), back), (seat, height), "oak"),
            *_legs(x, front, back, seat - 0.035, 0.035, "oak"),
        )
    )


def stool(size: Vector) -> Furnishing:
    """A seat on four legs."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    return Furnishing(
        (block((-x, x), (-y, y), (height - 0.04, height), "oak"), *_legs(x, -y, y, height - 0.04, 0.035, "steel"))
    )


def sofa(size: Vector) -> Furnishing:
    """A seat with arms and a back; also an armchair."""
    width, depth, height = size
    x, front, back = width / 2, -depth / 2, depth / 2
    arm, deep, seat = min(0.18, 0.16 * width), 0.26 * depth, 0.48 * height
    return Furnishing(
        (
            block((-x, x), (front, back), (0.06, 0.28 * height), "fabric"),
            block((-x + arm, x - arm), (front, back - deep), (0.28 * height, seat), "fabric"),
            block((-x, x), (back - deep, back), (0.28 * height, height), "fabric"),
            *(
                block(side, (front, back - deep), (0.28 * height, 0.7 * height), "fabric")
                for side in ((-x, -x + arm), (x - arm, x))
            ),
            *_legs(x, front, back, 0.06, 0.05, "black"),
        ),
        density=80.0,
    )


def coffee_table(size: Vector) -> Furnishing:
    """A top on four legs, with a shelf between them."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    return Furnishing(
        (
            block((-x, x), (-y, y), (height - 0.03, height), "walnut"),
            block((-x + 0.05, x - 0.05), (-y + 0.05, y - 0.05), (0.3 * height, 0.3 * height + 0.02), "walnut"),
            *_legs(x, -y, y, height - 0.03, 0.05, "walnut"),
        )
    )


def dining_table(size: Vector) -> Furnishing:
    """A top on a broad foot, so that chairs go under it on all sides."""
    width, depth, height = size
    x, y, top = width / 2, depth / 2, height - min(0.04, 0.07 * height)
    return Furnishing(
        (
            block((-x, x), (-y, y), (top, height), "oak"),
            block((-0.1 * width, 0.1 * width), (-0.1 * depth, 0.1 * depth), (0.04, top), "oak"),
            block((-0.15 * width, 0.15 * width), (-0.15 * depth, 0.15 * depth), (0, 0.04), "oak"),
        )
    )


def bookcase(size: Vector) -> Furnishing:
    """Shelves with books, open to the front."""
    width, depth, height = size
    x, y, board = width / 2, depth / 2, 0.02
    count = max(1, round(height / 0.36))
    gap = (height - board) / count
    shelves = [
        block((-x + board, x - board), (-y, y - board), (k * gap, k * gap + board), "oak") for k in range(count + 1)
    ]
    books = [
        block(
            (-x + board, -x + board + (0.35 + 0.12 * (k * 7 % 4)) * (width - 2 * board)),
            (-y + 0.1 * depth, y - board),
            (k * gap + board, (k + 0.7) * gap),
            ("fabric", "clay", "leaf", "linen")[k % 4],
        )
        for k in range(count)
    ]
    sides = [block(side, (-y, y), (0, height), "oak") for side in ((-x, -x + board), (x - board, x))]
    return Furnishing((*sides, block((-x + board, x - board), (y - board, y), (0, height), "oak"), *shelves, *books))


def tv(size: Vector) -> Furnishing:
    """A screen on a foot."""
    width, depth, height = size
    x, y, thick = width / 2, depth / 2, min(0.05, depth)
    return Furnishing(
        (
            block((-x, x), (-thick / 2, thick / 2), (0.08 * height, height), "black"),
            block((-0.05, 0.05), (-thick / 2, thick / 2), (0.015, 0.08 * height), "steel"),
            block((-0.2 * width, 0.2 * width), (-y, y), (0, 0.015), "steel"),
        )
    )


def floor_lamp(size: Vector) -> Furnishing:
    """A foot, a pole and a shade."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    shade = (
        column(x, (0.8 * height, height), "linen")
        if abs(width - depth) < 1e-6
        else block((-x, x), (-y, y), (0.8 * height, height), "linen")
    )
    radius = 0.3 * min(x, y)
    return Furnishing((column(radius, (0, 0.03), "black"), column(0.015, (0.03, 0.8 * height), "steel"), shade))


def plant(size: Vector) -> Furnishing:
    """A pot with earth, a stem and leaves."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    leaves = [(0.45, 0.62, 0.7), (0.62, 0.82, 1.0), (0.82, 1.0, 0.6)]
    return Furnishing(
        (
            column(0.7 * min(x, y), (0, 0.32 * height), "clay"),
            column(0.02, (0.32 * height, 0.45 * height), "leaf"),
            *(
                block((-x * share, x * share), (-y * share, y * share), (low * height, high * height), "leaf")
                for low, high, share in leaves
            ),
        ),
        density=200.0,
    )


def carton(size: Vector) -> Furnishing:
    """A box that is shut, with tape along its top."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    return Furnishing(
        (
            block((-x, x), (-y, y), (0, height - 0.002), "carton"),
            block((-x, x), (-0.03, 0.03), (height - 0.002, height), "linen"),
        ),
        density=100.0,
    )


def rug(size: Vector) -> Furnishing:
    """A rug with a border."""
    width, depth, height = size
    x, y = width / 2, depth / 2
    return Furnishing(
        (
            block((-x, x), (-y, y), (0, 0.9 * height), "fabric"),
            block((-0.9 * x, 0.9 * x), (-0.9 * y, 0.9 * y), (0.9 * height, height), "linen"),
        ),
        density=200.0,
    )


def _legs(x: float, front: float, back: float, height: float, thick: float, finish: str) -> tuple[Piece, ...]:
    """Four square legs at the corners."""
    return tuple(
        block(side, end, (0, height), finish)
        for side in ((-x, -x + thick), (x - thick, x))
        for end in ((front, front + thick), (back - thick, back))
    )
