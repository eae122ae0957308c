"""Motion of a robot with two arms: its palms, or the knuckles of its fists, are led."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

from ..errors import InteractiveActionError
from .motion import STRIDE, time_parameterize
from .state import TIMESTEP

if TYPE_CHECKING:
    from .robot import Palm
    from .world import World


PALM = (0.06, 0.0, 0.0)  # the middle of the palm and its straight fingers, in the palm's axes
KNUCKLES = (0.09, 0.0, 0.0)  # the front of a fist
INWARDS = (0.0, 1.0, 0.0)  # where the y axes of both palms point: the palms face each other
DOWN = ((0.0, 0.0, 1.0), (0.0, 0.0, -1.0))  # those of the left and the right one: both palms face the ground
FACING = 0.03  # meters of error that a radian of turned palm counts as
STAY = 0.002  # and a radian of change from the last solution
FURTHEST = 0.03  # meters by which a palm may miss its place
STEP = 1e-3  # radians for differences of the model's single-precision poses


class PalmKinematics:
    """Inverse kinematics of one palm, by least squares.

    Args:
        world: whose first body it belongs to.
        palm: its link and the joints that lead to it.

    Attributes:
        lead: the point (3,) that is led, in the palm's axes, in meters.
        axis: where the palm's y axis should point (3,), in the world.
    """

    def __init__(self, world: World, palm: Palm) -> None:
        self.lead, self.axis = np.array(PALM), np.array(INWARDS)
        self.model, self.world_from_base = world.model, world.bases[0]
        self.link, self.joints = list(world.links).index(palm.link), np.array(palm.joints)
        self.limits = world.articulation.qlimits.T[:, self.joints]

    def residuals(self, angles: np.ndarray, point: np.ndarray, start: np.ndarray) -> np.ndarray:
        """What is to be small: distance of what is led from its place, turn of the palm, and way of the joints.

        Args:
            angles: of the arm's joints (n,), in radians.
            point: where what is led should be (3,), in the world.
            start: positions of all joints of the robot, from which they should not go far.

        Returns:
            (3 + 3 + n,): meters, and radians that count as ``FACING`` and ``STAY`` meters.
        """
        qpos = start.copy()
        qpos[self.joints] = angles
        self.model.compute_forward_kinematics(qpos)
        pose = self.world_from_base @ self.model.get_link_pose(self.link).to_transformation_matrix()
        away = pose[:3, :3] @ self.lead + pose[:3, 3] - point
        return np.concatenate([away, FACING * (pose[:3, 1] - self.axis), STAY * (angles - start[self.joints])])

    def jacobian(self, angles: np.ndarray, point: np.ndarray, start: np.ndarray) -> np.ndarray:
        """The slopes (3 + 3 + n, n) of the residuals, by central differences."""
        return np.stack(
            [
                (self.residuals(angles + step, point, start) - self.residuals(angles - step, point, start)) / (2 * STEP)
                for step in STEP * np.eye(len(angles))
            ],
            1,
        )

    def inverse(self, point: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Angles (n,) of the arm's joints that bring what is led to ``point`` (3,), near ``start``.

        Raises:
            InteractiveActionError: it misses by more than ``FURTHEST``.
        """
        low, high = self.limits
        first = np.clip(start[self.joints], low + STEP, high - STEP)
        solution = least_squares(self.residuals, first, self.jacobian, (low, high), args=(point, start))
        if np.linalg.norm(solution.fun[:3]) > FURTHEST:
            raise InteractiveActionError(f"The hands cannot reach {point.round(3).tolist()} m. Try another seed.")
        return solution.x


class TwoHands:
    """Leads both palms of the first body of a world; keeps the joint targets (joints,)."""

    def __init__(self, world: World) -> None:
        self.world, self.articulation = world, world.articulation
        self.palms = [PalmKinematics(world, palm) for palm in world.robot.humanoid.palms]
        self.targets = self.articulation.qpos.copy()

    def turn_palms_down(self) -> None:
        """Let both palms face the ground from the next motion on, as far as the arms allow."""
        for palm, axis in zip(self.palms, DOWN):
            palm.axis = np.array(axis)

    def make_fists(self) -> None:
        """Curl the fingers before the hands are set; what is led from now on are the knuckles."""
        arms = np.concatenate([palm.joints for palm in self.palms])
        fingers = np.setdiff1d(np.arange(len(self.targets)), arms)
        self.targets[fingers] = np.array(self.world.robot.closed_qpos)[fingers]
        for palm in self.palms:
            palm.lead = np.array(KNUCKLES)

    def inverse(self, points: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Joint positions (joints,) that bring the palms, or the knuckles of fists, to ``points`` (2, 3).

        Left and right, their palms turned as the last call said, near ``start``.
        """
        qpos = start.copy()
        for palm, point in zip(self.palms, points):
            qpos[palm.joints] = palm.inverse(point, start)
        return qpos

    def set_start(self, points: np.ndarray) -> None:
        """Put the hands, not moving, at ``points`` (2, 3)."""
        self.targets = self.inverse(points, self.targets)
        self.articulation.set_qpos(self.targets)

    def follow_waypoints(self, places: Sequence[np.ndarray], speed: float) -> None:
        """Move the palms straight through all ``places`` (n, 2, 3), without stopping, at a mean ``speed`` in m/s."""
        path, at, length = [self.targets], places[0], 0.0
        for place in places[1:]:
            distance = np.linalg.norm(place - at, axis=1).max()
            count = max(1, round(distance / STRIDE))
            for share in np.arange(1, count + 1) / count:
                path.append(self.inverse(at + share * (place - at), path[-1]))
            at, length = place, length + distance
        for self.targets in time_parameterize(np.array(path), length / speed):
            self.world.step(self.targets)

    def wait(self, seconds: float) -> None:
        """Keeps still."""
        for _ in range(round(seconds / TIMESTEP)):
            self.world.step(self.targets)
