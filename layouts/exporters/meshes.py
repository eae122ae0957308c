"""Meshes beside a room's file, as Wavefront OBJ: the floor, and what users' own meshes are drawn and collide as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import MissingExtraError
from ...sim.furnishings.model import Piece
from .bodies import Body, Mesh, mesh_of

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


def _hull(points: NDArray[Any]) -> Mesh:
    """The surface of a convex piece."""
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("trimesh, which puts hulls around points,", "rooms") from error
    hull = trimesh.Trimesh(points, process=False).convex_hull
    return np.array(hull.vertices), np.array(hull.faces)
