"""Motion of an arm.

Straight paths of its hand, inverse kinematics along them, and the pieces that actions are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import sapien
from scipy.spatial.transform import Rotation

from ..errors import InteractiveActionError
from .poses import translate
from .world import TIMESTEP

if TYPE_CHECKING:
    from .world import World


STRIDE = 0.01  # meters or tenths of a radian between the points of a path that are solved for
FURTHEST_JOINT = 0.35  # radians; a longer way between neighbors means the solution has changed branch
STARTS = 12  # postures from which a long way is tried


def smooth(fraction: Any) -> Any:
    """Minimum-jerk time scaling: 0 to 1 with zero speed and acceleration at both ends (Flash and Hogan 1985)."""
    return fraction**3 * (10 - 15 * fraction + 6 * fraction**2)


def interpolate_pose(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """The pose at ``share`` of the straight and even way from one pose to another."""
    at = start.copy()
    turn = Rotation.from_matrix(start[:3, :3].T @ end[:3, :3]).as_rotvec()
    at[:3, :3] = start[:3, :3] @ Rotation.from_rotvec(share * turn).as_matrix()
    at[:3, 3] += share * (end[:3, 3] - start[:3, 3])
    return at


def distance(start: np.ndarray, end: np.ndarray) -> float:
    """Length of the way from one pose to another in meters; a radian counts as 0.1 m."""
    turn = Rotation.from_matrix(start[:3, :3].T @ end[:3, :3]).magnitude()
    return np.linalg.norm(end[:3, 3] - start[:3, 3]) + 0.1 * turn


def time_parameterize(path: np.ndarray, seconds: float) -> Any:
    """Joint targets (steps, joints).

    One for each step of physics, that go through ``path`` (points, joints) smoothly.
    """
    steps = max(1, round(seconds / TIMESTEP))
    clock = (len(path) - 1) * smooth(np.arange(1, steps + 1) / steps)
    return np.stack([np.interp(clock, range(len(path)), joint) for joint in np.transpose(path)], 1)


class Arm:
    """Moves the robot ``index`` of a world; keeps the joint targets (joints,)."""

    def __init__(self, world: World, index: int = 0) -> None:
        self.world, self.robot, self.index = world, world.robot, index
        self.articulation = articulation = world.articulations[index]
        self.model, self.base = world.model, world.bases[index]  # the model stands at the origin
        self.tool = list(world.links).index(self.robot.ee_link)
        self.targets = articulation.qpos.copy()
        self.opened, self.shut = np.array(self.robot.rest_qpos), np.array(self.robot.closed_configuration)
        self.reaching = np.isin(np.arange(len(self.targets)), self.robot.arm)
        self.grip = np.array(self.robot.ee_from_tcp, float)
        self.limits = articulation.qlimits.T
        self.endless = ~np.isfinite(self.limits).all(0)
        self.others: list[Any] = []  # arms that keep still while this one moves

    def pose(self, joints: np.ndarray | None = None) -> np.ndarray:
        """Pose (4, 4) of the tool at the joint targets."""
        self.model.compute_forward_kinematics(self.targets if joints is None else joints)
        return self.base @ self.model.get_link_pose(self.tool).to_transformation_matrix() @ self.grip

    def inverse(self, pose: np.ndarray, start: np.ndarray) -> Any:
        """Joint positions (joints,) that bring the tool to ``pose`` (4, 4), near ``start``; the fingers stay."""
        qpos, found, _ = self.model.compute_inverse_kinematics(
            self.tool,
            sapien.Pose(np.linalg.inv(self.base) @ pose @ np.linalg.inv(self.grip)),
            initial_qpos=start,
            active_qmask=self.reaching.astype(np.int32),
            max_iterations=200,
        )
        reached = np.where(self.reaching, qpos, start)
        reached -= np.where(
            self.endless, 2 * np.pi * np.round((reached - start) / (2 * np.pi)), 0
        )  # not a whole turn back
        if not found or (reached < self.limits[0] - 1e-3).any() or (reached > self.limits[1] + 1e-3).any():
            raise InteractiveActionError(f"The arm cannot reach {pose[:3, 3].round(3).tolist()} m. Try another seed.")
        return reached

    def set_start(self, pose: np.ndarray) -> Any:
        """Put the arm, not moving, with its tool at ``pose``."""
        self.targets = self.inverse(pose, self.targets)
        self.articulation.set_qpos(self.targets)

    def set_start_of(self, poses: Sequence[np.ndarray], rng: np.random.Generator) -> Any:
        """Put the arm at the first of ``poses`` in a posture from which it can go straight through all of them."""
        for attempt in range(STARTS):
            wish = self.targets + (attempt > 0) * self.reaching * rng.normal(0, 0.5, len(self.targets))
            try:
                start = joints = self.inverse(poses[0], np.clip(wish, *self.limits))
                for before, after in pairwise(poses):
                    joints = self.path(joints, before, after)[-1]
            except InteractiveActionError as error:
                last = error
                continue
            self.targets = start
            self.articulation.set_qpos(start)
            return poses
        raise last

    def set_start_of_any(self, ways: Iterable[Sequence[np.ndarray]], rng: np.random.Generator) -> Any:
        """The first of ``ways``, each a list of poses, that the arm can go, once it stands at its start."""
        for way in ways:
            try:
                return self.set_start_of(way, rng)
            except InteractiveActionError as error:
                last = error
        raise last

    def path(self, joints: np.ndarray, start: np.ndarray, end: np.ndarray) -> Any:
        """Returns joint positions (points, joints) along a straight line; ``joints`` are those at its start."""
        pieces = max(1, round(distance(start, end) / STRIDE))
        path = [joints]
        for share in np.arange(1, pieces + 1) / pieces:
            path.append(self.inverse(interpolate_pose(start, end, share), path[-1]))
            if np.abs(path[-1] - path[-2]).max() > FURTHEST_JOINT:
                raise InteractiveActionError("The arm would have to jump on the way to the object. Try another seed.")
        return np.array(path)

    def waypoints(self, pose: np.ndarray, speed: float) -> Any:
        """Joint targets (steps, joints) of the straight way to ``pose`` (4, 4) at a mean ``speed`` in m/s."""
        start = self.pose()
        path = self.path(self.targets, start, pose)
        return time_parameterize(path, distance(start, pose) / speed)

    def move(self, pose: np.ndarray, speed: float) -> Any:
        """Move straight to ``pose`` (4, 4), turning evenly, at a mean ``speed`` in m/s; a radian counts as 0.1 m."""
        self.run(self.waypoints(pose, speed))

    def follow_waypoints(self, poses: Sequence[np.ndarray], speed: float) -> Any:
        """Move through all ``poses`` without stopping, at a mean ``speed`` in m/s."""
        path, at, length = [self.targets], self.pose(), 0.0
        for pose in poses:
            path += list(self.path(path[-1], at, pose)[1:])
            length += distance(at, pose)
            at = pose
        self.run(time_parameterize(np.array(path), length / speed))

    def run(self, way: Sequence[np.ndarray]) -> Any:
        """Drive the joints through ``way`` (steps, joints), one row for each step of physics."""
        for targets in way:
            self.targets = targets
            self.step()

    def step(self) -> None:
        """One step of physics with all arms at their targets."""
        self.world.step(*(arm.targets for arm in sorted((self, *self.others), key=lambda arm: arm.index)))

    def wait(self, seconds: float) -> None:
        """Keeps still."""
        for _ in range(round(seconds / TIMESTEP)):
            self.step()

    def set_gripper(self, opening: float, seconds: float) -> None:
        """Drive the fingers to ``opening``, from 0, shut, to 1, wide open, and wait."""
        self.targets = np.where(self.opened == self.shut, self.targets, self.shut + opening * (self.opened - self.shut))
        self.wait(seconds)

    def make_fist(self) -> None:
        """Begin with the hand closed."""
        self.set_gripper(0.0, 0.0)
        self.track_closed_gripper()

    def track_closed_gripper(self) -> Any:
        """From now on lead the point between the fingertips where it is when they are shut.

        Some recede as they close.
        """
        self.grip[:3, 3] -= self.robot.tcp_closing_offset * self.grip[:3, 2]

    def open_hand(self, seconds: float = 0.1) -> None:
        """Opens the hand."""
        self.set_gripper(1.0, seconds)

    def close_hand(self, seconds: float = 0.4) -> None:
        """Closes the hand."""
        self.set_gripper(0.0, seconds)

    def shift(self, x: float, y: float, z: float, speed: float) -> Any:
        """Move the hand by that much, in meters in the world, without turning it."""
        self.move(translate(self.pose(), x, y, z), speed)

    def back_off(self, meters: float, speed: float) -> Any:
        """Draw the hand back the way it points."""
        x, y, z = -meters * self.pose()[:3, 2]
        self.shift(x, y, z, speed)

    def partner(self) -> Any:
        """The arm of the second robot. Whichever of the two moves, the other keeps its place."""
        other = Arm(self.world, 1)
        self.others, other.others = [other], [self]
        return other

    def together(self, *moves: Any) -> None:
        """Move arms at the same time: each of ``moves`` is (arm, way); a shorter way waits at its end."""
        for step in range(max(len(way) for _, way in moves)):
            for arm, way in moves:
                arm.targets = way[min(step, len(way) - 1)]
            self.step()
