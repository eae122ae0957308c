"""Motion of an arm.

Straight paths of its hand, inverse kinematics along them, and the pieces that actions are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import sapien
from scipy.spatial.transform import Rotation

from ..errors import InteractiveActionError
from .poses import translate
from .state import TIMESTEP

if TYPE_CHECKING:
    from .rehearsal import Rehearsal
    from .world import World

Real = TypeVar("Real", float, np.ndarray)
Poses = Sequence[np.ndarray]  # each (4, 4)


STRIDE = 0.01  # meters or tenths of a radian between the points of a path that are solved for
FURTHEST_JOINT = 0.35  # radians; a longer step between neighbors means the solution has changed branch
STARTS = 12  # postures from which a long path is tried


def smooth(fraction: Real) -> Real:
    """Minimum-jerk time scaling: 0 to 1 with zero speed and acceleration at both ends (Flash and Hogan 1985)."""
    return fraction**3 * (10 - 15 * fraction + 6 * fraction**2)


def interpolate_pose(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """The pose at ``share`` of the straight and even path from one pose to another."""
    at = start.copy()
    turn = Rotation.from_matrix(start[:3, :3].T @ end[:3, :3]).as_rotvec()
    at[:3, :3] = start[:3, :3] @ Rotation.from_rotvec(share * turn).as_matrix()
    at[:3, 3] += share * (end[:3, 3] - start[:3, 3])
    return at


def distance(start: np.ndarray, end: np.ndarray) -> float:
    """Length of the path from one pose to another in meters; a radian counts as 0.1 m."""
    turn = Rotation.from_matrix(start[:3, :3].T @ end[:3, :3]).magnitude()
    return np.linalg.norm(end[:3, 3] - start[:3, 3]) + 0.1 * turn


def time_parameterize(path: np.ndarray, seconds: float) -> np.ndarray:
    """Joint targets (steps, joints), one for each step of physics, that go through a path smoothly.

    Linear between points, by a minimum-jerk clock: it starts and ends at rest.

    Args:
        path: joint positions (points, joints).
        seconds: that it takes.
    """
    steps = max(1, round(seconds / TIMESTEP))
    clock = (len(path) - 1) * smooth(np.arange(1, steps + 1) / steps)
    return np.stack([np.interp(clock, range(len(path)), joint) for joint in np.transpose(path)], 1)


class Arm:
    """Moves the robot ``index`` of a world; keeps the joint targets (joints,). In a rehearsal it only plans."""

    def __init__(self, world: World | Rehearsal, index: int = 0) -> None:
        self.world: World = world  # type: ignore[assignment]  # which a rehearsal never steps
        self.robot, self.index = world.robot, index
        self.articulation = articulation = world.articulations[index]
        self.model, self.base = world.model, world.bases[index]  # the model stands at the origin
        self.ee = list(world.links).index(self.robot.arm.ee_link)
        self.targets = articulation.qpos.copy()
        self.opened, self.closed = np.array(self.robot.rest_qpos), np.array(self.robot.closed_qpos)
        self.reaching = np.isin(np.arange(len(self.targets)), self.robot.arm.joints)
        self.ee_from_tcp = np.array(self.robot.arm.ee_from_tcp, float)
        self.limits = articulation.qlimits.T
        self.endless = ~np.isfinite(self.limits).all(0)
        self.others: list[Arm] = []  # arms that keep still while this one moves

    def pose(self, joints: np.ndarray | None = None) -> np.ndarray:
        """Pose (4, 4) of the tool at the joint targets."""
        self.model.compute_forward_kinematics(self.targets if joints is None else joints)
        return self.base @ self.model.get_link_pose(self.ee).to_transformation_matrix() @ self.ee_from_tcp

    def inverse(self, pose: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Joint positions (joints,) that bring the tool to a pose; the fingers stay.

        Args:
            pose: (4, 4) in the world.
            start: joint positions (joints,), near which they are.

        Raises:
            InteractiveActionError: it cannot be reached.
        """
        qpos, solved, _ = self.model.compute_inverse_kinematics(
            self.ee,
            sapien.Pose(np.linalg.inv(self.base) @ pose @ np.linalg.inv(self.ee_from_tcp)),
            initial_qpos=start,
            active_qmask=self.reaching.astype(np.int32),
            max_iterations=200,
        )
        reached = np.where(self.reaching, qpos, start)
        whole_turns = 2 * np.pi * np.round((reached - start) / (2 * np.pi))
        reached -= np.where(self.endless, whole_turns, 0)
        if not solved or (reached < self.limits[0] - 1e-3).any() or (reached > self.limits[1] + 1e-3).any():
            raise InteractiveActionError(f"The arm cannot reach {pose[:3, 3].round(3).tolist()} m. Try another seed.")
        return reached

    def set_start(self, pose: np.ndarray) -> None:
        """Put the arm, not moving, with its tool at ``pose``."""
        self.targets = self.inverse(pose, self.targets)
        self.articulation.set_qpos(self.targets)

    def set_start_of(self, poses: Poses, rng: np.random.Generator) -> Poses:
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

    def set_start_of_any(self, candidates: Iterable[Poses], rng: np.random.Generator) -> Poses:
        """Puts the arm at the start of the first waypoints through which it can go.

        Args:
            candidates: waypoints, tried in turn.
            rng: for the postures that are tried.

        Returns:
            those waypoints.

        Raises:
            InteractiveActionError: it can go through none of them.
        """
        for poses in candidates:
            try:
                return self.set_start_of(poses, rng)
            except InteractiveActionError as error:
                last = error
        raise last

    def path(self, joints: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Returns joint positions (points, joints) along a straight line; ``joints`` are those at its start."""
        pieces = max(1, round(distance(start, end) / STRIDE))
        path = [joints]
        for share in np.arange(1, pieces + 1) / pieces:
            path.append(self.inverse(interpolate_pose(start, end, share), path[-1]))
            if np.abs(path[-1] - path[-2]).max() > FURTHEST_JOINT:
                raise InteractiveActionError("The arm would have to jump on the way to the object. Try another seed.")
        return np.array(path)

    def trajectory(self, pose: np.ndarray, speed: float) -> np.ndarray:
        """Joint targets (steps, joints) of the straight path to ``pose`` (4, 4) at a mean ``speed`` in m/s."""
        start = self.pose()
        path = self.path(self.targets, start, pose)
        return time_parameterize(path, distance(start, pose) / speed)

    def move(self, pose: np.ndarray, speed: float) -> None:
        """Move straight to ``pose`` (4, 4), turning evenly, at a mean ``speed`` in m/s; a radian counts as 0.1 m."""
        self.run(self.trajectory(pose, speed))

    def follow_waypoints(self, poses: Poses, speed: float) -> None:
        """Move through all ``poses`` without stopping, at a mean ``speed`` in m/s."""
        path, at, length = [self.targets], self.pose(), 0.0
        for pose in poses:
            path += list(self.path(path[-1], at, pose)[1:])
            length += distance(at, pose)
            at = pose
        self.run(time_parameterize(np.array(path), length / speed))

    def run(self, trajectory: np.ndarray) -> None:
        """Drive the joints through ``trajectory`` (steps, joints), one row for each step of physics."""
        for targets in trajectory:
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
        """Drive the fingers to ``opening``, from 0, closed, to 1, wide open, and wait."""
        self.targets = np.where(
            self.opened == self.closed, self.targets, self.closed + opening * (self.opened - self.closed)
        )
        self.wait(seconds)

    def make_fist(self) -> None:
        """Begin with the hand closed."""
        self.set_gripper(0.0, 0.0)
        self.track_closed_gripper()

    def track_closed_gripper(self) -> None:
        """From now on lead the point between the fingertips where it is when they are closed: some recede."""
        self.ee_from_tcp[:3, 3] -= self.robot.gripper.tcp_closing_offset * self.ee_from_tcp[:3, 2]

    def open_hand(self, seconds: float = 0.1) -> None:
        """Opens the hand."""
        self.set_gripper(1.0, seconds)

    def close_hand(self, seconds: float = 0.4) -> None:
        """Closes the hand."""
        self.set_gripper(0.0, seconds)

    def shift(self, x: float, y: float, z: float, speed: float) -> None:
        """Move the hand by that much, in meters in the world, without turning it."""
        self.move(translate(self.pose(), x, y, z), speed)

    def back_off(self, meters: float, speed: float) -> None:
        """Draw the hand back the way it points."""
        x, y, z = -meters * self.pose()[:3, 2]
        self.shift(x, y, z, speed)

    def partner(self) -> Arm:
        """The arm of the second robot. Whichever of the two moves, the other keeps its place."""
        other = Arm(self.world, 1)
        self.others, other.others = [other], [self]
        return other

    def together(self, *moves: tuple[Arm, np.ndarray]) -> None:
        """Move arms at the same time: each of ``moves`` is (arm, trajectory); a shorter one waits at its end."""
        for step in range(max(len(trajectory) for _, trajectory in moves)):
            for arm, trajectory in moves:
                arm.targets = trajectory[min(step, len(trajectory) - 1)]
            self.step()
