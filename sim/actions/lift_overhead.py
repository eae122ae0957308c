"""A robot with two arms takes a large object between its palms and lifts it above its head."""

import numpy as np

from ..poses import palms
from .action import Action

HEAD = 0.1  # metres; the object is above the head if its middle is higher than that over the crown


class LiftOverhead(Action):
    """The family: where the object stands, where and how hard the palms press, how high and how fast they lift."""

    name = "lift overhead"
    failure = "the object is not held above the head."
    objects = ("big cube",)
    two_handed = True

    @staticmethod
    def arrange(world, rng):
        near = 0.18 + world.item.half[0] + rng.uniform(-0.015, 0.015), rng.uniform(-0.015, 0.015)
        stool = world.add("stool", *near)
        world.loose.append(stool)
        world.item.place(*near, rng.uniform(-0.06, 0.06), 2 * stool.half[2])

    def __init__(self, world, rng):
        super().__init__(world, rng)
        self.crown = world.robot.crown
        self.level = rng.uniform(0.1, 0.3) * self.item.half[2]
        self.press = rng.uniform(0.03, 0.045)
        self.gap = rng.uniform(0.08, 0.11)
        self.over = rng.uniform(0.01, 0.03)
        self.speed = rng.uniform(0.25, 0.4)

    def run(self, hands):
        start = self.item.pose[:3, 3] + [0, 0, self.level]
        half = self.item.half
        above = self.crown + half[2] + self.level
        ahead = np.array([half[0] + 0.22, 0, self.crown - 0.2])  # folded arms do not reach what is nearer
        clear = np.array([half[0] + 0.075, 0, above])  # before the head, not yet above it
        aloft = np.array([0.1, 0, above + self.over])
        apart, pressed = half[1] + self.gap, half[1] - self.press
        hands.set_start(palms(start, apart))
        hands.world.check_start()
        hands.follow([palms(start, apart), palms(start, pressed)], self.speed / 2)
        hands.follow([*(palms(place, pressed) for place in (start, ahead, clear, aloft))], self.speed)
        hands.wait(0.4)

    def succeeded(self, world):
        """It is above the head, and at the end something of either arm presses on it."""
        sides = {link.split("_")[0] for link in world.pressing(0.05)}
        return self.above(world.states[-1]) and {"left", "right"} <= sides

    def above(self, state):
        return bool(state.position[2] > self.crown + HEAD)

    def shows(self, first, state):
        return self.above(state)
