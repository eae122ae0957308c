"""Objects as they stand in a simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sapien
import sapien.physx

if TYPE_CHECKING:
    from .object_spec import ObjectSpec
    from .poses import Point


@dataclass(eq=False)
class SceneObject:
    """An object in this world.

    Args:
        name: of its kind.
        color: name of its color.
        spec: what it is made of.
        scale: relative to that.
        entity: what is acted on: the object itself, or the part of it that moves on its joint.
        articulation: of an object with a joint.
        framed: whether cameras must show it.
    """

    name: str
    color: str
    spec: ObjectSpec
    scale: float
    entity: sapien.Entity
    articulation: sapien.physx.PhysxArticulation | None = None
    framed: bool = True

    @property
    def half(self) -> np.ndarray:
        """Half sizes (3,) in meters of the box around it."""
        return self.spec.half * self.scale

    @property
    def entities(self) -> list[sapien.Entity]:
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
        return self.spec.joint.range * (self.scale if self.spec.joint.kind == "slide" else 1)

    @property
    def bounds(self) -> np.ndarray:
        """Lowest and highest corner (2, 3) of the box around it as it is now, in the world."""
        return _body(self.entity).compute_global_aabb_tight()

    def solid_bounds(self) -> list[np.ndarray]:
        """Lowest and highest corners (2, 3) of the boxes around each of its bodies that collide."""
        bodies = [body for entity in self.entities if (body := _body(entity)).collision_shapes]
        return [body.compute_global_aabb_tight() for body in bodies]

    def at(self, point: Point) -> np.ndarray:
        """Where a point (3,) of its ``spec`` is in the world."""
        pose = self.pose
        return pose[:3, :3] @ ((np.array(point) - self.spec.middle) * self.scale) + pose[:3, 3]

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


def _body(entity: sapien.Entity) -> sapien.physx.PhysxRigidBaseComponent:
    return entity.find_component_by_type(sapien.physx.PhysxRigidBaseComponent)
