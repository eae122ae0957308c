"""Builds an object of ``objects.py`` in a SAPIEN scene: what is seen of it and what collides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import sapien
import sapien.physx
import sapien.render

from . import urdf

if TYPE_CHECKING:
    from sapien.physx import PhysxArticulation, PhysxCollisionShape, PhysxMaterial, PhysxRigidBaseComponent
    from sapien.render import RenderMaterial, RenderShape

    from .geometry import Color, Geometry, Vector
    from .object_spec import ObjectSpec

    Solid = tuple[list[PhysxCollisionShape], RenderShape]  # what collides, what is seen


UPRIGHT = [0.7071068, 0, -0.7071068, 0]  # a cylinder's axis is x
WIDE = 6.0  # meters: half a side of a floor without walls
SIDES, SECTORS = 48, 16  # of a turned part, as rendered and as it collides
JOINT_FRICTION = 0.05
OWN_COLLISIONS = 1 << 28  # the group of PhysX whose members do not collide with one another


def material(color: Color, roughness: float = 0.5, metallic: float = 0.0) -> RenderMaterial:
    """A material of SAPIEN's."""
    material = sapien.render.RenderMaterial()
    material.base_color = [*color, 1]
    material.roughness, material.metallic, material.specular = roughness, metallic, 0.3
    return material


def build_free(
    scene: sapien.Scene, spec: ObjectSpec, scale: float, color: Color, pose: sapien.Pose, name: str
) -> sapien.Entity:
    """An object that can move freely; its entity."""
    entity, body = sapien.Entity(), sapien.physx.PhysxRigidDynamicComponent()
    _attach(scene, entity, body, spec.parts, -spec.middle, scale, color, spec.density)
    entity.name = body.name = name
    entity.pose = pose
    scene.add_entity(entity)
    body.linear_damping, body.angular_damping = 0.5, 2.0  # a ball must not roll away for ever
    return entity


def build_jointed(
    scene: sapien.Scene, spec: ObjectSpec, scale: float, color: Color, pose: sapien.Pose, name: str
) -> PhysxArticulation:
    """An object that stands fast, with a part that moves on its joint; its articulation."""
    joint, entities, links = spec.joint, [], []
    pivot = sapien.Pose((np.array(joint.at) - spec.middle) * scale, turn_x_to(joint.axis))
    for parts, offset, suffix in ((spec.parts, -spec.middle, ""), (joint.parts, -spec.middle, " part")):
        entity, link = sapien.Entity(), sapien.physx.PhysxArticulationLinkComponent(links[0] if links else None)
        _attach(scene, entity, link, parts, offset, scale, color, spec.density)
        entity.name = link.name = name + suffix
        for shape in link.collision_shapes:  # the part must not catch on its own frame
            first, second, third, fourth = shape.get_collision_groups()
            shape.set_collision_groups([first, second, third | OWN_COLLISIONS, fourth])
        entities.append(entity)
        links.append(link)
    root, part = links
    part.joint.type = {"slide": "prismatic", "hinge": "revolute"}[joint.kind]
    part.joint.pose_in_parent = part.joint.pose_in_child = pivot
    part.joint.limit = [0.0, joint.range * (scale if joint.kind == "slide" else 1)]
    part.joint.friction = JOINT_FRICTION
    part.joint.set_drive_property(joint.spring, joint.damping)
    root.joint.type = "fixed"
    entities[0].pose = pose
    for entity in entities:
        scene.add_entity(entity)
    return root.articulation


def build_loaded(scene: sapien.Scene, spec: ObjectSpec, scale: float, pose: sapien.Pose) -> PhysxArticulation:
    """An object of a URDF, one of whose joints moves; its articulation."""
    loader = scene.create_urdf_loader()
    loader.fix_root_link, loader.load_multiple_collisions_from_file, loader.scale = True, True, spec.model.unit * scale
    loader.set_material(1.0, 1.0, 0.0)
    loader.set_density(spec.density)
    articulation = urdf.load(loader, ET.fromstring(spec.model.description), "object's URDF")
    for link in articulation.links:
        for shape in link.collision_shapes:
            first, second, third, fourth = shape.get_collision_groups()
            shape.set_collision_groups([first, second, third | OWN_COLLISIONS, fourth])
    (joint,) = articulation.active_joints
    joint.friction = JOINT_FRICTION
    joint.set_drive_properties(spec.joint.spring, spec.joint.damping)
    articulation.pose = pose
    return articulation


