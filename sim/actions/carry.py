"""Lift the object and carry it somewhere else, without putting it down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .pick_up import PickUp, displacement

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


FAR = 0.15  # meters


class Carry(PickUp):
    name = "carry"
    failure = "the object was lost on the way."

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        side = -np.sign(self.grasp[1]) or 1.0
        self.offset = rng.uniform(-0.08, 0.04), side * rng.uniform(0.2, 0.32)

    def run(self, arm: Arm) -> None:
        super().run(arm)
        arm.move(self.aloft(self.lift, *self.offset), self.speed)
        arm.wait(0.2)

    def succeeded(self, world: World) -> bool:
        """Held aloft at the end, at least 15 cm from where it stood."""
        return super().succeeded(world) and bool(np.hypot(*displacement(world)[:2]) > FAR)
