"""Meshes beside a room's file, as Wavefront OBJ: the floor, and what users' own meshes are drawn and collide as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import MissingExtraError
from ...sim.furnishings.model import Piece
from ...sim.layout import Layout
from .bodies import Body, Mesh, floor_mesh, mesh_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = "meshes"


def obj(mesh: Mesh) -> bytes:
    """Returns a mesh as an .obj file."""
    corners, faces = mesh
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in corners]
    lines += [f"f {a} {b} {c}\n" for a, b, c in np.asarray(faces) + 1]
    return "".join(lines).encode()


def own_meshes(bodies: Sequence[Body]) -> Iterator[tuple[str, Piece, Mesh, list[Mesh]]]:
    """Yields (name, solid, its surface, its convex pieces) of every solid that is a user's mesh."""
    for body in bodies:
        for name, pieces, _ in body.parts():
            for number, piece in enumerate(pieces):
                if piece.geometry.shape == "mesh":
                    yield f"{name}_{number}", piece, mesh_of(piece), [_hull(points) for points in piece.geometry.pieces]


def mesh_files(layout: Layout, bodies: Sequence[Body]) -> tuple[dict[str, bytes], dict[str, int]]:
    """Returns the .obj files of the floor and of users' meshes, and the number of convex pieces of each of the latter.

    Args:
        layout: with the floor.
        bodies: of the room.

    Returns:
        {path: content}, and {name of a solid: its convex pieces, which are called <name>_0, <name>_1, ...}.
    """
    files = {f"{FOLDER}/floor.obj": obj(floor_mesh(layout.floor_plan.corners))}
    hulls: dict[str, int] = {}
    for name, _, surface, pieces in own_meshes(bodies):
        files[f"{FOLDER}/{name}.obj"] = obj(surface)
        files |= {f"{FOLDER}/{name}_{number}.obj": obj(piece) for number, piece in enumerate(pieces)}
        hulls[name] = len(pieces)
    return files, hulls


def _hull(points: NDArray[Any]) -> Mesh:
    """The surface of a convex piece."""
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("trimesh, which puts hulls around points,", "rooms") from error
    hull = trimesh.Trimesh(points, process=False).convex_hull
    return np.array(hull.vertices), np.array(hull.faces)