def build_still(
    scene: sapien.Scene,
    parts: Iterable[Geometry],
    color: Color,
    pose: sapien.Pose,
    name: str,
    surface: RenderMaterial | None = None,
) -> sapien.Entity:
    """Something that never moves, of parts that stand on ``pose``.

    ``surface`` is the material of the parts without a color, instead of a plain one of ``color``.
    """
    entity, body = sapien.Entity(), sapien.physx.PhysxRigidStaticComponent()
    _attach(scene, entity, body, parts, np.zeros(3), 1.0, color, 1000.0, surface)
    entity.name = body.name = name
    entity.pose = pose
    scene.add_entity(entity)
    return entity


def add_floor(
    scene: sapien.Scene,
    height: float,
    surface: RenderMaterial,
    corners: np.ndarray | None = None,
    triangles: Sequence[Sequence[int]] = ((0, 1, 2), (0, 2, 3)),
) -> sapien.Entity:
    """An endless floor, rendered as a polygon of a material whose texture repeats every meter; its entity.

    Args:
        scene: where it is added.
        height: of the floor in meters.
        surface: the material.
        corners: (n, 3) of what is rendered, in meters; None: of a large square.
        triangles: numbers of their corners.
    """
    scene.add_ground(height, render=False)
    if corners is None:
        half = WIDE
        corners = np.array([[-half, -half, height], [half, -half, height], [half, half, height], [-half, half, height]])
    shape = sapien.render.RenderShapeTriangleMesh(
        corners, np.array(triangles), np.tile([0.0, 0.0, 1.0], (len(corners), 1)), corners[:, :2], surface
    )
    entity, visual = sapien.Entity(), sapien.render.RenderBodyComponent()
    visual.attach(shape)
    entity.add_component(visual)
    entity.name = "floor"
    scene.add_entity(entity)
    return entity


def grain(color: Color, rng: np.random.Generator, boards: int = 8, size: int = 256) -> RenderMaterial:
    """Wooden boards: bands of slightly different tone with a wavy grain along them."""
    along, across = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
    board = (across * boards).astype(int)
    tone = rng.uniform(0.75, 1.15, boards)[board]
    phase = rng.uniform(0, 2 * np.pi, boards)[board]
    rings = np.sin(60 * (across * boards % 1) + 2 * np.sin(2 * np.pi * along + phase) + phase)
    gap = np.abs(across * boards % 1 - 0.5) > 0.48
    return _textured(
        np.clip(np.array(color) * (tone * (1 + 0.10 * rings) * np.where(gap, 0.5, 1))[..., None], 0, 1), 0.6
    )


def tiles(color: Color, rng: np.random.Generator, count: int = 3, size: int = 256) -> RenderMaterial:
    """Square tiles of slightly different tone with light joints."""
    x, y = np.meshgrid(np.arange(size) / size * count, np.arange(size) / size * count)
    tone = rng.uniform(0.85, 1.1, (count, count))[y.astype(int), x.astype(int)]
    joint = np.maximum(np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5)) > 0.485
    return _textured(np.where(joint[..., None], 0.45, np.clip(np.array(color) * tone[..., None], 0, 1)), 0.4)


def _textured(linear: np.ndarray, roughness: float) -> RenderMaterial:
    surface = material((1, 1, 1), roughness)
    rgba = np.concatenate([linear, np.ones((*linear.shape[:2], 1))], 2).astype(np.float32)
    surface.base_color_texture = sapien.render.RenderTexture2D(rgba, "R32G32B32A32Sfloat", mipmap_levels=6)
    return surface


def _attach(
    scene: sapien.Scene,
    entity: sapien.Entity,
    body: PhysxRigidBaseComponent,
    parts: Iterable[Geometry],
    offset: np.ndarray,
    scale: float,
    color: Color,
    density: float,
    surface: RenderMaterial | None = None,
) -> None:
    physical = scene.create_physical_material(1.0, 1.0, 0.0)
    visuals = sapien.render.RenderBodyComponent()
    for part in parts:
        look = material(part.color) if part.color is not None else surface or material(color)
        at = (np.array(part.at) + offset) * scale
        shapes, visual = SHAPES[part.shape](part, scale, physical, look)
        for shape in shapes:
            shape.local_pose = sapien.Pose(at) * shape.local_pose
            shape.density = density
            if part.shape == "ball":
                shape.patch_radius = shape.min_patch_radius = 0.02
            body.attach(shape)
        visual.local_pose = sapien.Pose(at) * visual.local_pose
        visuals.attach(visual)
    entity.add_component(body)
    entity.add_component(visuals)


def _box(part: Geometry, scale: float, physical: PhysxMaterial, look: RenderMaterial) -> Solid:
    half = np.array(part.half) * scale
    return [sapien.physx.PhysxCollisionShapeBox(half, physical)], sapien.render.RenderShapeBox(half, look)


def _ball(part: Geometry, scale: float, physical: PhysxMaterial, look: RenderMaterial) -> Solid:
    radius = part.half[0] * scale
    return [sapien.physx.PhysxCollisionShapeSphere(radius, physical)], sapien.render.RenderShapeSphere(radius, look)


