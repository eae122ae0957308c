"""Put the object down on something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import beside, other_color, still
from .pick_up import PickUp, let_go

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..state import State
    from ..world import World


CLEARANCE = 0.008  # meters above where it will stand at which the hand lets it go


class PlaceOn(PickUp):
    name = "place on"
    failure = "the object does not rest on its target."
    targets: tuple[str, ...] = ("box", "stand", "plate")
    objects: tuple[str, ...] = (
        "cube",
        "ball",
        "can",
        "block",
        "bottle",
        "cup",
        "apple",
        "lemon",
        "lamp",
        "vase",
        "jar",
        "candle",
        "sponge",
        "toy house",
        "spool",
    )

    @classmethod
    def arrange(cls, world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        name, (x, y) = str(rng.choice(cls.targets)), beside(world, rng)
        target = world.add(name, x, y, rng.uniform(-0.4, 0.4), other_color(world, rng))
        return (target,)

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.target = world.props[0]
        self.top = 2 * self.target.half[2] if self.target.spec.surface else 0.0
        if self.target.spec.inside:
            self.top = self.target.spec.inside[1] * self.target.scale
        self.offset = self.target.pose[:2, 3] - self.item.pose[:2, 3] + rng.uniform(-0.008, 0.008, 2)
        self.over = self.target.half[2] * 2 + rng.uniform(0.04, 0.07)

    def run(self, arm: Arm) -> None:
        self.take(arm)
        arm.move(self.aloft(self.over), self.speed)
        arm.move(self.aloft(self.over, *self.offset), self.speed)
        arm.move(self.aloft(self.top + CLEARANCE, *self.offset), self.speed / 2)
        arm.open_hand(0.3)
        arm.move(self.aloft(self.top + CLEARANCE + 2 * self.item.half[2], *self.offset), self.speed)
        arm.wait(0.4)

    def succeeded(self, world: World) -> bool:
        """At rest, let go, and carried by the target alone."""
        first, last = world.states[0], world.states[-1]
        away = np.hypot(*(last.position[:2] - self.target.pose[:2, 3]))
        rests = self.item.at([*self.item.spec.middle[:2], 0])[2] > self.top - 0.01 or not self.target.spec.surface
        return (
            let_go(world)
            and still(world)
            and world.in_contact(self.item, self.target)
            and bool(rests and away < max(self.target.half[:2]) and last.position[2] > first.position[2] - 0.005)
        )

    def shows(self, first: State, state: State) -> bool:
        return bool(np.hypot(*(state.position[:2] - self.target.pose[:2, 3])) < max(self.target.half[:2]))
