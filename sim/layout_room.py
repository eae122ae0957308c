"""A layout as a place in which an action happens: the room is built around the robot, which stays in the origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sapien
import sapien.physx
import sapien.render

from .builders import add_floor, build_still, grain, tiles
from .environment_maps import KINDS
from .furnishings.bodies import Body, bodies_of
from .furnishings.build import build_furnishing, object_spec, without_collisions
from .furniture import CATEGORIES
from .geometry import STEEL, box
from .interiors import TIMBERS
from .polygons import triangles

if TYPE_CHECKING:
    from .geometry import Color
    from .layout import Layout
    from .object_spec import ObjectSpec
    from .rehearsal import Region
    from .robot import Robot
    from .stations import Station
    from .world import World

INSTANCES = ("", "subject", "object", "other", "floor", "column")  # what is no furniture
COLUMN = 0.12  # meters: half the width of the column on which an arm stands
HIDDEN = (0.5, 0.2)  # shares of what is to be seen, and of the object, that furniture may hide
FACING = 0.1  # meters around furniture in which no camera stands


@dataclass(frozen=True, eq=False)
class Target:
    """Furniture that is acted on, in the simulation's axes.

    Args:
        spec: with the joint that moves; the others stand shut.
        position: (3,) of the middle of its underside, in meters.
        yaw: as of an object whose front faces -x, in radians.
        opening: share of the joint's range that the robot reaches.
    """

    spec: ObjectSpec
    position: np.ndarray
    yaw: float
    opening: float


class LayoutRoom:
    """A room of a layout, seen from a robot's station; the surface on which objects stand is at height 0.

    Args:
        layout: the room.
        station: where the robot stands.
        robot: who stands there.

    Attributes:
        below: how far under height 0 the floor lies, in meters.
        region: lowest and highest (x, y) in which objects are put, in meters.
        posture: joint positions in which the robot waits; empty: its usual ones.
        target: the furniture that is acted on; None: a thing on a surface is.
        names: what each of ``entities`` is called.
        entities: all that was built, each with its body.
    """

    def __init__(self, layout: Layout, station: Station, robot: Robot) -> None:
        self.layout, self.station, self.robot = layout, station, robot
        self.below, self.region, self.posture = station.height, station.region, station.posture
        self.bodies = bodies_of(layout)
        self.acting = len(self.bodies) - len(layout.objects) + station.item if station.item >= 0 else -1
        self.target = self._target() if station.part else None
        self.names: dict[sapien.Entity, str] = {}
        self._bodies: list[tuple[Body, list[sapien.Entity]]] = []
        self._joints: list[sapien.physx.PhysxArticulation] = []
        self._loose: list[sapien.Entity] = []

    @property
    def spot(self) -> Region:
        """Lowest and highest (x, y) at which the object stands first."""
        return self.region

    def world_from_base(self, robot: Robot) -> np.ndarray:
        """Pose (4, 4) of the robot's base: on the floor, or at height 0."""
        pose = robot.world_from_base
        pose[2, 3] -= self.below if robot.base.stands else 0.0
        return pose

    def has_free(self, place: np.ndarray) -> bool:
        """Any place is free for a camera: what is between it and its aim is left out."""
        return True

    def __call__(self, scene: sapien.Scene, ground: Color, rng: np.random.Generator) -> int | None:
        """Builds the room in a scene; returns the number of its environment map."""
        timber = TIMBERS[rng.integers(len(TIMBERS))]
        floor = grain(timber, rng) if rng.random() < 0.6 else tiles(ground, rng)
        corners = np.array([(*corner, 0.0) for corner in self.layout.floor_plan.corners])
        transform = self.station.scene_from_room
        corners = corners @ transform[:3, :3].T + transform[:3, 3]
        self.names[add_floor(scene, -self.below, floor, corners, triangles(self.layout.floor_plan.corners))] = "floor"
        seeds = rng.integers(2**31, size=len(self.bodies))
        for number, (body, seed) in enumerate(zip(self.bodies, seeds)):
            if number == self.acting and self.target:
                continue
            pose = sapien.Pose(transform @ body.pose)
            movable = body.movable and number != self.acting
            built = build_furnishing(scene, body.furnishing, pose, body.name, body.opened, movable, int(seed))
            if body.category in CATEGORIES and not CATEGORIES[body.category].obstacle:
                without_collisions(built)
            self._add(body, built, movable)
        if self.below and not self.robot.base.stands and self.robot.base.radius:
            column = box(COLUMN, COLUMN, self.below / 2, (-0.02, 0.0, -self.below / 2), STEEL)
            self.names[build_still(scene, (column,), STEEL, sapien.Pose(), "column")] = "column"
        return int(rng.integers(KINDS))

    def _add(self, body: Body, built: sapien.Entity | sapien.physx.PhysxArticulation, movable: bool) -> None:
        if isinstance(built, sapien.physx.PhysxArticulation):
            entities = [link.entity for link in built.links]
            self._joints.append(built)
        else:
            entities = [built]
            self._loose += [built] * movable
        self._bodies.append((body, entities))
        self.names |= dict.fromkeys(entities, body.name)

    def _target(self) -> Target:
        body, part = self.bodies[self.acting], self.station.part
        pose = self.station.scene_from_room @ body.pose
        spec = object_spec(body.furnishing, part, body.category)
        yaw = np.arctan2(pose[1, 0], pose[0, 0]) + np.pi / 2  # a front towards -y there is one towards -x here
        return Target(spec, pose[:3, 3], float(yaw), self.station.opening)

    @property
    def instance_names(self) -> tuple[str, ...]:
        """What everything is called that an image can show; the first is nothing."""
        return (*INSTANCES, *(body.name for body in self.bodies))

    def instances(self, world: World) -> np.ndarray:
        """Returns the numbers (ids,) among ``instance_names`` of all segmentation ids.

        Args:
            world: with this room.
        """
        robots, parts = world.segmentation_ids()
        names = [*self.names.items(), *((entity, "other") for item in world.items for entity in item.entities)]
        numbers = np.zeros(1 + max(entity.per_scene_id for entity in world.scene.entities), np.uint16)
        for entity, name in names:
            numbers[entity.per_scene_id] = self.instance_names.index(name)
        numbers[robots], numbers[parts] = INSTANCES.index("subject"), INSTANCES.index("object")
        return numbers

    def state(self) -> np.ndarray:
        """Returns where everything is that can move, to be restored: poses and joint positions, one after the other."""
        poses = [(*entity.pose.p, *entity.pose.q) for entity in self._loose]
        jointed = [(*one.pose.p, *one.pose.q, *one.qpos) for one in self._joints]
        return np.concatenate([*poses, *jointed, np.zeros(0)])

    def restore(self, state: np.ndarray) -> None:
        """Puts everything back as ``state`` had it."""
        at = 0
        for thing in (*self._loose, *self._joints):
            pose = sapien.Pose(state[at : at + 3], state[at + 3 : at + 7])
            at += 7
            if isinstance(thing, sapien.Entity):
                thing.set_pose(pose)
            else:
                thing.pose = pose
                thing.set_qpos(state[at : at + thing.dof])
                at += thing.dof

    def leave_out(self, camera: np.ndarray, points: np.ndarray, acted_on: np.ndarray) -> None:
        """Shows everything but what is between a camera and what it aims at: walls, and furniture that hides much.

        Args:
            camera: its place (3,) in meters.
            points: (P, 3) that it should show.
            acted_on: (P, 3) of the object.
        """
        carrier = self.bodies[self.acting] if self.acting >= 0 else None
        for body, entities in self._bodies:
            if body.category in ("wall", "door"):
                hides = bool(self._hidden(body, camera, points).any())
            elif body is carrier:
                hides = False
            else:
                shares = [self._hidden(body, camera, some).mean() for some in (points, acted_on)]
                hides = shares[0] > HIDDEN[0] or shares[1] > HIDDEN[1] or self._stands_in(body, camera)
            for entity in entities:
                seen = entity.find_component_by_type(sapien.render.RenderBodyComponent)
                seen.visibility = 0.0 if hides else 1.0

    def _local(self, body: Body, points: np.ndarray) -> np.ndarray:
        pose = self.station.scene_from_room @ body.pose
        return (points - pose[:3, 3]) @ pose[:3, :3]

    def _stands_in(self, body: Body, camera: np.ndarray) -> bool:
        low, high = body.furnishing.bounds
        place = self._local(body, camera)
        return bool(((place > low - FACING) & (place < high + FACING)).all())

    def _hidden(self, body: Body, camera: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(P,) bool: whether the box around a body is on the way from a camera to points, by slabs."""
        start, ends = self._local(body, camera), self._local(body, points)
        low, high = body.furnishing.bounds
        way = np.where(np.abs(ends - start) < 1e-9, 1e-9, ends - start)
        first, last = (low - start) / way, (high - start) / way
        enters, leaves = np.minimum(first, last).max(-1), np.maximum(first, last).min(-1)
        return (enters < leaves) & (leaves > 0) & (enters < 0.98)
