"""Reach for the object from above, close the hand on it and lift it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import top_down_pose, wrap_to_symmetry
from .action import Action

if TYPE_CHECKING:
    from ..motion import Arm
    from ..state import State
    from ..world import World


LEAST_RISE = 0.04  # meters above where it stood
HELD_FOR = 0.05  # seconds at the end over which both fingers must press
CLEAR = 0.03  # meters above its place from which the object counts as lifted off


class PickUp(Action):
    """The family: approach, grasp, lift and speed. The first part of many other actions."""

    name = "pick up"
    failure = "the hand closed and rose, but the object was not held in it at the end."

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        half, grip = self.item.half, self.item.spec.grip
        self.yaw = wrap_to_symmetry(self.item.yaw, grip.yaw_symmetry)  # a cube's nearest side
        height = (
            rng.uniform(0.0, grip.height_tolerance) * half[2] + (grip.height - self.item.spec.half[2]) * self.item.scale
        )
        self.grasp = self.item.entity.pose.p + [0, 0, max(height, half[2] - world.robot.gripper.reach)]
        self.start = rng.uniform([-0.06, -0.06, 0.11], [0.06, 0.06, 0.16])
        self.twist = rng.uniform(-0.5, 0.5)
        self.above = half[2] + rng.uniform(0.03, 0.06)
        self.lift = rng.uniform(0.07, 0.13)
        self.speed = rng.uniform(0.15, 0.3)
        if grip.radius:  # a rim: on the left or on the right, where the hand closes across it
            self.yaw = rng.uniform(-0.4, 0.4)
            side = rng.choice([-1, 1]) * grip.radius * self.item.scale
            self.grasp = self.grasp + side * top_down_pose(self.grasp, self.yaw)[:3, 1]

    def run(self, arm: Arm, close: bool = True) -> None:
        """Do it. With ``close`` False the hand stays open (the control that must fail)."""
        self.take(arm, close)
        arm.move(self.aloft(self.lift), self.speed / 2)
        arm.wait(0.3)

    def take(self, arm: Arm, close: bool = True) -> None:
        """From above, reach down to the object and close the hand on it."""
        arm.set_start(top_down_pose(self.grasp + self.start, self.yaw + self.twist))
        arm.world.check_start()
        arm.open_hand()
        arm.move(self.aloft(self.above), self.speed)
        arm.move(self.aloft(0), self.speed / 2)
        arm.set_gripper(0.0 if close else 1.0, 0.4)

    def aloft(self, height: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
        """Pose (4, 4) of the hand with which the object is that much above and beside its first place."""
        return top_down_pose(self.grasp + [x, y, height], self.yaw)

    def succeeded(self, world: World) -> bool:
        """Read from the simulation: the object has risen, and at the end both fingers press on it."""
        return world.states[-1].position[2] - world.states[0].position[2] > LEAST_RISE and held(world)

    def shows(self, first: State, state: State) -> bool:
        return bool(state.position[2] > first.position[2] + CLEAR)


def held(world: World, seconds: float = HELD_FOR) -> bool:
    """Whether all fingers of the first robot press on the object."""
    return world.pressing(seconds).issuperset(world.robot.gripper.links)


def let_go(world: World, seconds: float = HELD_FOR) -> bool:
    """Whether no robot touches the object any more."""
    return not world.pressing(seconds, least=0.0)


def displacement(world: World) -> np.ndarray:
    """How far the object has come, (3,) in meters."""
    return np.array(world.states[-1].position) - world.states[0].position
