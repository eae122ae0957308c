"""Groups of furniture, each laid out in its own frame: x along the wall, y to the wall, which is at y = 0.

Distances follow planners' tables and the constants of ProcTHOR (Deitke et al. 2022) and Infinigen Indoors (Raistrick et
al. 2024): facts, not code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...sim.furniture import CATEGORIES

FACING_WALL = math.pi  # the yaw of a thing that looks towards y


@dataclass(frozen=True)
class Piece:
    """A thing of a group.

    Args:
        category: its class.
        size: width, depth and height in metres.
        x: metres of its middle along the wall.
        y: metres of its middle, negative before the wall.
        yaw: radians; 0 looks away from the wall.
        bottom: metres above the floor.
    """

    category: str
    size: tuple[float, float, float]
    x: float
    y: float
    yaw: float = 0.0
    bottom: float = 0.0


Maker = Callable[[np.random.Generator], list[Piece]]


@dataclass(frozen=True)
class Group:
    """A kind of group.

    Args:
        where: "wall", "corner" or "middle": where its frame may stand.
        make: samples its pieces.
    """

    where: str
    make: Maker


def usual_size(rng: np.random.Generator, category: str, widest: float = math.inf) -> tuple[float, float, float]:
    """Samples a usual width, depth and height of a class in metres, no wider than ``widest`` if it comes so narrow."""
    kind = CATEGORIES[category]
    low, high = kind.width
    width = min(float(rng.triangular(low, kind.size[0], high)), max(low, widest))
    depth, height = (float(side * rng.uniform(0.94, 1.06)) for side in kind.size[1:])
    return round(width, 2), round(depth, 2), round(height, 2)


def _standing(rng: np.random.Generator, category: str, x: float = 0.0) -> Piece:
    """A thing with its back at the wall."""
    size = usual_size(rng, category)
    return Piece(category, size, x, -size[1] / 2 - float(rng.uniform(0, 0.04)), bottom=CATEGORIES[category].bottom)


def _alone(category: str, where: str = "wall") -> Group:
    """A thing on its own."""
    return Group(where, lambda rng: [_standing(rng, category)])


def _sleep(bed: str) -> Maker:
    def make(rng: np.random.Generator) -> list[Piece]:
        pieces = [_standing(rng, bed)]
        (width, depth, _), y = pieces[0].size, pieces[0].y
        stand = usual_size(rng, "nightstand")
        sides = {"double bed": (-1, 1), "single bed": (int(rng.choice([-1, 1])),)}[bed]
        if bed == "double bed" and rng.random() < 0.25:
            sides = sides[:1]
        for side in sides:
            x = side * (width / 2 + float(rng.uniform(0.02, 0.1)) + stand[0] / 2)
            pieces.append(Piece("nightstand", stand, x, y + depth / 2 - stand[1] / 2))
        if bed == "double bed" and rng.random() < 0.3:
            rug = (2.4, 1.6, 0.01)
            pieces.append(Piece("rug", rug, 0.0, y - depth / 2 + 0.4))
        return pieces

    return make


def _work(rng: np.random.Generator) -> list[Piece]:
    desk, chair = _standing(rng, "desk"), usual_size(rng, "chair")
    tucked = float(rng.uniform(-0.05, 0.25))
    y = desk.y - desk.size[1] / 2 - chair[1] / 2 + tucked
    x = float(rng.uniform(-0.15, 0.15))
    return [desk, Piece("chair", chair, x, y, FACING_WALL + float(rng.uniform(-0.2, 0.2)))]


def _view(rng: np.random.Generator) -> list[Piece]:
    stand = _standing(rng, "tv stand")
    tv = usual_size(rng, "tv", stand.size[0] - 0.05)
    sofa, table = usual_size(rng, "sofa"), usual_size(rng, "coffee table")
    front = stand.y - stand.size[1] / 2
    y = front - float(rng.uniform(1.9, 2.8)) - sofa[1] / 2
    gap = float(rng.uniform(0.3, 0.45))
    middle = y + sofa[1] / 2 + gap + table[1] / 2
    pieces = [
        stand,
        Piece("tv", tv, 0.0, stand.y, bottom=stand.size[2]),
        Piece("sofa", sofa, 0.0, y, FACING_WALL),
        Piece("coffee table", table, float(rng.uniform(-0.1, 0.1)), middle, FACING_WALL),
    ]
    for side in _sides(rng, (0.45, 0.35, 0.2)):
        chair = usual_size(rng, "armchair")
        x = side * (sofa[0] / 2 + chair[1] / 2 + float(rng.uniform(0.0, 0.2)))
        turn = side * (-math.pi / 2 + float(rng.uniform(-0.3, 0.3)))
        pieces.append(Piece("armchair", chair, x, middle + float(rng.uniform(-0.1, 0.3)), turn))
    if rng.random() < 0.4:
        pieces.append(Piece("rug", (2.0, 1.4, 0.01), 0.0, middle))
    return pieces


def _eat(most: int) -> Maker:
    def make(rng: np.random.Generator) -> list[Piece]:
        count = int(rng.integers(2, most + 1))
        table = usual_size(rng, "dining table", 1.2 if count <= 2 else math.inf)
        if count > 2:
            table = (max(table[0], 1.3 if count <= 4 else 1.6), *table[1:])
        chair = usual_size(rng, "chair")
        tucked = float(rng.uniform(-0.05, 0.2))
        y = table[1] / 2 + chair[1] / 2 - tucked
        x = table[0] / 2 + chair[1] / 2 - min(tucked, 0.05)  # or it meets the chairs around the corner
        spread = (0.0,) if count <= 3 else (-table[0] / 4, table[0] / 4)
        places = [(shift, side * y, 0.0 if side > 0 else math.pi) for shift in spread for side in (-1, 1)]
        ends = [(x, 0.0, -math.pi / 2), (-x, 0.0, math.pi / 2)]
        chosen = (places + ends)[: count if count != 3 else 2]  # three chairs would leave a side empty
        turns = rng.uniform(-0.2, 0.2, len(chosen))
        chairs = [Piece("chair", chair, px, py, yaw + float(turn)) for (px, py, yaw), turn in zip(chosen, turns)]
        return [Piece("dining table", table, 0.0, 0.0), *chairs]

    return make


def _cook(*categories: str) -> Maker:
    def make(rng: np.random.Generator) -> list[Piece]:
        order = categories if rng.random() < 0.5 else categories[::-1]
        sizes = [usual_size(rng, name, 1.2) for name in order]
        gap, x = float(rng.uniform(0, 0.03)), -sum(size[0] for size in sizes) / 2
        pieces, counters = [], []
        for name, size in zip(order, sizes):
            pieces.append(Piece(name, size, x + size[0] / 2, -gap - size[1] / 2))
            counters += [pieces[-1]] if name in ("counter", "sink cabinet") else []
            x += size[0] + 0.005
        for below in counters:
            if rng.random() < 0.7:
                depth = usual_size(rng, "wall cupboard")[1]
                size = (min(below.size[0], 1.2), depth, 0.7)
                pieces.append(Piece("wall cupboard", size, below.x, -0.01 - depth / 2, bottom=1.45))
        tops = [below for below in counters if below.category == "counter" and below.size[0] > 0.75]
        if tops and rng.random() < 0.5:
            size = usual_size(rng, "microwave")
            pieces.append(Piece("microwave", size, tops[0].x, -gap - 0.08 - size[1] / 2, bottom=tops[0].size[2]))
        return pieces

    return make


def _reading(rng: np.random.Generator) -> list[Piece]:
    chair, lamp = usual_size(rng, "armchair"), usual_size(rng, "floor lamp")
    side = int(rng.choice([-1, 1]))
    x = side * (chair[0] / 2 + lamp[0] / 2 + float(rng.uniform(0.03, 0.15)))
    back = float(rng.uniform(0.03, 0.1))
    return [
        Piece("armchair", chair, 0.0, -back - chair[1] / 2, float(rng.uniform(-0.2, 0.2))),
        Piece("floor lamp", lamp, x, -0.05 - lamp[1] / 2),
    ]


def _sides(rng: np.random.Generator, shares: Sequence[float]) -> tuple[int, ...]:
    """No side, one or both, with these probabilities."""
    return ((), (int(rng.choice([-1, 1])),), (-1, 1))[int(rng.choice(3, p=shares))]


GROUPS = {
    "sleep, double": Group("wall", _sleep("double bed")),
    "sleep, single": Group("wall", _sleep("single bed")),
    "wardrobe": _alone("wardrobe"),
    "dresser": _alone("dresser"),
    "work": Group("wall", _work),
    "bookcase": _alone("bookcase"),
    "reading": Group("wall", _reading),
    "view": Group("wall", _view),
    "sideboard": _alone("sideboard"),
    "stool": _alone("stool"),
    "eat, six": Group("middle", _eat(6)),
    "eat, four": Group("middle", _eat(4)),
    "eat, two": Group("middle", _eat(2)),
    "cook, long": Group("wall", _cook("counter", "sink cabinet", "dishwasher", "counter", "oven", "fridge")),
    "cook": Group("wall", _cook("counter", "sink cabinet", "dishwasher", "oven", "fridge")),
    "cook, short": Group("wall", _cook("sink cabinet", "counter", "oven", "fridge")),
    "cook, tiny": Group("wall", _cook("sink cabinet", "counter", "oven")),
    "lamp": _alone("floor lamp", "corner"),
    "plant": _alone("plant", "corner"),
    "bin": _alone("bin", "corner"),
    "box": _alone("box", "corner"),
}
"""name -> ``Group``."""


@dataclass(frozen=True)
class Recipe:
    """What a type of room is made of.

    Args:
        area: smallest and largest usual square metres.
        anchors: groups of which it has one: the first that fits, from a random one on.
        others: group -> the probability that it is wanted.
    """

    area: tuple[float, float]
    anchors: tuple[str, ...]
    others: dict[str, float]


RECIPES = {
    "bedroom": Recipe(
        (9, 20),
        ("sleep, double", "sleep, single"),
        {"wardrobe": 0.8, "dresser": 0.5, "work": 0.5, "bookcase": 0.25, "reading": 0.25}
        | {"lamp": 0.3, "plant": 0.35, "bin": 0.25, "box": 0.2},
    ),
    "living room": Recipe(
        (14, 35),
        ("view",),
        {"bookcase": 0.6, "sideboard": 0.35, "work": 0.25, "reading": 0.35, "dresser": 0.15}
        | {"lamp": 0.5, "plant": 0.6, "stool": 0.15, "box": 0.15, "bin": 0.15},
    ),
    "dining room": Recipe(
        (10, 22),
        ("eat, six", "eat, four"),
        {"sideboard": 0.75, "plant": 0.6, "lamp": 0.4, "bin": 0.2, "box": 0.2},
    ),
    "kitchen": Recipe(
        (7, 18),
        ("cook, long", "cook", "cook, short", "cook, tiny"),
        {"eat, four": 0.3, "eat, two": 0.4, "bin": 0.5, "stool": 0.3, "plant": 0.3, "box": 0.2},
    ),
}
"""type of room -> ``Recipe``."""
