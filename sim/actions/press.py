"""Press the object down with the fingertips: a button gives way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import top_down_pose
from .action import Action

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..state import State
    from ..world import World


DEPTH = 0.8  # share of its travel that the button must go


class Press(Action):
    name = "press"
    grasps = False
    failure = "the button was not pressed down."
    objects = ("button",)

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        x, y, _ = world.item.pose[:3, 3]
        world.item.place(x, y, rng.uniform(-np.pi, np.pi))
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        x, y, _ = self.item.pose[:3, 3]
        self.top = np.array([x, y, 2 * self.item.half[2]]) + [*rng.uniform(-0.006, 0.006, 2), 0]
        self.yaw = rng.uniform(-0.7, 0.7)
        self.start = rng.uniform([-0.05, -0.05, 0.07], [0.05, 0.05, 0.12])
        self.speed = rng.uniform(0.08, 0.15)

    def run(self, arm: Arm) -> None:
        arm.make_fist()
        arm.set_start(top_down_pose(self.top + self.start, self.yaw + 0.2))
        arm.world.check_start()
        arm.move(top_down_pose(self.top + [0, 0, 0.03], self.yaw), self.speed)
        arm.move(top_down_pose(self.top - [0, 0, self.item.joint_range + 0.004], self.yaw), self.speed)
        arm.wait(0.3)

    def succeeded(self, world: World) -> bool:
        """At the end the hand presses and the button is down; it springs back when nothing presses."""
        return bool(
            world.pressing(0.05)
            and self.item.opening > DEPTH * self.item.joint_range
            and world.states[0].articulation_qpos[0] < 0.002
        )

    def shows(self, first: State, state: State) -> bool:
        return bool(state.articulation_qpos[0] > DEPTH * self.item.joint_range)
