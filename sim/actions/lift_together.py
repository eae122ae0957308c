"""Two robots press a large object between their hands and lift it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import top_down_pose, translate
from .action import Action, lean
from .pick_up import displacement

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..world import World


APART = 1.1  # meters between the two robots
LEAST_RISE = 0.06


class LiftTogether(Action):
    """The family: where the object stands, how high the hands take it, how hard they press and how far they lift."""

    name = "lift with two hands"
    failure = "the object was not held between the two hands."
    robots = 2
    objects = ("parcel", "box")

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        add_opposite(world)
        world.item.place(APART / 2 + rng.uniform(-0.03, 0.03), rng.uniform(-0.08, 0.08), rng.uniform(-0.12, 0.12))
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.middle = self.item.pose[:3, 3]
        self.along = self.item.pose[:3, 0]
        self.level = rng.uniform(0.3, 0.5) * self.item.half[2]
        self.lift = rng.uniform(0.12, 0.2)
        self.press = rng.uniform(0.02, 0.03)
        self.gap = rng.uniform(0.05, 0.08)
        self.speed = rng.uniform(0.12, 0.2)

    def run(self, arm: Arm) -> None:
        other = arm.partner()
        both = [(arm, -1), (other, 1)]
        reach = self.item.half[0] + 0.012
        poses = {}
        for hand, side in both:
            hand.make_fist()
            base = top_down_pose(self.middle + [0, 0, self.level], self.item.yaw + (np.pi if side > 0 else 0))
            ready, touch, squeeze = (
                translate(base, *(side * away * self.along)) for away in (reach + self.gap, reach, reach - self.press)
            )
            poses[hand] = [ready, touch, squeeze, translate(squeeze, 0, 0, self.lift)]
            hand.set_start_of(poses[hand], self.rng)
        arm.world.check_start()
        for step in (1, 2, 3):
            speed = self.speed if step != 2 else self.speed / 2
            arm.together(
                (arm, arm.trajectory(poses[arm][step], speed)), (other, other.trajectory(poses[other][step], speed))
            )
        arm.wait(0.4)

    def succeeded(self, world: World) -> bool:
        """It has risen, still level, and at the end both robots press on it."""
        links = world.pressing(0.05)
        second = {link for link in links if link.endswith(SECOND)}
        return bool(displacement(world)[2] > LEAST_RISE and second and links - second and lean(world.states[-1]) < 0.3)


SECOND = " 1"  # ends the names of the second robot's links


def add_opposite(world: World, apart: float = APART) -> None:
    """A second robot that faces the first."""
    world.add_robot(np.diag([-1.0, -1.0, 1.0, 1.0]) + np.eye(4, k=3) * apart)
