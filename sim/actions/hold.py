"""Hold the object still above the ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .pick_up import PickUp, held

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


SECONDS = 1.5


class Hold(PickUp):
    name = "hold"
    failure = "the object moved in the hand, or slipped out of it."

    def run(self, arm: Arm) -> None:
        super().run(arm)
        arm.wait(SECONDS)

    def succeeded(self, world: World) -> bool:
        """For the whole time both fingers press and the object stays within 5 mm, off the ground."""
        places = np.array([state.position for state in world.states if state.time > world.time - SECONDS])
        return super().succeeded(world) and held(world, SECONDS) and bool(np.ptp(places, axis=0).max() < 0.005)
