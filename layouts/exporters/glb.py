"""A room as binary glTF 2.0: metres, y up, a node for each thing and each link of it, opened as the layout says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import MissingExtraError
from ...sim.furnishings.makers import furnish
from ...sim.furnishings.model import FINISHES, Link, Piece
from ...sim.layout import Layout
from .bodies import Body, Maker, bodies_of, floor_mesh, mesh_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Y_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
ROOM = "room"  # the node that turns z up into y up


def export_glb(layout: Layout, maker: Maker = furnish) -> dict[str, bytes]:
    """Returns {"room.glb": its content}.

    A node's extras hold class and joint: {"category", "opened"} and {"joint", "axis", "at", "range"}, in the thing's
    axes.

    Args:
        layout: the room.
        maker: makes the furniture of an object.

    Raises:
        MissingExtraError: trimesh or shapely is not there.
    """
    return {"room.glb": glb_bytes(bodies_of(layout, maker), layout)}


def glb_bytes(bodies: Sequence[Body], layout: Layout | None = None, from_inside: bool = False) -> bytes:
    """Returns bodies, and the floor of a layout, as the content of a .glb file.

    Args:
        bodies: what is in it.
        layout: whose floor is in it; None: no floor.
        from_inside: whether walls are their inner sides alone, which are not seen from outside: one looks into the
            room from anywhere. For viewers, not for physics.

    Raises:
        MissingExtraError: trimesh or shapely is not there.
    """
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("trimesh, which writes GLB,", "rooms") from error
    scene: Any = trimesh.Scene()
    scene.graph.update(ROOM, matrix=Y_UP)
    if layout is not None:
        floor = _painted(trimesh.Trimesh(*floor_mesh(layout.floor_plan.corners), process=False), "oak")
        scene.add_geometry(floor, node_name="floor", geom_name="floor", parent_node_name=ROOM)
    for body in bodies:
        about = {"category": body.category, "opened": body.opened}
        scene.graph.update(body.name, ROOM, matrix=body.pose, metadata=about)
        for name, pieces, link in body.parts():
            if link is not None:
                scene.graph.update(name, body.name, matrix=link.motion(body.opened), metadata=_joint(link))
            for label, mesh in _surfaces(pieces, from_inside and body.category == "wall"):
                scene.add_geometry(mesh, f"{name}/{label}", f"{name}/{label}", parent_node_name=name)
    data: bytes = scene.export(file_type="glb")
    return data


def _joint(link: Link) -> dict[str, Any]:
    return {"joint": link.kind, "axis": list(link.axis), "at": list(link.at), "range": link.range}


def _surfaces(pieces: Sequence[Piece], front_alone: bool = False) -> list[tuple[str, Any]]:
    """(label, mesh) of solids: one of each finish, and users' meshes with their own colors."""
    import trimesh

    surfaces = []
    for finish in dict.fromkeys(piece.finish for piece in pieces):
        plain = [mesh_of(piece) for piece in pieces if piece.finish == finish and piece.geometry.shape != "mesh"]
        if plain:
            joined: Any = trimesh.util.concatenate([trimesh.Trimesh(*mesh, process=False) for mesh in plain])
            if front_alone:
                joined.update_faces(joined.face_normals[:, 1] < -0.5)
            joined.unmerge_vertices()  # flat sides need normals of their own
            surfaces.append((finish, _painted(joined, finish)))
    for number, piece in enumerate(pieces):
        if piece.geometry.placement is not None:
            mesh: Any = trimesh.load(piece.geometry.file, force="mesh")
            turn, offset, scale = piece.geometry.placement
            transform: NDArray[Any] = np.eye(4)
            transform[:3, :3], transform[:3, 3] = turn * scale, offset
            surfaces.append((f"mesh_{number}", mesh.apply_transform(transform)))
    return surfaces


def _painted(mesh: Any, finish: str) -> Any:
    import trimesh

    visual: Any = trimesh.visual
    look = FINISHES[finish]
    color = [round(255 * value) for value in (*look.color, 1.0)]
    material = visual.material.PBRMaterial(
        name=finish, baseColorFactor=color, metallicFactor=look.metallic, roughnessFactor=look.roughness
    )
    mesh.visual = visual.TextureVisuals(material=material)
    return mesh
