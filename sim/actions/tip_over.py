"""Push the object at its top until it falls."""

from .action import lean
from .push import Push


class TipOver(Push):
    name = "tip over"
    failure = "the object did not fall over."
    objects = ("can", "bottle", "book", "candle", "vase", "peg", "lamp")

    def level(self, rng):
        return (2 - rng.uniform(0.1, 0.3)) * self.item.half[2]

    def succeeded(self, world):
        """It stood and now lies, without a hand on it having held it."""
        return bool(lean(world.states[0]) < 0.1 and lean(world.states[-1]) > 1.1)
