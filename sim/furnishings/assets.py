"""A user's folder of meshes as furniture: one subfolder a class, and the nearest by size is taken and brought to size.

``my meshes/dining table/oak.glb`` is a dining table. GLB, glTF and OBJ have y up and fronts towards +z, PLY and STL
have z up and fronts towards -y; one unit is a metre. What differs stands in ``assets.json`` of the folder:
``{"dining table/oak.glb": {"up": "z", "front": "x", "unit": 0.01, "licence": "CC0"}}``. Where it names no licence, the
first line of a file LICENSE or LICENCE beside the mesh or above it does.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InteractiveActionError
from ...files import StrPath, parse_json, path_inside, read_text
from ..furniture import CATEGORIES
from ..geometry import Geometry, Placement, Vector
from ..layout import Layout, LayoutObject
from ..meshes import CONVEX, PIECES, SUFFIXES, Z_UP, convex_pieces, read
from ..user_files import version, with_named
from .makers import furnish
from .model import Furnishing, Piece

CATALOGUE = "assets.json"
FIELDS = ("front", "licence", "unit", "up")
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")
UNKNOWN = "licence unknown"
DIRECTIONS = {f"{sign}{axis}": (-1 if sign else 1, number) for number, axis in enumerate("xyz") for sign in ("", "-")}
SMALLEST, LARGEST = 0.01, 10.0  # metres of a side: what is smaller or larger was meant in another unit
STRETCH = 1.25  # by how much a side may be stretched or shrunk
MOST = 5000  # meshes of a folder
DENSITY = 100.0  # kg/m3, of convex pieces that are mostly hollow
FINISH = "oak"  # where an engine draws no textures


@dataclass(frozen=True)
class Asset:
    """A mesh that can stand for furniture of one class.

    Args:
        name: of its file, relative to the folder, with "/".
        path: of its file.
        category: its class.
        size: width, depth and height in metres.
        turn: (3, 3) rows of numbers, which turn its axes into a layout's.
        unit: metres of its unit.
        middle: the middle of its underside in its own axes and unit, after ``turn``.
        licence: what may be done with it.
    """

    name: str
    path: pathlib.Path
    category: str
    size: Vector
    turn: tuple[Vector, Vector, Vector]
    unit: float
    middle: Vector
    licence: str

    def stretch(self, size: Sequence[float]) -> np.ndarray:
        """Returns by how much its sides (3,) are scaled to have a size."""
        return np.array(size) / self.size


def read_assets(folder: StrPath) -> tuple[Asset, ...]:
    """Returns the meshes of a folder whose subfolders are called as classes are ("double bed" or "double_bed").

    Raises:
        InteractiveActionError: no folder is of a class, a mesh cannot be read or has no volume or another unit, or the
            catalogue names what there is not.
        MissingExtraError: trimesh is not there.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InteractiveActionError(f"There is no folder {folder.name!r}. Give the one that holds the meshes.")
    catalogue = _catalogue(folder)
    assets = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        category = place.name.replace("_", " ").lower()
        if category in CATEGORIES:
            for path in sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES):
                name = path.relative_to(folder).as_posix()
                assets.append(_asset(folder, name, category, catalogue.get(name, {})))
                if len(assets) > MOST:
                    raise InteractiveActionError(f"{folder.name} holds more than {MOST} meshes. Split it.")
    if not assets:
        raise InteractiveActionError(
            f"{folder.name} holds no meshes in folders that are called as classes are. Put them into folders such as "
            f"{', '.join(list(CATEGORIES)[:4])}."
        )
    missing = sorted(set(catalogue) - {asset.name for asset in assets})
    if missing:
        raise InteractiveActionError(
            f"{CATALOGUE} names {missing[0]!r}, which is no mesh of a class in {folder.name}. Correct its name."
        )
    return tuple(assets)


def nearest(assets: Sequence[Asset], item: LayoutObject) -> Asset | None:
    """Returns the mesh that stands for an object: the one that it names, or the nearest by size of its class.

    Args:
        assets: to choose from.
        item: whose ``asset`` may be a mesh's name.

    Returns:
        None if each mesh of the class would be stretched by more than ``STRETCH`` along a side.
    """
    chosen = next((asset for asset in assets if item.asset and asset.name == item.asset), None)
    if chosen is not None:
        return chosen
    own = [asset for asset in assets if asset.category == item.category]
    own.sort(key=lambda asset: float(np.square(np.log(asset.stretch(item.size))).sum()))
    return next((asset for asset in own if np.abs(np.log(asset.stretch(item.size))).max() <= math.log(STRETCH)), None)


def with_assets(layout: Layout, assets: Sequence[Asset]) -> Layout:
    """Returns the room whose things bear the names of the meshes that stand for them; "" where none is near."""
    chosen = ((item, nearest(assets, item)) for item in layout.objects)
    objects = tuple(dataclasses.replace(item, asset=asset.name if asset else "") for item, asset in chosen)
    return dataclasses.replace(layout, objects=objects)


