"""Motion of the arm: straight paths, inverse kinematics along them, and a smooth time scaling."""

import numpy as np
import sapien
from scipy.spatial.transform import Rotation

from ..errors import InteractiveActionError
from .world import TIMESTEP

STRIDE = 0.01  # metres or tenths of a radian between the points of a path that are solved for
FURTHEST_JOINT = 0.35  # radians; a longer way between neighbours means the solution has changed branch


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

    def pose(self):
        """Pose (4, 4) of the tool at the joint targets."""
        self.model.compute_forward_kinematics(self.targets)
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
        """Move straight to ``pose`` (4, 4), turning evenly, at a mean ``speed`` in m/s; a radian counts as 0.1 m."""
        start = self.pose()
        way, turn = pose[:3, 3] - start[:3, 3], Rotation.from_matrix(start[:3, :3].T @ pose[:3, :3]).as_rotvec()
        length = np.linalg.norm(way) + 0.1 * np.linalg.norm(turn)
        pieces = max(1, round(length / STRIDE))
        path = [self.targets]
        for share in np.arange(1, pieces + 1) / pieces:
            at = start.copy()
            at[:3, :3] = start[:3, :3] @ Rotation.from_rotvec(share * turn).as_matrix()
            at[:3, 3] += share * way
            path.append(self.inverse(at, path[-1]))
            if np.abs(path[-1] - path[-2]).max() > FURTHEST_JOINT:
                raise InteractiveActionError("The arm would have to jump on the way to the object. Try another seed.")
        steps = max(1, round(length / speed / TIMESTEP))
        clock = pieces * smooth(np.arange(1, steps + 1) / steps)
        for targets in np.stack([np.interp(clock, range(pieces + 1), joint) for joint in np.array(path).T], 1):
            self.targets = targets
            self.world.step(targets)

    def fingers(self, opening, seconds):
        """Drive the fingers to ``opening`` metres each and wait."""
        self.targets = np.where(self.mask, self.targets, opening)
        for _ in range(round(seconds / TIMESTEP)):
            self.world.step(self.targets)
