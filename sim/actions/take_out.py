"""Lift the object out of a basket and hold it beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import other_color
from .pick_up import PickUp

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..world import World


class TakeOut(PickUp):
    name = "take out"
    failure = "the object is not out of its basket, in the hand."
    objects = ("cube", "ball", "can", "bottle", "cup", "lemon", "apple", "lamp", "vase", "jar", "candle", "toy house")

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        x, y, _ = world.item.pose[:3, 3]
        basket = world.add("basket", x, y, 0.0, other_color(world, rng))
        floor = basket.spec.inside[1] * world.scale
        world.item.place(x, y, world.item.yaw, floor + 0.001)
        return (basket,)

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.target = world.props[0]
        side = -np.sign(self.grasp[1]) or 1.0
        self.offset = rng.uniform(-0.05, 0.03), side * rng.uniform(0.2, 0.28)
        self.lift = 2 * self.target.half[2] + rng.uniform(0.03, 0.06)

    def run(self, arm: Arm) -> None:
        super().run(arm)
        arm.move(self.aloft(self.lift, *self.offset), self.speed)
        arm.wait(0.2)

    def succeeded(self, world: World) -> bool:
        """Held aloft, beside the basket, in which it lay at first."""
        away = np.hypot(*(world.states[-1].position[:2] - self.target.pose[:2, 3]))
        return super().succeeded(world) and bool(away > self.target.half[0])