def asset_maker(assets: Sequence[Asset]) -> Callable[[LayoutObject], Furnishing]:
    """Returns what makes an object from the nearest mesh, or from this pack's own solids where none is near."""

    def make(item: LayoutObject) -> Furnishing:
        asset = nearest(assets, item)
        if asset is None:
            return furnish(item)
        return _furnishing(asset, item.size, version(with_named(asset.path)))

    return make


@functools.lru_cache(64)
def _furnishing(asset: Asset, size: Vector, _version: Any) -> Furnishing:
    """A mesh brought to size; cut into convex pieces, which takes seconds, only once."""
    turn = np.array(asset.turn)
    stretch = asset.stretch(size)
    scale = asset.unit * np.abs(turn.T) @ stretch  # along the mesh's own axes
    offset = -np.array(asset.middle) * asset.unit * stretch
    corners, faces = read(asset.path)
    solid = Geometry(
        "mesh",
        file=str(asset.path),
        pieces=_pieces(corners * scale @ turn.T + offset, faces, asset.name),
        placement=Placement(turn, offset, scale),
        size=tuple(value / 2 for value in size),
    )
    return Furnishing((Piece(solid, FINISH),), density=DENSITY, licence=f"{asset.name}: {asset.licence}")


def _pieces(corners: np.ndarray, faces: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
    """The corners (points, 3) of convex pieces. Furniture is often built of boards, which need no cutting."""
    import trimesh

    mesh: Any = trimesh.Trimesh(corners, faces)
    boards = mesh.split(only_watertight=True)
    if 0 < len(boards) <= PIECES and sum(len(board.faces) for board in boards) == len(mesh.faces):
        hulls = [board.convex_hull for board in boards]
        if all(board.volume > CONVEX * hull.volume for board, hull in zip(boards, hulls)):
            return tuple(np.array(hull.vertices) for hull in hulls)
    return tuple(convex_pieces(corners, faces, name))


def _asset(folder: pathlib.Path, name: str, category: str, row: dict[str, Any]) -> Asset:
    path = path_inside(folder, name, "mesh")
    z_up = path.suffix.lower() in Z_UP
    turn = _turn(row.get("up", "z" if z_up else "y"), row.get("front", "-y" if z_up else "z"), name)
    unit = row.get("unit", 1.0)
    if isinstance(unit, bool) or not isinstance(unit, (int, float)) or not 1e-4 <= unit <= 1e3:
        raise InteractiveActionError(f"The unit of {name!r} is {unit!r}. Give its metres: 0.01 for centimetres.")
    corners, faces = read(path)
    if not len(faces) or not np.isfinite(corners).all():
        raise InteractiveActionError(
            f"The mesh {name!r} has no faces, or corners that are no numbers. Export it again."
        )
    corners = corners @ turn.T
    low, high = corners.min(0), corners.max(0)
    size = (high - low) * unit
    if size.min() < SMALLEST / 10 or not SMALLEST <= size.max() <= LARGEST:
        raise InteractiveActionError(
            f"The mesh {name!r} is {' x '.join(f'{side:.3g}' for side in size)} m large. Give its unit in {CATALOGUE} "
            "if it is not in metres, and thickness if it has none."
        )
    width, depth, height = size.tolist()
    middle = ((low + high) / 2).tolist()
    rows = turn.tolist()
    licence = str(row.get("licence") or _licence(folder, path))
    return Asset(
        name,
        path,
        category,
        (width, depth, height),
        (tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
        float(unit),
        (middle[0], middle[1], float(low[2])),
        licence,
    )


def _turn(up: Any, front: Any, name: str) -> np.ndarray:
    """The matrix (3, 3) that turns a mesh with these directions to z up and a front towards -y."""
    for what, value in (("up", up), ("front", front)):
        if value not in DIRECTIONS:
            raise InteractiveActionError(f"{what} of {name!r} is {value!r}. Choose one of: {', '.join(DIRECTIONS)}.")
    upward, back = np.zeros(3), np.zeros(3)
    sign, axis = DIRECTIONS[up]
    upward[axis] = sign
    sign, axis = DIRECTIONS[front]
    back[axis] = -sign
    if upward @ back:
        raise InteractiveActionError(f"up and front of {name!r} are {up} and {front}, along one axis. Choose two axes.")
    return np.array([np.cross(back, upward), back, upward])


def _catalogue(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    path = folder / CATALOGUE
    data = parse_json(read_text(path), CATALOGUE) if path.is_file() else {}
    if not isinstance(data, dict) or not all(
        isinstance(row, dict) and set(row) <= set(FIELDS) for row in data.values()
    ):
        raise InteractiveActionError(
            f"{CATALOGUE} of {folder.name} must name meshes, each with some of: {', '.join(FIELDS)}. Correct it."
        )
    return data


def _licence(folder: pathlib.Path, path: pathlib.Path) -> str:
    """The first line of the licence that is nearest to a mesh, from its own folder upwards."""
    root = folder.resolve()
    for place in path.parents:
        for name in LICENCES:
            if (place / name).is_file():
                return next((line.strip() for line in read_text(place / name).splitlines() if line.strip()), UNKNOWN)
        if place == root:
            break
    return UNKNOWN
