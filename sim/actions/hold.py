"""Hold the object still above the ground."""

import numpy as np

from .pick_up import PickUp, held

SECONDS = 1.5


class Hold(PickUp):
    name = "hold"
    failure = "the object moved in the hand, or slipped out of it."

    def run(self, arm):
        super().run(arm)
        arm.wait(SECONDS)

    def succeeded(self, world):
        """For the whole time both fingers press and the object stays within 5 mm, off the ground."""
        places = np.array([state.position for state in world.states if state.time > world.time - SECONDS])
        return super().succeeded(world) and held(world, SECONDS) and bool(np.ptp(places, axis=0).max() < 0.005)
