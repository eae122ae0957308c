"""Where it happens. A room is furnished with solids; the surface on which objects stand is at height 0.

The camera stands at the front (x) or at a side (y); the robot's base is at the origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .environment_maps import KINDS
from .geometry import CREAM, DARK, STEEL, WOOD, box, cylinder, turned

if TYPE_CHECKING:
    import sapien

    from .geometry import Color, Geometry
    from .rehearsal import Region
    from .robot import Robot


PAINTS = ((0.62, 0.60, 0.55), (0.45, 0.55, 0.60), (0.52, 0.60, 0.48), (0.62, 0.50, 0.42), (0.36, 0.38, 0.42))
TIMBERS = ((0.36, 0.20, 0.09), (0.20, 0.11, 0.05), (0.48, 0.32, 0.17), (0.30, 0.26, 0.22))
BACK, FRONT, SIDE, HIGH = -1.6, 4.5, 2.6, 2.4  # meters to the walls and to the top of them
FURNITURE = 0.45  # meters that furniture takes along the side walls


@dataclass(frozen=True)
class Room:
    """A place in which an action happens; the surface on which objects stand is at height 0.

    Args:
        below: how far under the surface the floor lies, in meters.
        top: half sizes (x, y) and middle x of the surface, in meters; None: the floor itself.
        timber: whether the surface is of wood.
        furnish: gives the furniture, sampled by a generator, standing on the floor.

    Called, it builds the room and returns the number of its environment map, if it has any.
    """

    below: float = 0.0
    top: tuple[float, float, float] | None = None
    timber: bool = True
    furnish: Callable[[np.random.Generator], Iterator[Geometry]] | None = None

    spot: ClassVar[Region] = ((0.45, -0.15), (0.6, 0.15))
    """Lowest and highest (x, y) at which the object stands first, in meters."""

    region: ClassVar[Region] = ((0.38, -0.28), (0.62, 0.28))
    """Lowest and highest (x, y) in which other objects are put, in meters."""

    target: ClassVar[None] = None
    posture: ClassVar[tuple[float, ...]] = ()
    instance_names: ClassVar[tuple[str, ...]] = ()

    def world_from_base(self, robot: Robot) -> np.ndarray:
        """Pose (4, 4) of the robot's base."""
        return robot.world_from_base

    def state(self) -> np.ndarray:
        """What can move of it: nothing."""
        return np.zeros(0)

    def restore(self, state: np.ndarray) -> None:
        """Nothing has moved."""

    def leave_out(self, camera: np.ndarray, points: np.ndarray, acted_on: np.ndarray) -> None:
        """No camera stands behind anything: ``has_free`` says where one may."""

    def has_free(self, place: np.ndarray) -> bool:
        """Whether a camera at ``place`` (3,) in meters stands in front of walls and of what stands along them."""
        return not self.furnish or bool(np.abs(place[1]) < SIDE - FURNITURE and place[0] < FRONT)

    def __call__(self, scene: sapien.Scene, ground: Color, rng: np.random.Generator) -> int | None:
        """Builds the room in a scene; returns the number of its environment map."""
        from .builders import add_floor, build_still, grain, material, tiles

        if not self.furnish:
            scene.add_ground(0, render_material=material(ground, roughness=0.9))
            return None
        import sapien

        paint, timber = (kinds[rng.integers(len(kinds))] for kinds in (PAINTS, TIMBERS))
        floor = grain(timber, rng) if rng.random() < 0.6 else tiles(ground, rng)
        add_floor(scene, -self.below, floor)
        walls = (
            box(0.05, SIDE, HIGH / 2, (BACK, 0, HIGH / 2)),
            box(0.05, SIDE, HIGH / 2, (FRONT, 0, HIGH / 2)),
            *(box((FRONT - BACK) / 2, 0.05, HIGH / 2, ((FRONT + BACK) / 2, side * SIDE, HIGH / 2)) for side in (-1, 1)),
        )
        place = sapien.Pose([0, 0, -self.below])
        build_still(scene, walls, paint, place, "walls")
        build_still(scene, self.furnish(rng), timber, place, "furniture")
        if self.top:
            x, y, middle = self.top
            build_still(
                scene,
                (box(x, y, 0.02, (middle, 0, -0.02)),),
                timber,
                sapien.Pose(),
                "top",
                grain(timber, rng) if self.timber else None,
            )
        return int(rng.integers(KINDS))


def table(rng: np.random.Generator) -> Iterator[Geometry]:
    """A table on four legs, chairs, an image, a lamp."""
    high = 0.71
    yield from (box(0.035, 0.035, high / 2, (0.35 + x * 0.65, y * 0.65, high / 2)) for x in (-1, 1) for y in (-1, 1))
    for y in (-1, 1):
        yield from chair(0.35 + rng.uniform(-0.2, 0.2), y * rng.uniform(1.0, 1.2), -y)
    yield box(0.01, 0.45, 0.3, (BACK + 0.06, rng.uniform(-0.8, 0.8), 1.6), rng.uniform(0.1, 0.6, 3))
    yield from floor_lamp(-1.2, rng.choice([-1, 1]) * 1.8)


