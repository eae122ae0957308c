"""What robots with two arms do with a large object that they take between their palms."""

from ..poses import palms
from .action import Action


class BetweenPalms(Action):
    """The family: where the object stands, where and how hard the palms press, and how fast they move."""

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
        self.level = rng.uniform(0.1, 0.3) * self.item.half[2]
        self.press = rng.uniform(0.03, 0.045)
        self.gap = rng.uniform(0.08, 0.11)
        self.speed = rng.uniform(0.25, 0.4)
        self.start = self.item.pose[:3, 3] + [0, 0, self.level]

    def run(self, hands):
        half = self.item.half[1]
        apart, pressed = half + self.gap, half - self.press
        hands.set_start(palms(self.start, apart))
        hands.world.check_start()
        hands.follow([palms(self.start, apart), palms(self.start, pressed)], self.speed / 2)
        hands.wait(0.2)
        hands.follow([palms(place, pressed) for place in (self.start, *self.way())], self.speed)
        hands.wait(self.pause)

    def way(self):
        """Places (3,) through which the middle of the palms goes with the object; it stays at the last for ``pause`` seconds."""
        raise NotImplementedError

    def succeeded(self, world):
        """It is where it should be, and at the end something of either arm presses on it."""
        sides = {link.split("_")[0] for link in world.pressing(0.05)}
        return self.there(world.states[-1]) and {"left", "right"} <= sides

    def shows(self, first, state):
        return self.there(state)
