"""Open and close what has a joint and a handle: grasp the handle and lead it along its path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import pose_from_axes, rotate_about, rotation, translate
from .action import Action
from .pick_up import held

if TYPE_CHECKING:
    from ..motion import Arm, Poses
    from ..scene_objects import SceneObject
    from ..state import State
    from ..world import World


ENOUGH = 0.8  # share of the planned path
FOLLOW = (1.0, 0.8, 0.6, 0.4, 0.2)  # shares of a door's turn that the hand may turn with it


class Open(Action):
    """The family: where it stands, how far it is opened, the tilt of the hand and the speed."""

    name = "open"
    failure = "the hand did not open it far enough."
    objects: tuple[str, ...] = ("drawer cabinet", "cupboard", "fridge", "microwave", "chest")
    first = 0.0  # share of the joint's reach at the start
    further = 0.0  # meters by which it stands further away

    @classmethod
    def arrange(cls, world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        item = world.item
        item.place(0.0, 0.0, rng.uniform(-0.2, 0.2))
        x, y, _ = item.at(item.spec.joint.handle[0])
        item.place(rng.uniform(0.52, 0.58) + cls.further - x, rng.uniform(-0.08, 0.08) - y, item.yaw)
        item.articulation.set_qpos([cls.first * item.joint_range])
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        joint = self.item.spec.joint
        limit = self.item.joint_range
        self.begin = self.first * limit
        self.end = rng.uniform(0.7, 0.85) * limit if self.first == 0 else 0.0
        self.turn = self.item.pose[:3, :3]
        self.axis = self.turn @ joint.axis
        self.pivot = self.item.at(joint.at)
        self.handle, self.forward, self.closing = (
            self.item.at(joint.handle[0]),
            self.turn @ joint.handle[1],
            self.turn @ joint.handle[2],
        )
        self.tilts = [*rng.permutation([-0.3, -0.15, 0.0, 0.15, 0.3]), *rng.permutation([-0.9, -0.6, 0.6, 0.9])]
        self.speed = rng.uniform(0.1, 0.16)
        self.gap = rng.uniform(0.07, 0.11)

    def hand(self, opening: float, follow: float, tilt: float) -> np.ndarray:
        """Pose (4, 4) of the hand on the handle when the joint is at ``opening``."""
        if self.item.spec.joint.kind == "slide":
            pose = pose_from_axes(self.handle, rotation(self.closing, tilt) @ self.forward, self.closing)
            return translate(pose, *(opening * self.axis))
        place = rotate_about(pose_from_axes(self.handle, self.forward, self.closing), self.pivot, self.axis, opening)[
            :3, 3
        ]
        turn = rotation(self.axis, follow * opening) @ rotation(self.axis, tilt)
        return pose_from_axes(place, turn @ self.forward, turn @ self.closing)

    def plan(self, arm: Arm) -> Poses:
        """The poses from the approach to the end, of the first manner in which the arm can go through all of them."""
        follows = FOLLOW if self.item.spec.joint.kind == "hinge" else FOLLOW[:1]
        return arm.set_start_of_any(
            (self.waypoints(follow, tilt) for follow in follows for tilt in self.tilts), self.rng
        )

    def waypoints(self, follow: float, tilt: float) -> Poses:
        poses = [self.hand(opening, follow, tilt) for opening in np.linspace(self.begin, self.end, 8)]
        return [translate(poses[0], *(-self.gap * poses[0][:3, 2])), *poses]

    def run(self, arm: Arm, close: bool = True) -> None:
        arm.track_closed_gripper()  # a handle is thin
        poses = self.plan(arm)
        arm.world.check_start()
        arm.open_hand()
        arm.move(poses[1], self.speed)
        arm.set_gripper(0.0 if close else 1.0, 0.4)
        arm.follow_waypoints(poses[2:], self.speed)
        arm.wait(0.3)

    def succeeded(self, world: World) -> bool:
        """Its joint has gone most of the planned path, with the hand on it."""
        done = (self.item.opening - self.begin) / (self.end - self.begin)
        return bool(done > ENOUGH and world.contacts)

    def shows(self, first: State, state: State) -> bool:
        return bool(abs(state.articulation_qpos[0] - first.articulation_qpos[0]) > 0.3 * abs(self.end - self.begin))


class Close(Open):
    name = "close"
    failure = "the hand did not close it."
    first, further = 0.7, 0.05

    def succeeded(self, world: World) -> bool:
        """Its joint is within a tenth of its way of being shut, and stood open at first."""
        return bool(
            self.item.opening < 0.1 * self.item.joint_range
            and world.states[0].articulation_qpos[0] > 0.6 * self.item.joint_range
        )


class Turn(Open):
    name = "turn"
    failure = "the handle did not turn with the hand."
    objects: tuple[str, ...] = ("tap",)

    @classmethod
    def arrange(cls, world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        x, y, _ = world.item.pose[:3, 3]
        world.item.place(x, y, rng.uniform(-0.9, 0.2))
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.end = rng.uniform(0.5, 0.8) * self.item.joint_range

    def hand(self, opening: float, follow: float, tilt: float) -> np.ndarray:
        return rotate_about(pose_from_axes(self.handle, self.forward, self.closing), self.pivot, self.axis, opening)

    def succeeded(self, world: World) -> bool:
        """It has turned by most of the planned angle and both fingers press on it."""
        return super().succeeded(world) and held(world)
