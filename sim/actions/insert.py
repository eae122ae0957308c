"""Put the peg into the hole of a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import beside, lean, other_color
from .pick_up import let_go
from .place_on import PlaceOn

if TYPE_CHECKING:
    from ..scene_objects import SceneObject
    from ..world import World


DEPTH = 0.02  # meters


class Insert(PlaceOn):
    name = "insert"
    failure = "the peg is not in the hole."
    objects: tuple[str, ...] = ("peg",)

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        x, y = beside(world, rng)
        target = world.add("socket", x, y, rng.uniform(-0.4, 0.4), other_color(world, rng))
        return (target,)

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.offset = self.target.pose[:2, 3] - self.item.pose[:2, 3]
        self.top = self.target.spec.inside[1] * self.target.scale

    def succeeded(self, world: World) -> bool:
        """Let go, upright, its foot at least 2 cm below the top of the hole."""
        state = world.states[-1]
        foot = np.array(state.position) - [0, 0, self.item.half[2]]
        away = np.hypot(*(foot[:2] - self.target.pose[:2, 3]))
        return let_go(world) and lean(state) < 0.25 and bool(foot[2] < 2 * self.target.half[2] - DEPTH and away < 0.02)
