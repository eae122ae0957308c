"""A robot with two arms presses down on the top of a large object with both hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import HAND, side_by_side
from .action import tilt
from .large_object import LargeObject, hand_forces, stand_before

if TYPE_CHECKING:
    from ..scene_objects import SceneObject
    from ..state import State
    from ..two_hands import TwoHands
    from ..world import World


FORCE, HOLD = 20.0, 1.0  # newtons with which each hand must press, and seconds for which it must do so
SLANT = 0.8  # share of the way down that the hands are led back, as arms that are pushed up yield forwards
EDGE = 0.02  # meters below the top that still count as the top
STAYS, TURNED = 0.01, 0.05  # meters and radians by which the object may move


class PressWithBothHands(LargeObject):
    """The family: where and how hard the hands press, from how high they come and how fast."""

    name = "press with both hands"
    failure = "both hands did not press on the object's top long enough, or it moved."

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        stand_before(world, rng, nearest=0.17, turned=0.06)
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.world, half = world, self.item.half
        x, y, z = self.item.pose[:3, 3]
        self.top = z + half[2]
        self.middle = np.array([x - half[0] + rng.uniform(0.11, 0.15), y, self.top + HAND])
        self.apart = rng.uniform(0.09, 0.13)
        self.gap = rng.uniform(0.05, 0.09)
        self.press = rng.uniform(0.014, 0.02)
        self.speed = rng.uniform(0.1, 0.18)

    def run(self, hands: TwoHands) -> None:
        above, touching, pressed = (
            side_by_side(self.middle + way, self.apart)
            for way in ([0, 0, self.gap], [0, 0, 0], [-SLANT * self.press, 0, -self.press])
        )
        hands.turn_palms_down()
        hands.set_start(above)
        hands.world.check_start()
        hands.follow_waypoints([above, touching, pressed], self.speed)
        hands.wait(HOLD + 0.2)

    def succeeded(self, world: World) -> bool:
        """In the last second each hand presses on the top with at least 20 N; the object stays where it stood."""
        first, last = world.states[0], world.states[-1]
        stays = np.linalg.norm(last.position - first.position) < STAYS and tilt(first, last) < TURNED
        held = [state for state in world.states if state.time > world.time - HOLD]
        return bool(stays and all(self.presses(state) for state in held))

    def shows(self, first: State, state: State) -> bool:
        return self.presses(state)

    def presses(self, state: State) -> bool:
        """Whether both hands press on the top."""
        return bool((hand_forces(self.world, state.time, self.top - EDGE) >= FORCE).all())
