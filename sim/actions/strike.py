"""Hit the object with the closed hand, so that it flies off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .push import Push

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


class Strike(Push):
    name = "strike"
    failure = "the object did not fly off when it was struck."
    objects: tuple[str, ...] = ("ball", "apple", "spool", "cup")

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.behind -= 0.08 * self.direction
        self.length = 0.26
        self.swing = rng.uniform(1.0, 1.2)

    def run(self, arm: Arm) -> None:
        arm.make_fist()
        arm.set_start_of([self.hand(self.behind), self.hand(self.behind + self.length * self.direction)], self.rng)
        arm.world.check_start()
        arm.wait(0.05)
        arm.move(self.hand(self.behind + self.length * self.direction), self.swing)
        arm.wait(0.6)

    def succeeded(self, world: World) -> bool:
        """Faster than 0.3 m/s when the hand leaves it, and it goes on for 2 cm or more by itself."""
        left = max(contact.time for contact in world.contacts) if world.contacts else np.inf
        free = np.array([state.position for state in world.states if state.time > left])
        if len(free) < 20:
            return False
        speed = np.linalg.norm(free[4] - free[0]) / (4 * (world.states[1].time - world.states[0].time))
        return bool(speed > 0.3 and np.linalg.norm(free[-1] - free[0]) > 0.02)
