"""Lift the object, open the hand and let it fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .pick_up import PickUp, let_go

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


FALL = 0.05  # meters


class Drop(PickUp):
    name = "drop"
    failure = "the object was not lifted, or did not fall out of the hand."

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.lift = rng.uniform(0.14, 0.2)

    def run(self, arm: Arm) -> None:
        super().run(arm)
        arm.open_hand(0.6)

    def succeeded(self, world: World) -> bool:
        """From where it was held it has fallen at least 5 cm, and no hand touches it."""
        heights = [state.position[2] for state in world.states]
        return bool(max(heights) - heights[-1] > FALL) and let_go(world)
