"""Motion of the arm: screw paths, inverse kinematics along them, and a smooth time scaling."""

import numpy as np
import sapien
from scipy.linalg import expm, logm

from ..errors import InteractiveActionError
from .world import TIMESTEP

STRIDE = 0.01  # metres or tenths of a radian between the points of a path that are solved for
FURTHEST_JOINT = 0.35  # radians; a longer way between neighbours means the solution has changed branch


def screw(start, end, fraction):
    """The pose (4, 4) at ``fraction`` of the screw motion that takes ``start`` to ``end`` (constant twist)."""
    return start @ expm(fraction * np.real(logm(np.linalg.inv(start) @ end)))


def smooth(fraction):
    """Minimum-jerk time scaling: 0 to 1 with zero speed and acceleration at both ends (Flash and Hogan 1985)."""
    return fraction**3 * (10 - 15 * fraction + 6 * fraction**2)


class Arm:
    """Moves one robot of one world; keeps the joint targets (joints,)."""

    def __init__(self, world):
        self.world, self.robot, self.model = world, world.robot, world.model
        self.tool = list(world.links).index(self.robot.tool)
        self.targets = world.articulation.qpos.copy()
        self.mask = np.arange(len(self.targets)) < self.robot.arm
        self.limits = world.articulation.qlimits.T

    def pose(self, qpos=None):
        """Pose (4, 4) of the tool at the joint positions, by default the targets."""
        self.model.compute_forward_kinematics(self.targets if qpos is None else qpos)
        return self.model.get_link_pose(self.tool).to_transformation_matrix()

    def inverse(self, pose, start):
        """Joint positions (joints,) that bring the tool to ``pose`` (4, 4), near ``start``; the fingers stay."""
        qpos, found, _ = self.model.compute_inverse_kinematics(
            self.tool, sapien.Pose(pose), initial_qpos=start, active_qmask=self.mask.astype(np.int32), max_iterations=200
        )
        reached = np.where(self.mask, qpos, start)
        if not found or (reached < self.limits[0] - 1e-3).any() or (reached > self.limits[1] + 1e-3).any():
            raise InteractiveActionError(f"The arm cannot reach {pose[:3, 3].round(3).tolist()} m. Try another seed.")
        return reached

    def set_start(self, pose):
        """Put the arm, not moving, with its tool at ``pose``."""
        self.targets = self.inverse(pose, self.targets)
        self.world.articulation.set_qpos(self.targets)

    def move(self, pose, speed):
        """Follow the screw to ``pose`` (4, 4) at a mean ``speed`` in m/s (0.1 m count as much as a radian)."""
        start = self.pose()
        twist = np.real(logm(np.linalg.inv(start) @ pose))
        length = np.linalg.norm(twist[:3, 3]) + 0.1 * np.linalg.norm(twist[[2, 0, 1], [1, 2, 0]])
        knots = np.linspace(0, 1, max(2, round(length / STRIDE) + 1))
        path = [self.targets]
        for knot in knots[1:]:
            path.append(self.inverse(start @ expm(knot * twist), path[-1]))
            if np.abs(path[-1] - path[-2]).max() > FURTHEST_JOINT:
                raise InteractiveActionError("The arm would have to jump on the way to the object. Try another seed.")
        path = np.array(path)
        steps = max(1, round(length / speed / TIMESTEP))
        for step in range(1, steps + 1):
            at = smooth(step / steps)
            self.targets = np.array([np.interp(at, knots, joint) for joint in path.T])
            self.world.step(self.targets)

    def fingers(self, opening, seconds):
        """Drive the fingers to ``opening`` metres each and wait."""
        self.targets = np.where(self.mask, self.targets, opening)
        for _ in range(round(seconds / TIMESTEP)):
            self.world.step(self.targets)
