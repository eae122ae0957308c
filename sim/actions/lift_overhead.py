"""A robot with two arms takes a large object between its palms and lifts it above its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .between_palms import BetweenPalms

if TYPE_CHECKING:
    from ..state import State
    from ..world import World


HEAD = 0.1  # meters; the object is above the head if its middle is higher than that over the crown


class LiftOverhead(BetweenPalms):
    """The family: as in ``BetweenPalms``, and how high it is lifted."""

    name = "lift overhead"
    failure = "the object is not held above the head."
    pause = 0.4

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.crown = world.robot.humanoid.head_height
        self.over = rng.uniform(0.01, 0.03)

    def waypoints(self) -> tuple[np.ndarray, ...]:
        half = self.item.half
        above = self.crown + half[2] + self.level
        ahead = np.array([half[0] + 0.22, 0, self.crown - 0.2])  # folded arms do not reach what is nearer
        clear = np.array([half[0] + 0.075, 0, above])  # before the head, not yet above it
        aloft = np.array([0.1, 0, above + self.over])
        return ahead, clear, aloft

    def there(self, state: State) -> bool:
        return bool(state.position[2] > self.crown + HEAD)
