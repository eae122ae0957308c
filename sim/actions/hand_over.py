"""One robot picks the object up, another takes it from its hand."""

import numpy as np

from ..poses import down, facing, nearest, shifted
from .lift_together import SECOND, add_opposite
from .pick_up import PickUp

APART = 1.3  # metres between the two robots


class HandOver(PickUp):
    """The family: as of a pick-up, and where the hands meet."""

    name = "hand over"
    failure = "the second hand did not take the object."
    objects = ("book", "bottle", "peg", "vase", "lamp", "candle")

    @staticmethod
    def arrange(world, rng):
        add_opposite(world, APART)
        x, y, _ = world.item.pose[:3, 3]
        world.item.place(min(x, 0.52), y, rng.uniform(-0.5, 0.5))

    def __init__(self, world, rng):
        super().__init__(world, rng)
        self.meet = np.array([rng.uniform(0.58, 0.64), rng.uniform(-0.06, 0.06), 0.0])
        self.lift = rng.uniform(0.2, 0.26)
        self.lower = rng.uniform(0.068, 0.075)  # metres below the first hand at which the second takes it
        self.yaw = nearest(self.item.yaw, 2)

    def run(self, arm):
        world, other = arm.world, arm.partner()
        aloft = down([*self.meet[:2], self.grasp[2] + self.lift], 0.0)
        out = 0.045 * (self.item.name == "book")
        take = facing(aloft[:3, 3] + [out, 0, -self.lower], [-1, 0, 0], [0, -1, 0])
        ready = shifted(take, 0.12, 0, 0)
        other.set_start_of([ready, take], self.rng)
        self.take(arm)
        arm.move(self.aloft(self.lift), self.speed)
        arm.move(aloft, self.speed)
        other.open_hand()
        other.move(take, self.speed)
        other.close_hand()
        arm.open_hand(0.3)
        arm.shift(0, 0, 0.08, self.speed)
        arm.wait(0.3)

    def succeeded(self, world):
        """Off the ground, both fingers of the second hand on it and nothing of the first."""
        links = world.pressing(0.05)
        fingers = {finger + SECOND for finger in world.robot.fingers}
        aloft = world.states[-1].position[2] - world.states[0].position[2] > 0.05
        return bool(aloft and links.issuperset(fingers) and all(link.endswith(SECOND) for link in links))