def _cylinder(part: Geometry, scale: float, physical: PhysxMaterial, look: RenderMaterial) -> Solid:
    radius, length = np.array(part.half) * scale
    shape = sapien.physx.PhysxCollisionShapeCylinder(radius, length, physical)
    visual = sapien.render.RenderShapeCylinder(radius, length, look)
    shape.local_pose = visual.local_pose = sapien.Pose(q=UPRIGHT)
    return [shape], visual


def _turned(part: Geometry, scale: float, physical: PhysxMaterial, look: RenderMaterial) -> Solid:
    outline = np.array(part.outline) * scale
    wall = part.wall * scale
    rings = [
        np.concatenate([_ring(lower[0], lower[1], SECTORS), _ring(upper[0], upper[1], SECTORS)])
        for lower, upper in pairwise(outline)
    ]
    if wall:  # a floor, and a wall of planks
        floor = np.concatenate([_ring(outline[0][0], 0, SECTORS), _ring(outline[0][0], wall, SECTORS)])
        hulls = [floor, *(plank for lower, upper in pairwise(outline) for plank in _planks(lower, upper, wall))]
        inner = np.array([[max(radius - wall, 0), max(height, wall)] for radius, height in outline])
        profile = [(0, 0), *outline, *inner[::-1], (0, wall)]
    else:
        hulls, profile = rings, [(0, 0), *outline, (0, outline[-1][1])]
    shapes = [
        sapien.physx.PhysxCollisionShapeConvexMesh(hull.astype(np.float32), np.ones(3, np.float32), physical)
        for hull in hulls
    ]
    return shapes, sapien.render.RenderShapeTriangleMesh(*_lathe(np.array(profile)), look)


def _mesh(part: Geometry, scale: float, physical: PhysxMaterial, look: RenderMaterial) -> Solid:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = part.placement.turn, part.placement.offset * scale
    ones = np.ones(3, np.float32)
    shapes = [
        sapien.physx.PhysxCollisionShapeConvexMesh((piece * scale).astype(np.float32), ones, physical)
        for piece in part.pieces
    ]
    visual = sapien.render.RenderShapeTriangleMesh(
        part.file, ones * part.placement.scale * scale
    )  # with its own colors
    visual.local_pose = sapien.Pose(pose)
    return shapes, visual


def _planks(lower: np.ndarray, upper: np.ndarray, wall: float) -> Iterator[np.ndarray]:
    for turn in np.arange(SECTORS) * 2 * np.pi / SECTORS:
        angles = turn + np.array([0, 2 * np.pi / SECTORS])
        yield np.array(
            [
                [r * np.cos(a), r * np.sin(a), z]
                for (radius, z) in (lower, upper)
                for r in (radius, radius - wall)
                for a in angles
            ]
        )


def _ring(radius: float, height: float, count: int) -> np.ndarray:
    angles = np.arange(count) * 2 * np.pi / count
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, height)], 1)


def _lathe(profile: np.ndarray) -> tuple[np.ndarray, ...]:
    """Vertices, triangles, normals and texture places of a profile (points, 2) turned about z; its edges stay sharp."""
    angles = np.linspace(0, 2 * np.pi, SIDES + 1)
    vertices, normals, places, triangles = [], [], [], []
    for (r0, z0), (r1, z1) in pairwise(profile):
        across, along = z1 - z0, r1 - r0
        length = np.hypot(across, along)
        if not length:
            continue
        first = len(vertices) * 2 * (SIDES + 1)
        vertices.append(np.concatenate([_circle(r0, z0, angles), _circle(r1, z1, angles)]))
        normals.append(np.tile(_circle(across / length, -along / length, angles), (2, 1)))
        places.append(np.stack([np.tile(angles, 2) / (2 * np.pi), np.repeat([z0, z1], SIDES + 1)], 1))
        low = first + np.arange(SIDES)
        high = low + SIDES + 1
        triangles += [np.stack([low, low + 1, high + 1], 1), np.stack([low, high + 1, high], 1)]
    return tuple(np.concatenate(array) for array in (vertices, triangles, normals, places))


def _circle(radius: float, height: float, angles: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(len(angles), height)], 1)


def turn_x_to(axis: Vector) -> np.ndarray:
    """Quaternion that turns x onto ``axis`` (3,), about which or along which a joint of PhysX moves."""
    x, y, z = np.array(axis, float) / np.linalg.norm(axis)
    if x < -0.999:
        return np.array([0.0, 0.0, 0.0, 1.0])
    half = np.array([1 + x, *np.cross([1, 0, 0], [x, y, z])])
    return half / np.linalg.norm(half)


SHAPES = {"box": _box, "ball": _ball, "cylinder": _cylinder, "turned": _turned, "mesh": _mesh}
