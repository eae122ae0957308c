"""Take hold of the object and slide it over the ground, without lifting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..objects import GRASPED
from .action import MOVED
from .pick_up import PickUp, displacement, held

if TYPE_CHECKING:
    from ..motion import Arm
    from ..state import State
    from ..world import World


FAR, LIFTED = 0.07, 0.01  # meters


class Slide(PickUp):
    name = "slide"
    objects = tuple(name for name in GRASPED if name != "book")  # which falls over
    failure = "the object did not follow the hand, or left the ground."

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        side = -np.sign(self.grasp[1]) or 1.0
        self.offset = rng.uniform(-0.04, 0.04), side * rng.uniform(0.1, 0.2)

    def run(self, arm: Arm) -> None:
        self.take(arm)
        arm.move(self.aloft(0.0, *self.offset), self.speed / 2)
        arm.wait(0.2)

    def succeeded(self, world: World) -> bool:
        """At least 7 cm from where it stood, never 1 cm above it, both fingers on it."""
        heights = np.array([state.position[2] for state in world.states])
        return held(world) and bool(np.hypot(*displacement(world)[:2]) > FAR and heights.max() < heights[0] + LIFTED)

    def shows(self, first: State, state: State) -> bool:
        return bool(np.linalg.norm(state.position - first.position) > MOVED)