def kitchen(rng: np.random.Generator) -> Iterator[Geometry]:
    """A counter, cupboards on the wall, a fridge, a window with light."""
    front = rng.uniform(0.25, 0.7, 3)
    yield box(0.70, 1.2, 0.43, (0.25, 0, 0.43), front)
    yield from (box(0.012, 0.28, 0.33, (0.956, y, 0.45), front * 0.9) for y in (-0.88, -0.29, 0.29, 0.88))
    yield from (box(0.02, 0.12, 0.01, (0.975, y, 0.72), STEEL) for y in (-0.88, -0.29, 0.29, 0.88))
    for y in (-1.5, -0.75, 0.0, 0.75, 1.5):
        yield box(0.17, 0.36, 0.32, (BACK + 0.22, y, 1.85), front)
        yield box(0.008, 0.01, 0.06, (BACK + 0.40, y + 0.3, 1.62), STEEL)
    yield box(0.33, 0.36, 0.9, (BACK + 0.4, rng.choice([-1, 1]) * 2.1, 0.9), (0.7, 0.7, 0.72))
    yield box(0.3, 1.6, 0.44, (BACK + 0.35, 0, 0.44), front * 0.8)
    yield turned((0.05, 0), (0.07, 0.2), at=(BACK + 0.35, rng.uniform(-1, 1), 0.88), color=rng.uniform(0.1, 0.7, 3))


def living_room(rng: np.random.Generator) -> Iterator[Geometry]:
    """A rug on the floor, a sofa, a shelf with books, a plant and a lamp."""
    fabric = rng.uniform(0.08, 0.5, 3)
    yield box(0.45, 1.1, 0.21, (BACK + 0.6, 0, 0.21), fabric)
    yield box(0.12, 1.1, 0.22, (BACK + 0.25, 0, 0.62), fabric * 0.9)
    yield from (box(0.45, 0.12, 0.30, (BACK + 0.6, side * 1.0, 0.30), fabric * 0.9) for side in (-1, 1))
    side = rng.choice([-1, 1])
    for level in range(4):
        yield box(0.55, 0.16, 0.012, (0.8, side * (SIDE - 0.25), 0.3 + 0.4 * level))
        for x in np.arange(0.32, 1.25, 0.055):
            if rng.random() < 0.8:
                high = rng.uniform(0.10, 0.16)
                yield box(
                    0.022, 0.11, high, (x, side * (SIDE - 0.25), 0.312 + 0.4 * level + high), rng.uniform(0.03, 0.6, 3)
                )
    yield from (box(0.012, 0.16, 0.8, (0.8 + x * 0.55, side * (SIDE - 0.25), 0.8)) for x in (-1, 1))
    yield from floor_lamp(1.6, -side * 2.0)
    yield turned((0.14, 0), (0.2, 0.35), at=(-0.6, -side * 2.1, 0), color=(0.35, 0.15, 0.08))
    for leaf in range(9):
        angle = leaf * 2.4
        yield turned(
            (0.01, 0),
            (0.05, 0.2),
            (0.005, 0.5),
            at=(-0.6 + 0.14 * np.cos(angle), -side * 2.1 + 0.14 * np.sin(angle), 0.3 + 0.03 * leaf),
            color=(0.04, 0.2 + 0.02 * leaf, 0.05),
        )


def workshop(rng: np.random.Generator) -> Iterator[Geometry]:
    """A work bench, a board with tools, crates and a shelf of tins."""
    yield from (box(0.05, 0.05, 0.40, (0.3 + x * 0.62, y * 1.0, 0.40), DARK) for x in (-1, 1) for y in (-1, 1))
    yield box(0.62, 1.0, 0.02, (0.3, 0, 0.2), STEEL)
    yield box(0.015, 1.4, 0.5, (BACK + 0.07, 0, 1.5), (0.30, 0.22, 0.14))
    for y in np.arange(-1.2, 1.3, 0.3):
        long = rng.uniform(0.1, 0.22)
        yield box(0.012, 0.02, long, (BACK + 0.10, y, 1.55), WOOD)
        yield box(0.015, rng.uniform(0.03, 0.09), 0.03, (BACK + 0.11, y, 1.55 + long), STEEL)
    for side in (-1, 1):
        size = rng.uniform(0.2, 0.3)
        yield box(
            size, size, size, (rng.uniform(-0.9, -0.4), side * rng.uniform(1.7, 2.0), size), rng.uniform(0.1, 0.4, 3)
        )
    yield box(0.14, 1.5, 0.012, (BACK + 0.2, 0, 0.85), STEEL)
    yield from (
        cylinder(0.07, 0.09, (BACK + 0.2, y, 0.952), rng.uniform(0.05, 0.6, 3)) for y in np.arange(-1.2, 1.3, 0.24)
    )


def chair(x: float, y: float, towards: float) -> Iterator[Geometry]:
    """A chair whose back is away from the table."""
    yield box(0.2, 0.2, 0.02, (x, y, 0.44))
    yield box(0.2, 0.02, 0.22, (x, y - towards * 0.19, 0.70))
    yield from (box(0.02, 0.02, 0.22, (x + i * 0.18, y + j * 0.18, 0.22)) for i in (-1, 1) for j in (-1, 1))


def floor_lamp(x: float, y: float) -> Iterator[Geometry]:
    """A lamp that stands at (x, y)."""
    yield cylinder(0.16, 0.015, (x, y, 0.015), DARK)
    yield cylinder(0.015, 0.75, (x, y, 0.78), STEEL)
    yield turned((0.20, 0), (0.13, 0.28), at=(x, y, 1.48), color=CREAM)


ROOMS = {
    "plain": Room(),
    "table": Room(0.75, (0.75, 0.75, 0.35), True, table),
    "kitchen": Room(0.90, (0.78, 1.25, 0.25), False, kitchen),
    "living room": Room(furnish=living_room),
    "workshop": Room(0.84, (0.72, 1.1, 0.3), True, workshop),
}
