"""An object of one's own, from a mesh file: brought to size, set upright, cut into the convex pieces that collide."""

from __future__ import annotations

import functools
import os
import pathlib
from typing import Any

import numpy as np

from ..errors import InteractiveActionError, MissingExtraError
from .geometry import Geometry, Placement
from .object_spec import Grip, ObjectSpec
from .user_files import version, with_named

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
Z_UP = (".ply", ".stl")  # as CAD and scanners write them; glTF demands y, and drawing programs write .obj with y
UPS = ("auto", "y", "z")
SMALLEST, LARGEST = 0.02, 0.5  # meters of the longest side
THINNEST = 0.002  # meters of the shortest
CONVEX = 0.9  # share of its hull that a mesh must fill to collide as one piece
PIECES = 24


def read(path: str | pathlib.Path, process: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(corners (n, 3), faces (m, 3)) of a mesh file. process: whether corners at one place become one."""
    try:
        import trimesh
    except ImportError as error:
        raise MissingExtraError("trimesh, which reads meshes,", "mesh") from error
    try:
        mesh: Any = trimesh.load(path, force="mesh", process=process)
        return np.array(mesh.vertices, float), np.array(mesh.faces, int)
    except Exception as error:  # the readers of so many formats raise whatever they like
        name = pathlib.Path(path).name
        raise InteractiveActionError(
            f"The mesh {name!r} cannot be read: {type(error).__name__}: {error}. Export it again, best as .glb."
        ) from error


def mesh_object(path: str | pathlib.Path, size: float, up: str) -> ObjectSpec:
    """The ``ObjectSpec`` of a mesh file, ``size`` meters along its longest side, whose axis ``up`` points upwards.

    "auto" goes by its format: see ``Z_UP``. Its narrower side lies across, for the fingers. Concave meshes are cut by
    CoACD if that is installed; otherwise the hull collides, and a hollow object is as good as full.
    """
    if up == "auto":
        up = "z" if pathlib.Path(path).suffix.lower() in Z_UP else "y"
    return _measured(str(path), version(files(path)), size, up)


def files(path: str | pathlib.Path) -> list[pathlib.Path]:
    """The paths of a mesh file and of those that it names."""
    path = pathlib.Path(path)
    if not os.path.isfile(path):
        raise InteractiveActionError(
            f"There is no mesh {path.name!r} in {path.parent}. Put it there, or leave the name empty."
        )
    return with_named(path)


@functools.lru_cache(4)
def _measured(path: str, _version: tuple[tuple[str, str], ...], size: float, up: str) -> ObjectSpec:
    name = pathlib.Path(path).name
    corners, faces = read(path)
    if not len(faces) or not np.isfinite(corners).all():
        raise InteractiveActionError(
            f"The mesh {name!r} has no faces, or corners that are no numbers. Export it again, best as .glb."
        )
    turn = np.eye(3) if up == "z" else np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    if np.ptp(corners @ turn.T, axis=0)[0] < np.ptp(corners @ turn.T, axis=0)[1]:
        turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float) @ turn
    corners = corners @ turn.T
    scale = size / np.ptp(corners, axis=0).max()
    low, high = corners.min(0), corners.max(0)
    offset = -scale * np.array([*(low + high)[:2] / 2, low[2]])
    corners = corners * scale + offset
    half = np.ptp(corners, axis=0) / 2
    if 2 * half.min() < THINNEST:
        raise InteractiveActionError(
            f"The mesh {name!r} has no volume: at this size it is {2000 * half.min():.1f} mm thin. Give it thickness."
        )
    part = Geometry(
        "mesh",
        file=str(path),
        pieces=convex_pieces(corners, faces, name),
        placement=Placement(turn, offset, scale),
        size=tuple(half),
    )
    return ObjectSpec((part,), Grip(half[2], yaw_symmetry=2, height_tolerance=0.1), surface=min(half[:2]))


def convex_pieces(corners: np.ndarray, faces: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
    """Returns the corners (points, 3) of the convex pieces that a mesh collides as; ``name`` is for a sentence."""
    import trimesh

    mesh = trimesh.Trimesh(corners, faces)
    try:
        hull = mesh.convex_hull
    except Exception as error:  # Qhull's own
        raise InteractiveActionError(
            f"The mesh {name!r} has no volume: no hull can be put around it. Give it thickness."
        ) from error
    if mesh.volume > CONVEX * hull.volume:
        return (np.array(hull.vertices),)
    try:
        import coacd
    except ImportError:
        return (np.array(hull.vertices),)
    coacd.set_log_level("error")
    cut = coacd.run_coacd(coacd.Mesh(mesh.vertices, mesh.faces), threshold=0.08, max_convex_hull=PIECES)
    return tuple(np.array(corners) for corners, _ in cut)
