"""A room as USD with physics: metres, kilograms, z up; revolute limits in degrees, as UsdPhysics has them.

A thing that moves or is loose has rigid bodies side by side, never one in another: ``/room/fridge_0/base`` and
``/room/fridge_0/door_1``, with a joint to the world where it stands fast and a joint for each link. Both frames of a
joint are given. Walls and furniture without links are static colliders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import MissingExtraError
from ...sim.furnishings.makers import furnish
from ...sim.furnishings.model import FINISHES, Link, Piece
from ...sim.layout import Layout
from .bodies import Body, Maker, Mesh, bodies_of, floor_mesh, mesh_of
from .meshes import own_meshes

ROOM, LOOKS = "/room", "/room/looks"
BASE = "base"


def export_usd(layout: Layout, maker: Maker = furnish) -> dict[str, bytes]:
    """Returns {"room.usda": its content}, opened as the layout says.

    Args:
        layout: the room.
        maker: makes the furniture of an object.

    Raises:
        MissingExtraError: usd-core or shapely is not there.
    """
    try:
        from pxr import Usd, UsdGeom, UsdPhysics
    except ImportError as error:
        raise MissingExtraError("usd-core, which writes USD,", "rooms") from error
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, ROOM).GetPrim())
    UsdPhysics.Scene.Define(stage, f"{ROOM}/physics")
    for name in FINISHES:
        _finish(stage, name)
    floor = _mesh(stage, f"{ROOM}/floor", floor_mesh(layout.floor_plan.corners), "oak")
    UsdPhysics.CollisionAPI.Apply(floor.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(floor.GetPrim()).CreateApproximationAttr("none")
    bodies = bodies_of(layout, maker)
    hulls = {name: pieces for name, _, _, pieces in own_meshes(bodies)}
    for body in bodies:
        _body(stage, body, hulls)
    text: str = stage.GetRootLayer().ExportToString()
    return {"room.usda": text.encode()}


def _body(stage: Any, body: Body, hulls: dict[str, list[Mesh]]) -> None:
    """One thing: its Xform, its rigid bodies and its joints."""
    from pxr import UsdGeom, UsdPhysics

    path = f"{ROOM}/{body.name}"
    _place(UsdGeom.Xform.Define(stage, path), body.pose)
    rigid = body.movable or bool(body.furnishing.links)
    if body.furnishing.links:
        UsdPhysics.ArticulationRootAPI.Apply(stage.GetPrimAtPath(path))
    for name, pieces, link in body.parts():
        place = f"{path}/{link.name if link else BASE}"
        xform = UsdGeom.Xform.Define(stage, place)
        if link:
            _place(xform, link.motion(body.opened))
        if rigid and pieces:
            UsdPhysics.RigidBodyAPI.Apply(xform.GetPrim())
            UsdPhysics.MassAPI.Apply(xform.GetPrim()).CreateDensityAttr(body.furnishing.density)
        for number, piece in enumerate(pieces):
            _solid(stage, f"{place}/piece_{number}", piece, hulls.get(f"{name}_{number}", []))
        if link:
            frame = f"{path}/{BASE}" if body.furnishing.pieces else ""  # a room's door hangs in the world itself
            _joint(stage, f"{path}/{link.name}_joint", link, frame, place, body)
    if body.furnishing.links and not body.movable and body.furnishing.pieces:
        _fasten(stage, f"{path}/fixed", f"{path}/{BASE}", body)


def _joint(stage: Any, path: str, link: Link, frame: str, moving: str, body: Body) -> None:
    """The joint of a link. Both frames have the axis as their x."""
    from pxr import Gf, UsdPhysics

    kind, unit = (UsdPhysics.RevoluteJoint, 180 / math.pi) if link.kind == "hinge" else (UsdPhysics.PrismaticJoint, 1.0)
    joint = kind.Define(stage, path)
    joint.CreateAxisAttr("X")
    joint.CreateLowerLimitAttr(0.0)
    joint.CreateUpperLimitAttr(link.range * unit)
    turn = _turn_x_to(link.axis)
    here = Gf.Quatf(*turn)
    outer = Gf.Vec3f(*link.at)
    rotation = here
    if frame:
        joint.CreateBody0Rel().SetTargets([frame])
    else:
        point = body.pose @ np.array([*link.at, 1.0])
        outer = Gf.Vec3f(*point[:3].tolist())
        rotation = Gf.Quatf(*body.quaternion) * here
    joint.CreateBody1Rel().SetTargets([moving])
    joint.CreateLocalPos0Attr(outer)
    joint.CreateLocalRot0Attr(rotation)
    joint.CreateLocalPos1Attr(Gf.Vec3f(*link.at))
    joint.CreateLocalRot1Attr(here)


def _fasten(stage: Any, path: str, base: str, body: Body) -> None:
    """A joint that holds a body where it stands."""
    from pxr import Gf, UsdPhysics

    joint = UsdPhysics.FixedJoint.Define(stage, path)
    joint.CreateBody1Rel().SetTargets([base])
    joint.CreateLocalPos0Attr(Gf.Vec3f(*body.position))
    joint.CreateLocalRot0Attr(Gf.Quatf(*body.quaternion))
    joint.CreateLocalPos1Attr(Gf.Vec3f(0.0))
    joint.CreateLocalRot1Attr(Gf.Quatf(1.0))


def _solid(stage: Any, path: str, piece: Piece, hulls: Sequence[Mesh]) -> None:
    from pxr import Gf, UsdGeom, UsdPhysics

    geometry = piece.geometry
    if geometry.shape == "mesh":
        _mesh(stage, path, mesh_of(piece), piece.finish)
        for number, hull in enumerate(hulls):
            shape = _mesh(stage, f"{path}_hull_{number}", hull, piece.finish)
            shape.CreatePurposeAttr(UsdGeom.Tokens.guide)
            UsdPhysics.CollisionAPI.Apply(shape.GetPrim())
            UsdPhysics.MeshCollisionAPI.Apply(shape.GetPrim()).CreateApproximationAttr("convexHull")
        return
    if geometry.shape == "box":
        shape = UsdGeom.Cube.Define(stage, path)
        shape.CreateSizeAttr(2.0)
        scale = geometry.half
    else:
        shape = UsdGeom.Cylinder.Define(stage, path)
        shape.CreateAxisAttr("Z")
        shape.CreateRadiusAttr(geometry.half[0])
        shape.CreateHeightAttr(2 * geometry.half[1])
        scale = (1.0, 1.0, 1.0)
        shape.CreateExtentAttr(
            [(-geometry.half[0],) * 2 + (-geometry.half[1],), (geometry.half[0],) * 2 + (geometry.half[1],)]
        )
    UsdGeom.XformCommonAPI(shape).SetTranslate(Gf.Vec3d(*map(float, geometry.at)))
    UsdGeom.XformCommonAPI(shape).SetScale(Gf.Vec3f(*map(float, scale)))
    UsdPhysics.CollisionAPI.Apply(shape.GetPrim())
    _paint(shape, piece.finish)


def _mesh(stage: Any, path: str, mesh: Mesh, finish: str) -> Any:
    from pxr import UsdGeom

    corners, faces = mesh
    shape = UsdGeom.Mesh.Define(stage, path)
    shape.CreatePointsAttr([tuple(map(float, corner)) for corner in corners])
    shape.CreateFaceVertexCountsAttr([3] * len(faces))
    shape.CreateFaceVertexIndicesAttr([int(corner) for face in faces for corner in face])
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    shape.CreateExtentAttr([tuple(map(float, corners.min(0))), tuple(map(float, corners.max(0)))])
    _paint(shape, finish)
    return shape


def _finish(stage: Any, name: str) -> None:
    """A material of UsdPreviewSurface."""
    from pxr import Gf, Sdf, UsdShade

    look = FINISHES[name]
    material = UsdShade.Material.Define(stage, f"{LOOKS}/{name}")
    shader = UsdShade.Shader.Define(stage, f"{LOOKS}/{name}/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(*look.color))
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(look.roughness)
    shader.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(look.metallic)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")


def _paint(shape: Any, finish: str) -> None:
    from pxr import UsdShade

    material = UsdShade.Material.Get(shape.GetPrim().GetStage(), f"{LOOKS}/{finish}")
    UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)


def _place(xform: Any, pose: Any) -> None:
    from pxr import Gf

    xform.AddTransformOp().Set(Gf.Matrix4d(*np.asarray(pose).T.ravel().tolist()))  # USD's vectors are rows


def _turn_x_to(axis: Sequence[float]) -> tuple[float, float, float, float]:
    """The quaternion w, x, y, z that turns x onto a unit vector."""
    x, y, z = axis
    if x < -0.999:
        return 0.0, 0.0, 0.0, 1.0
    length = math.sqrt((1 + x) ** 2 + y * y + z * z)
    return (1 + x) / length, 0.0, -z / length, y / length
