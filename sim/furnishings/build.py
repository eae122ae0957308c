"""Builds furniture in a SAPIEN scene: what is seen of it, what collides, and its doors and drawers on their joints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import sapien
import sapien.physx
import sapien.render

from ..builders import JOINT_FRICTION, SHAPES, grain, material, turn_x_to
from ..geometry import Geometry, Vector
from ..object_spec import ACROSS, Joint, ObjectSpec
from ..object_spec import FRONT as TO_FRONT
from ..object_spec import UP as UPWARDS
from .model import FINISHES, UP, Furnishing, Link, Piece

DAMPING = 2.0  # N s/m or Nm s/rad
TURN = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # a front towards -y becomes one towards -x
OWN_GROUP = 1 << 28  # of collision groups: what shares it and a number does not meet


def build_furnishing(
    scene: sapien.Scene,
    furnishing: Furnishing,
    pose: sapien.Pose,
    name: str,
    opened: float = 0.0,
    movable: bool = False,
    seed: int = 0,
) -> Any:
    """Builds a piece of furniture and returns its articulation, or its entity if nothing of it moves on a joint.

    Args:
        scene: the scene.
        furnishing: what it is made of.
        pose: of its origin, the middle of its underside.
        name: of its body; links are called by it and their own name.
        opened: share of their range by which doors and drawers stand open.
        movable: whether it can be moved, or stands fast.
        seed: of the grain of its wood.
    """
    looks = _looks(furnishing, seed)
    if not furnishing.links:
        kind = sapien.physx.PhysxRigidDynamicComponent if movable else sapien.physx.PhysxRigidStaticComponent
        entity, body = sapien.Entity(), kind()
        _attach(scene, entity, body, furnishing.pieces, furnishing.density, looks)
        entity.name = body.name = name
        entity.pose = pose
        scene.add_entity(entity)
        return entity
    stand, root = _link(scene, None, furnishing.pieces, furnishing.density, looks, name)
    root.joint.type = "undefined" if movable else "fixed"
    stand.pose = pose
    entities = [
        _moving(scene, root, link, furnishing.density, looks, f"{name} {link.name}") for link in furnishing.links
    ]
    number = len(scene.entities) + 1
    for entity in (stand, *entities):
        scene.add_entity(entity)
    articulation = root.articulation
    _own_collisions(articulation, number)
    ranges = {f"{name} {link.name}": link.range for link in furnishing.links}
    articulation.qpos = np.array([opened * ranges[joint.child_link.name] for joint in articulation.active_joints])
    return articulation


def without_collisions(built: Any) -> None:
    """Lets nothing meet what ``build_furnishing`` returned: things stand on rugs as on the floor."""
    body = built.find_component_by_type(sapien.physx.PhysxRigidBaseComponent)
    for shape in body.collision_shapes:
        shape.set_collision_groups([0, 0, 0, 0])


def object_spec(furnishing: Furnishing, name: str, word: str = "") -> ObjectSpec:
    """Returns the furniture as a thing to act on with one of its links; the others stand shut.

    Args:
        furnishing: what it is made of.
        name: of the link that moves.
        word: what captions call it.

    Raises:
        StopIteration: there is no such link.
    """
    acting = next(link for link in furnishing.links if link.name == name)
    fixed = [piece for link in furnishing.links if link is not acting for piece in link.pieces]
    closing = UPWARDS if acting.handle.closing == UP else ACROSS
    joint = Joint(
        acting.kind,
        _turned(acting.at),
        _turned(acting.axis),
        acting.range,
        tuple(map(_geometry, acting.pieces)),
        handle=(_turned(acting.handle.at), TO_FRONT, closing),
    )
    parts = tuple(map(_geometry, (*furnishing.pieces, *fixed)))
    return ObjectSpec(parts, density=furnishing.density, joint=joint, word=word)


def _geometry(piece: Piece) -> Geometry:
    """A box or cylinder in the axes of ``objects.py``, in its finish's color."""
    solid = piece.geometry
    half = (solid.half[1], solid.half[0], solid.half[2]) if solid.shape == "box" else solid.half
    return dataclasses.replace(solid, half=half, at=_turned(solid.at), color=FINISHES[piece.finish].color)


def _turned(vector: Sequence[float]) -> Vector:
    x, y, z = (TURN @ np.array(vector)).tolist()
    return x, y, z


def _looks(furnishing: Furnishing, seed: int) -> dict[str, Any]:
    """A material of SAPIEN's for each finish."""
    rng = np.random.default_rng(seed)
    every = (*furnishing.pieces, *(piece for link in furnishing.links for piece in link.pieces))
    looks = {}
    for name in dict.fromkeys(piece.finish for piece in every):
        finish = FINISHES[name]
        looks[name] = (
            grain(finish.color, rng, boards=3, size=128)
            if finish.grain
            else material(finish.color, finish.roughness, finish.metallic)
        )
    return looks


def _link(
    scene: sapien.Scene, parent: Any, pieces: Sequence[Piece], density: float, looks: dict[str, Any], name: str
) -> Any:
    entity, link = sapien.Entity(), sapien.physx.PhysxArticulationLinkComponent(parent)
    _attach(scene, entity, link, pieces, density, looks)
    entity.name = link.name = name
    return entity, link


def _own_collisions(articulation: Any, number: int) -> None:
    """Lets the parts of one thing not meet one another; PhysX takes 16 bits of a number for that."""
    for link in articulation.links:
        for shape in link.collision_shapes:
            first, second, third, fourth = shape.get_collision_groups()
            shape.set_collision_groups([first, second, third | OWN_GROUP, fourth | number % 2**16])


def _moving(scene: sapien.Scene, root: Any, link: Link, density: float, looks: dict[str, Any], name: str) -> Any:
    entity, moving = _link(scene, root, link.pieces, density, looks, name)
    moving.joint.type = {"slide": "prismatic", "hinge": "revolute"}[link.kind]
    moving.joint.pose_in_parent = moving.joint.pose_in_child = sapien.Pose(link.at, turn_x_to(link.axis))
    moving.joint.limit = [0.0, link.range]
    moving.joint.friction = JOINT_FRICTION
    moving.joint.set_drive_property(0.0, DAMPING)
    return entity


def _attach(
    scene: sapien.Scene, entity: Any, body: Any, pieces: Sequence[Piece], density: float, looks: dict[str, Any]
) -> None:
    physical = scene.create_physical_material(1.0, 1.0, 0.0)
    seen = sapien.render.RenderBodyComponent()
    for piece in pieces:
        solid = piece.geometry
        at = sapien.Pose(np.array(solid.at))
        shapes, visual = SHAPES[solid.shape](solid, 1.0, physical, looks[piece.finish])
        for shape in shapes:
            shape.local_pose = at * shape.local_pose
            shape.density = density
            body.attach(shape)
        visual.local_pose = at * visual.local_pose
        seen.attach(visual)
    entity.add_component(body)
    entity.add_component(seen)
