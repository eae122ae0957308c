"""Push the object at its top until it falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import lean
from .push import Push

if TYPE_CHECKING:
    from ..world import World


class TipOver(Push):
    name = "tip over"
    failure = "the object did not fall over."
    objects: tuple[str, ...] = ("can", "bottle", "book", "candle", "vase", "peg", "lamp")

    def level(self, rng: np.random.Generator) -> float:
        return (2 - rng.uniform(0.1, 0.3)) * self.item.half[2]

    def succeeded(self, world: World) -> bool:
        """It stood and now lies, without a hand on it having held it."""
        return bool(lean(world.states[0]) < 0.1 and lean(world.states[-1]) > 1.1)
