"""Things as they stand in a simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sapien
import sapien.physx

from .objects import ObjectSpec


@dataclass(eq=False)
class SceneObject:
    """A thing in this world.

    ``entity`` is what is acted on: the thing itself, or the part of it that moves on its joint.
    """

    name: str
    color: str
    thing: ObjectSpec
    scale: float
    entity: sapien.Entity
    articulation: sapien.physx.PhysxArticulation | None = None

    @property
    def half(self) -> np.ndarray:
        """Half sizes (3,) in meters of the box around it."""
        return self.thing.half * self.scale

    @property
    def entities(self) -> list[Any]:
        """All that its mask shows."""
        return [link.entity for link in self.articulation.links] if self.articulation else [self.entity]

    @property
    def pose(self) -> np.ndarray:
        """Pose (4, 4) of its middle; of its fixed part, if it has a joint."""
        return (self.articulation.pose if self.articulation else self.entity.pose).to_transformation_matrix()

    @property
    def yaw(self) -> float:
        """Its turn about the upright axis, in radians."""
        return np.arctan2(self.pose[1, 0], self.pose[0, 0])

    @property
    def opening(self) -> float:
        """Position of its joint in meters or radians."""
        return float(self.articulation.qpos[0])

    @property
    def joint_range(self) -> float:
        """How far its joint goes, in meters or radians."""
        return self.thing.joint.range * (self.scale if self.thing.joint.kind == "slide" else 1)

    def at(self, point: Any) -> np.ndarray:
        """Where ``point`` (3,) of ``objects.py`` is in the world."""
        pose = self.pose
        return pose[:3, :3] @ ((np.array(point) - self.thing.middle) * self.scale) + pose[:3, 3]

    def place(self, x: float, y: float, yaw: float, height: float = 0.0) -> None:
        """Stand it there, its lowest point ``height`` over the ground."""
        pose = sapien.Pose([x, y, self.half[2] + height], upright(yaw))
        if self.articulation:
            self.articulation.pose = pose
        else:
            self.entity.set_pose(pose)


def upright(yaw: float) -> list[float]:
    """The quaternion wxyz of what stands upright, turned by ``yaw`` radians."""
    return [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]
