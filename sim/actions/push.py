"""Move the object over the ground with the closed hand: away from the robot or towards it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import top_down_pose, wrap_to_symmetry
from .action import Action
from .pick_up import displacement

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import World


FAR, ASTRAY, LIFTED = 0.06, 0.6, 0.02  # meters, radians, meters
FINGER = 0.012  # meters from the middle of the fingertips to their side
LOWEST = 0.016  # meters over the ground at which the fingertips just do not touch it


class Push(Action):
    """The family: direction, side of the approach, length and speed."""

    name = "push"
    grasps = False
    failure = "the object did not go where it was pushed."
    objects: tuple[str, ...] = (
        "cube",
        "ball",
        "can",
        "block",
        "bowl",
        "box",
        "sponge",
        "cart",
        "jar",
        "spool",
        "cup",
        "apple",
        "socket",
        "chair",
        "stand",
    )
    away = 0.0  # direction, measured from the one that points away from the robot

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        x, y, _ = self.item.pose[:3, 3]
        self.angle = np.arctan2(y, x) + self.away + rng.uniform(-0.35, 0.35)
        self.direction = np.array([np.cos(self.angle), np.sin(self.angle), 0])
        reach = self.extent(self.direction) + FINGER
        self.height = self.level(rng)
        self.behind = (
            self.item.pose[:3, 3] * [1, 1, 0] - (reach + rng.uniform(0.02, 0.05)) * self.direction + [0, 0, self.height]
        )
        self.length = rng.uniform(0.12, 0.17)
        self.speed = rng.uniform(0.1, 0.18)
        self.above = 2 * self.item.half[2] + rng.uniform(0.02, 0.06)
        self.twist = rng.uniform(-0.3, 0.3)

    def extent(self, direction: np.ndarray) -> float:
        """How far the object reaches from its middle, in meters along ``direction``."""
        return float(np.abs(self.item.pose[:3, :3].T @ direction) @ self.item.half)

    def level(self, rng: np.random.Generator) -> float:
        return max(LOWEST, rng.uniform(0.5, 0.8) * self.item.half[2])

    def hand(self, point: np.ndarray) -> np.ndarray:
        return top_down_pose(point, wrap_to_symmetry(self.angle, 2))

    def run(self, arm: Arm) -> None:
        arm.make_fist()
        arm.set_start_of(
            [
                self.hand(self.behind + [0, 0, self.above]),
                self.hand(self.behind),
                self.hand(self.behind + self.length * self.direction),
            ],
            self.rng,
        )
        arm.world.check_start()
        arm.move(self.hand(self.behind), self.speed)
        arm.move(self.hand(self.behind + self.length * self.direction), self.speed)
        arm.back_off(0.03, self.speed)
        arm.wait(0.3)

    def succeeded(self, world: World) -> bool:
        """At least 6 cm along the direction of the push, which it has kept, and always on the ground."""
        moved = displacement(world)
        along, across = moved @ self.direction, moved @ [-self.direction[1], self.direction[0], 0]
        heights = np.array([state.position[2] for state in world.states])
        return bool(
            along > FAR and abs(np.arctan2(across, along)) < ASTRAY and np.ptp(heights) < LIFTED and world.contacts
        )


class Pull(Push):
    name = "pull"
    failure = "the object did not come when it was pulled."
    objects: tuple[str, ...] = (
        "cube",
        "ball",
        "can",
        "block",
        "box",
        "sponge",
        "cart",
        "jar",
        "spool",
        "cup",
        "apple",
        "socket",
    )
    away = np.pi
