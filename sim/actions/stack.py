"""Put the object on its like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import beside, lean, other_color
from .place_on import PlaceOn

if TYPE_CHECKING:
    from ..scene_objects import SceneObject
    from ..world import World


class Stack(PlaceOn):
    name = "stack"
    failure = "the object does not stand on the one below."
    objects: tuple[str, ...] = ("cube", "can", "block", "jar", "sponge", "spool")

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        x, y = beside(world, rng)
        yaw = world.item.yaw + rng.uniform(-0.2, 0.2)
        target = world.add(world.item.name, x, y, yaw, other_color(world, rng))
        return (target,)

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.top = 2 * self.target.half[2]

    def succeeded(self, world: World) -> bool:
        """As on any target, and upright."""
        return super().succeeded(world) and lean(world.states[-1]) < 0.2
