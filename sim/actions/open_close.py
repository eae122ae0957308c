"""Open and close what has a joint and a handle: grasp the handle and lead it along its path."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InteractiveActionError
from ..dry_run import goes_through
from ..handle_path import FOLLOW, HandlePath, approached
from ..poses import pose_from_axes, rotate_about
from .action import Action
from .pick_up import held

if TYPE_CHECKING:
    from ..motion import Arm, Poses
    from ..scene_objects import SceneObject
    from ..state import State
    from ..world import World


TRIES = 8  # manners that go through something, of which one is taken where all do
STOPS = 8  # poses of the hand on its way
ENOUGH = 0.8  # share of the planned path
AJAR = 0.85  # share of how far it stood open that must still be so when the hand begins


class Open(Action):
    """The family: where it stands, how far it is opened, the tilt of the hand and the speed."""

    name = "open"
    failure = "the hand did not open it far enough."
    objects: tuple[str, ...] = ("drawer cabinet", "cupboard", "fridge", "microwave", "chest")
    first = 0.0  # share of the joint's reach at the start
    further = 0.0  # meters by which it stands further away

    @classmethod
    def arrange(cls, world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        item, furniture = world.item, world.room.target
        if furniture is None:  # else it stands where its room has it
            item.place(0.0, 0.0, rng.uniform(-0.2, 0.2))
            x, y, _ = item.at(item.spec.joint.handle[0])
            item.place(rng.uniform(0.52, 0.58) + cls.further - x, rng.uniform(-0.08, 0.08) - y, item.yaw)
        opened = furniture.opening if furniture and cls.first else cls.first
        item.articulation.set_qpos([opened * item.joint_range])
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        joint, furniture = self.item.spec.joint, world.room.target
        share = furniture.opening if furniture else self.first or rng.uniform(0.7, 0.85)
        opened = share * self.item.joint_range
        self.begin, self.end = (opened, 0.0) if self.first else (0.0, opened)
        turn = self.item.pose[:3, :3]
        self.path = HandlePath(
            joint.kind == "slide",
            self.item.at(joint.handle[0]),
            turn @ joint.handle[1],
            turn @ joint.handle[2],
            self.item.at(joint.at),
            turn @ joint.axis,
        )
        self.tilts = [*rng.permutation([-0.3, -0.15, 0.0, 0.15, 0.3]), *rng.permutation([-0.9, -0.6, 0.6, 0.9])]
        self.speed = rng.uniform(0.1, 0.16)
        self.gap = rng.uniform(0.07, 0.11)

    def hand(self, opening: float, follow: float, tilt: float) -> np.ndarray:
        """Pose (4, 4) of the hand on the handle when the joint is at ``opening``."""
        return self.path.hand(opening, follow, tilt)

    def plan(self, arm: Arm) -> Poses:
        """The poses from the approach to the end, of the first manner in which the arm can go through all of them."""
        follows = FOLLOW[:1] if self.path.slides else FOLLOW
        ways = (self.waypoints(follow, tilt) for follow in follows for tilt in self.tilts)
        if arm.world.room.target is None:
            return arm.set_start_of_any(ways, self.rng)
        openings = [self.begin, *np.linspace(self.begin, self.end, STOPS)]
        possible = []
        for poses in ways:
            with contextlib.suppress(InteractiveActionError):
                arm.set_start_of(poses, self.rng)
                if not goes_through(arm.world, arm, poses, openings):
                    return poses
                possible.append(poses)
            if len(possible) == TRIES:
                break
        if not possible:
            raise InteractiveActionError("The arm cannot lead the handle as far as planned. Try another seed.")
        return arm.set_start_of(possible[0], self.rng)  # what it would go through may give way

    def waypoints(self, follow: float, tilt: float) -> Poses:
        return approached(
            [self.hand(opening, follow, tilt) for opening in np.linspace(self.begin, self.end, STOPS)], self.gap
        )

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
            self.item.opening < 0.1 * self.item.joint_range and world.states[0].articulation_qpos[0] > AJAR * self.begin
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
        path = self.path
        return rotate_about(pose_from_axes(path.at, path.forward, path.closing), path.pivot, path.axis, opening)

    def succeeded(self, world: World) -> bool:
        """It has turned by most of the planned angle and both fingers press on it."""
        return super().succeeded(world) and held(world)
