"""A robot with two arms takes a large object between its palms and holds it before its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .between_palms import BetweenPalms

if TYPE_CHECKING:
    from ..state import State
    from ..world import World


CLEAR = 0.06  # meters above where it stood from which on it is held and no longer stands


class HoldInBothHands(BetweenPalms):
    """The family: as in ``BetweenPalms``, and how high it is held."""

    name = "hold in both hands"
    failure = "the object is not held off what it stood on."
    pause = 1.0

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.higher = rng.uniform(0.15, 0.25)

    def waypoints(self) -> tuple[np.ndarray, ...]:
        return (self.start + np.array([0, 0, self.higher]),)

    def there(self, state: State) -> bool:
        return bool(state.position[2] > self.start[2] - self.level + CLEAR)
