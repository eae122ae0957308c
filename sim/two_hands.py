"""Motion of a robot that takes things between its two palms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from ..errors import InteractiveActionError
from .motion import STRIDE, time_parameterize

if TYPE_CHECKING:
    from .world import World


PALM = (0.06, 0.0, 0.0)  # the middle of the palm and its straight fingers, in the palm's axes
KNUCKLES = (0.09, 0.0, 0.0)  # the front of a fist
INWARDS = ((0.0, 1.0, 0.0), (0.0, 1.0, 0.0))  # where the y axes of left and right palm point: the palms face each other
DOWN = ((0.0, 0.0, 1.0), (0.0, 0.0, -1.0))  # both palms face the ground
FACING = 0.03  # meters of error that a radian of turned palm counts as
STAY = 0.002  # and a radian of change from the last solution
FURTHEST = 0.03  # meters by which a palm may miss its place
STEP = 1e-3  # radians for differences of the model's single-precision poses


class TwoHands:
    """Leads both palms of the first robot of a world; keeps the joint targets (joints,)."""

    def __init__(self, world: World) -> None:
        self.world, self.articulation = world, world.articulation
        self.model, self.base = world.model, world.bases[0]
        self.palms = [(list(world.links).index(link), np.array(joints)) for link, joints in world.robot.palms]
        self.targets = self.articulation.qpos.copy()
        self.limits = self.articulation.qlimits.T
        self.lead, self.axes = np.array(PALM), np.array(INWARDS)

    def turn_palms_down(self) -> None:
        """Let both palms face the ground from the next motion on, as far as the arms allow."""
        self.axes = np.array(DOWN)

    def make_fists(self) -> None:
        """Curl the fingers before the hands are set; what is led from now on are the knuckles."""
        fingers = np.setdiff1d(np.arange(len(self.targets)), np.concatenate([joints for _, joints in self.palms]))
        self.targets[fingers] = np.array(self.world.robot.closed_configuration)[fingers]
        self.lead = np.array(KNUCKLES)

    def inverse(self, points: Any, start: np.ndarray) -> Any:
        """Joint positions (joints,) that bring the palms, or the knuckles of fists, to ``points`` (2, 3).

        Left and right, their palms turned as the last call said, near ``start``.
        """
        joints = start.copy()
        for (link, chain), point, axis in zip(self.palms, points, self.axes):
            low, high = self.limits[:, chain]

            def residuals(
                angles: Any, link: Any = link, chain: Any = chain, point: Any = point, axis: Any = axis
            ) -> np.ndarray:
                joints[chain] = angles
                self.model.compute_forward_kinematics(joints)
                pose = self.base @ self.model.get_link_pose(link).to_transformation_matrix()
                away = pose[:3, :3] @ self.lead + pose[:3, 3] - point
                return np.concatenate([away, FACING * (pose[:3, 1] - axis), STAY * (angles - start[chain])])

            def jacobian(angles: Any, residuals: Any = residuals) -> np.ndarray:
                return np.stack(
                    [
                        (residuals(angles + STEP * one) - residuals(angles - STEP * one)) / (2 * STEP)
                        for one in np.eye(len(angles))
                    ],
                    1,
                )

            found = least_squares(residuals, np.clip(start[chain], low + STEP, high - STEP), jacobian, (low, high))
            if np.linalg.norm(found.fun[:3]) > FURTHEST:
                raise InteractiveActionError(f"The hands cannot reach {point.round(3).tolist()} m. Try another seed.")
            joints[chain] = found.x
        return joints

    def set_start(self, points: Any) -> Any:
        """Put the hands, not moving, at ``points`` (2, 3)."""
        self.targets = self.inverse(points, self.targets)
        self.articulation.set_qpos(self.targets)

    def follow_waypoints(self, places: Any, speed: float) -> Any:
        """Move the palms straight through all ``places`` (n, 2, 3), without stopping, at a mean ``speed`` in m/s."""
        path, at, length = [self.targets], places[0], 0.0
        for place in places[1:]:
            way = np.linalg.norm(place - at, axis=1).max()
            pieces = max(1, round(way / STRIDE))
            for share in np.arange(1, pieces + 1) / pieces:
                path.append(self.inverse(at + share * (place - at), path[-1]))
            at, length = place, length + way
        for self.targets in time_parameterize(np.array(path), length / speed):
            self.world.step(self.targets)

    def wait(self, seconds: float) -> None:
        """Keeps still."""
        for _ in range(round(seconds / self.world.scene.timestep)):
            self.world.step(self.targets)
