"""Lower the closed fingertips onto the object until they touch it, without moving it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import top_down_pose
from .action import Action
from .pick_up import displacement

if TYPE_CHECKING:
    from ..motion import Arm
    from ..state import State
    from ..world import World


class Touch(Action):
    name = "touch"
    grasps = False
    failure = "the fingertips did not rest on the object, or moved it."
    objects = (
        "cube",
        "ball",
        "can",
        "block",
        "bottle",
        "apple",
        "lemon",
        "jar",
        "candle",
        "sponge",
        "spool",
        "box",
        "parcel",
        "lamp",
        "vase",
    )

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.top = self.item.pose[:3, 3] + [0, 0, self.item.half[2] + 0.011]
        self.yaw = rng.uniform(-0.7, 0.7)
        self.start = rng.uniform([-0.06, -0.06, 0.06], [0.06, 0.06, 0.12])
        self.speed = rng.uniform(0.08, 0.15)

    def run(self, arm: Arm) -> None:
        arm.make_fist()
        arm.set_start(top_down_pose(self.top + self.start, self.yaw + 0.2))
        arm.world.check_start()
        arm.move(top_down_pose(self.top + [0, 0, 0.02], self.yaw), self.speed)
        arm.move(top_down_pose(self.top - [0, 0, 0.006], self.yaw), 0.03)
        arm.wait(0.3)

    def succeeded(self, world: World) -> bool:
        """Contact at the end, and the object within 1 cm of its place."""
        return bool(world.pressing(0.05, least=0.2) and np.abs(displacement(world)).max() < 0.01)

    def shows(self, first: State, state: State) -> bool:
        return True  # from the first contact on
