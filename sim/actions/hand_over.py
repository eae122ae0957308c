"""One robot picks the object up, another takes it from its hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import pose_from_axes, top_down_pose, translate, wrap_to_symmetry
from .lift_together import SECOND, add_opposite
from .pick_up import PickUp

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..world import World


APART = 1.3  # meters between the two robots


class HandOver(PickUp):
    """The family: as of a pick-up, and where the hands meet."""

    name = "hand over"
    failure = "the second hand did not take the object."
    robots = 2
    objects = ("book", "bottle", "peg", "vase", "lamp", "candle")

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        add_opposite(world, APART)
        x, y, _ = world.item.pose[:3, 3]
        world.item.place(min(x, 0.52), y, rng.uniform(-0.5, 0.5))
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.meet = np.array([rng.uniform(0.58, 0.64), rng.uniform(-0.06, 0.06), 0.0])
        self.lift = rng.uniform(0.2, 0.26)
        self.lower = rng.uniform(0.068, 0.075)  # meters below the first hand at which the second takes it
        self.yaw = wrap_to_symmetry(self.item.yaw, 2)
        self.angles = rng.permutation([-0.6, -0.45, -0.3, 0.3, 0.45, 0.6])

    def run(self, arm: Arm) -> None:
        other = arm.partner()
        _, grasp, aloft = other.set_start_of_any((self.waypoints(angle) for angle in self.angles), self.rng)
        self.take(arm)
        arm.move(self.aloft(self.lift), self.speed)
        arm.move(aloft, self.speed)
        other.open_hand()
        other.move(grasp, self.speed)
        other.close_hand()
        arm.open_hand(0.3)
        arm.shift(0, 0, 0.08, self.speed)
        arm.wait(0.3)

    def waypoints(self, angle: float) -> list[np.ndarray]:
        """The poses of the second hand before and at the object and of the first above, all turned by ``angle``."""
        aloft = top_down_pose([*self.meet[:2], self.grasp[2] + self.lift], angle)
        cos, sin = np.cos(angle), np.sin(angle)
        out = 0.045 * (self.item.name == "book")  # it is taken at its edge
        grasp = pose_from_axes(aloft[:3, 3] + [out * cos, out * sin, -self.lower], [-cos, -sin, 0], [sin, -cos, 0])
        return [translate(grasp, 0.12 * cos, 0.12 * sin, 0), grasp, aloft]

    def succeeded(self, world: World) -> bool:
        """Off the ground, both fingers of the second hand on it and nothing of the first."""
        links = world.pressing(0.05)
        fingers = {finger + SECOND for finger in world.robot.gripper.links}
        aloft = world.states[-1].position[2] - world.states[0].position[2] > 0.05
        return bool(aloft and links.issuperset(fingers) and all(link.endswith(SECOND) for link in links))
