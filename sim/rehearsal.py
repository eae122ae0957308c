"""A robot alone: where it reaches, found out by its kinematics before a room is built around it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InteractiveActionError
from .handle_path import HandlePath, approached
from .poses import top_down_pose

if TYPE_CHECKING:
    from .motion import Poses
    from .robot import Robot

Region = tuple[tuple[float, float], tuple[float, float]]
"""Lowest and highest (x, y) in meters."""

STARTS = 3  # postures from which a way is tried
JUMP = 1.0  # radians that a joint may turn between two of a few points of a way
POINTS = 5  # of a handle's way
TILTS, FOLLOWS = (0.0, 0.3, -0.3, 0.8, -0.8), (1.0, 0.6, 0.2)  # manners in which a handle is led, of all that are tried
POSTURES, LEVELS = 60, (0.03, 0.2)  # postures that are tried over a surface, and meters over it at which hands work
SUNK = 0.02  # meters that a link's box may be below a surface
GAP = 0.1  # meters before a handle from which the hand comes


class Rehearsal:
    """What an ``Arm`` asks of a world, for a robot that nothing is in the way of.

    Args:
        robot: who.

    Attributes:
        articulations: its one body, at ``bases``.
        bases: pose (4, 4) of its base.
        links: by name.
        model: for kinematics.
    """

    def __init__(self, robot: Robot) -> None:
        import sapien

        from .motion import Arm

        self.robot, self.scene = robot, sapien.Scene()
        self.bases = [np.asarray(robot.world_from_base, np.float32)]
        self.articulations = [robot.load(self.scene, robot.world_from_base)]
        self.links = {link.name: link for link in self.articulations[0].links}
        self.model = self.articulations[0].create_pinocchio_model()
        self.arm = Arm(self)
        self.rest = self.arm.targets.copy()

    def reaches(self, poses: Poses, rng: np.random.Generator) -> bool:
        """Whether the hand can go through poses (4, 4) one after the other without jumping."""
        arm = self.arm
        for attempt in range(STARTS):
            wish = self.rest + (attempt > 0) * arm.reaching * rng.normal(0, 0.5, len(self.rest))
            try:
                way = [arm.inverse(poses[0], np.clip(wish, *arm.limits))]
                for pose in poses[1:]:
                    way.append(arm.inverse(pose, way[-1]))
            except InteractiveActionError:
                continue
            if all(np.abs(after - before).max() < JUMP for before, after in pairwise(way)):
                return True
        return False

    def posture_over(self, region: Region, edge: float) -> tuple[float, ...]:
        """Returns joint positions from which the hand, pointing down, comes to all of a region; empty: there are none.

        Args:
            region: lowest and highest (x, y) in meters, at height 0.
            edge: x from which on no link may be lower than that.
        """
        arm, rng = self.arm, np.random.default_rng(0)
        low, high = np.clip(arm.limits, -np.pi, np.pi)
        (low_x, low_y), (high_x, high_y) = region
        middle = (low_x + high_x) / 2, (low_y + high_y) / 2
        corners = [(x, y, z) for x in (low_x, high_x) for y in (low_y, high_y) for z in LEVELS]
        for attempt in range(POSTURES):
            wish = np.where(arm.reaching & (attempt > 0), rng.uniform(low, high), self.rest)
            try:
                posture = arm.inverse(top_down_pose((*middle, LEVELS[-1]), 0.0), wish)
                ends = [arm.inverse(top_down_pose(corner, 0.0), posture) for corner in corners]
            except InteractiveActionError:
                continue
            if all(self._lowest(qpos, edge) > -SUNK for qpos in (posture, *ends)):
                return tuple(posture.tolist())
        return ()

    def _lowest(self, qpos: np.ndarray, edge: float) -> float:
        """Height in meters of the lowest point of all links that reach beyond x = ``edge``."""
        self.articulations[0].set_qpos(qpos)
        boxes = [link.compute_global_aabb_tight() for link in self.articulations[0].links if link.collision_shapes]
        return min((box[0, 2] for box in boxes if box[1, 0] > edge), default=np.inf)

    def widest(self, path: HandlePath, openings: Sequence[float], closes: bool) -> float:
        """Returns the first of some openings, in meters or radians, to or from which it can lead a handle; 0: of none.

        Args:
            path: of the handle.
            openings: that are tried.
            closes: whether it leads the handle back from there.
        """
        rng = np.random.default_rng(0)
        follows = FOLLOWS[:1] if path.slides else FOLLOWS
        manners = [(follow, tilt) for follow in follows for tilt in TILTS]
        manners = [manner for manner in manners if self.reaches(approached([path.hand(0.0, *manner)], GAP), rng)]
        for opening in openings:
            stops = np.linspace(0.0, opening, POINTS)[:: -1 if closes else 1]
            for manner in manners:
                if self.reaches(approached([path.hand(stop, *manner) for stop in stops], GAP), rng):
                    return opening
        return 0.0

    def at_height(self, height: float) -> Rehearsal:
        """Returns itself with the base ``height`` meters above where the robot has it."""
        import sapien

        base = self.robot.world_from_base
        base[2, 3] += height
        self.arm.base = np.asarray(base, np.float32)
        self.articulations[0].pose = sapien.Pose(base)
        return self


@functools.lru_cache(4)
def rehearsal(robot: Robot) -> Rehearsal:
    """The rehearsal of a robot, kept: loading it takes a second."""
    return Rehearsal(robot)
