"""Lift the object and shake it from side to side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..objects import GRASPED
from .pick_up import PickUp

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


class Shake(PickUp):
    name = "shake"
    objects = tuple(name for name in GRASPED if name not in ("bowl", "basket"))  # held at the rim they turn in the hand
    failure = "the object was not shaken, or flew out of the hand."

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        angle, width = rng.uniform(-np.pi, np.pi), rng.uniform(0.045, 0.06)
        self.swing = width * np.cos(angle), width * np.sin(angle)
        self.times = int(rng.integers(3, 5))

    def run(self, arm: Arm) -> None:
        super().run(arm)
        for swing in (-1, 1) * self.times:
            arm.move(self.aloft(self.lift, swing * self.swing[0], swing * self.swing[1]), 0.35)
        arm.wait(0.2)

    def succeeded(self, world: World) -> bool:
        """Still held aloft, after it has gone to and fro by more than 1 cm to each side at least four times."""
        places = np.array([state.position[:2] for state in world.states]) - self.grasp[:2]
        along = places @ np.array(self.swing) / np.hypot(*self.swing)
        signs = np.sign(along[np.abs(along - np.median(along)) > 0.012])
        return super().succeeded(world) and bool((np.diff(signs) != 0).sum() >= 4)
