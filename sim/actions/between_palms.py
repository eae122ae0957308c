"""What robots with two arms do with a large object that they take between their palms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import palm_positions
from .action import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..scene_objects import SceneObject
    from ..state import State
    from ..two_hands import TwoHands
    from ..world import World


class BetweenPalms(Action):
    """The family: where the object stands, where and how hard the palms press, and how fast they move."""

    objects = ("big cube",)
    two_handed = True

    pause: float

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        near = 0.18 + world.item.half[0] + rng.uniform(-0.015, 0.015), rng.uniform(-0.015, 0.015)
        stool = world.add("stool", *near, framed=False)
        world.item.place(*near, rng.uniform(-0.06, 0.06), 2 * stool.half[2])
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.level = rng.uniform(0.1, 0.3) * self.item.half[2]
        self.press = rng.uniform(0.03, 0.045)
        self.gap = rng.uniform(0.08, 0.11)
        self.speed = rng.uniform(0.25, 0.4)
        self.start = self.item.pose[:3, 3] + [0, 0, self.level]

    def run(self, hands: TwoHands) -> None:
        half = self.item.half[1]
        apart, pressed = half + self.gap, half - self.press
        hands.set_start(palm_positions(self.start, apart))
        hands.world.check_start()
        hands.follow_waypoints([palm_positions(self.start, apart), palm_positions(self.start, pressed)], self.speed / 2)
        hands.wait(0.2)
        hands.follow_waypoints(
            [palm_positions(place, pressed) for place in (self.start, *self.waypoints())], self.speed
        )
        hands.wait(self.pause)

    def waypoints(self) -> Sequence[np.ndarray]:
        """Places (3,) through which the middle of the palms goes with the object.

        It stays at the last for ``pause`` seconds.
        """
        raise NotImplementedError

    def succeeded(self, world: World) -> bool:
        """It is where it should be, and at the end something of either arm presses on it."""
        sides = {link.split("_")[0] for link in world.pressing(0.05)}
        return self.there(world.states[-1]) and {"left", "right"} <= sides

    def shows(self, first: State, state: State) -> bool:
        return self.there(state)

    def there(self, state: State) -> bool:
        """Whether the object is where it is to be held."""
        raise NotImplementedError
