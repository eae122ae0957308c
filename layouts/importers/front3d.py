"""Houses of 3D-FRONT (Fu et al. 2021a), with sizes and classes of 3D-FUTURE (Fu et al. 2021b).

A JSON in metres, y up, right-handed: ``scene.room`` lists the children of each room by ``ref``: ``furniture`` (by
``uid``, valid ones alone) and ``mesh`` (floors, walls, doors, windows). A child has ``pos`` (of furniture the middle of
its underside), ``rot`` (quaternion x, y, z, w) and ``scale``. A mesh's ``xyz`` are in the house's axes already: what
its child says is not applied, as in ATISS.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import InteractiveActionError
from ...files import StrPath, parse_json, read_text
from .assembling import Piece, Shell, assemble, tidy_name, together
from .floors import opening_at, union
from .reading import (
    MOST_PIECES,
    Imported,
    entries,
    field,
    from_y_up,
    read_json,
    vector,
    yaw_about_y,
)

Point3 = tuple[float, float, float]
SMALLEST, LARGEST = 1e-5, 5.0  # of a scale: as ATISS has them
MODEL = "raw_model.obj"
LONGEST_MODEL = 512 * 2**20  # bytes of a 3D-FUTURE mesh


def import_3d_front(path: StrPath, future: StrPath | None = None) -> Imported:
    """Returns the rooms of a house of 3D-FRONT.

    Args:
        path: of the house's JSON.
        future: folder of 3D-FUTURE with ``model_info.json`` and meshes; None: the house's own sizes and titles.

    Raises:
        InteractiveActionError: it is of another format, an axis is mirrored, or a number in it is wrong.
        MissingExtraError: shapely is not there.
    """
    where = pathlib.Path(path).name
    data = read_json(path)
    scene = field(data, "scene", dict, where)
    furniture = {
        field(row, "uid", str, f"Furniture {number} of {where}"): row
        for number, row in enumerate(entries(data, "furniture", where))
        if row.get("valid", True)
    }
    meshes = {field(row, "uid", str, f"Mesh {n} of {where}"): row for n, row in enumerate(entries(data, "mesh", where))}
    models = _Models(future)
    seen: set[str] = set()
    parts = []
    for number, room in enumerate(entries(scene, "room", f"scene of {where}")):
        name = str(room.get("instanceid", number))
        if name not in seen:  # releases list some rooms twice
            seen.add(name)
            parts.append(_room(room, furniture, meshes, models, f"Room {name} of {where}"))
    return together(parts, where)


def _room(room: Any, furniture: dict[str, Any], meshes: dict[str, Any], models: _Models, where: str) -> Imported:
    children = entries(room, "children", where)
    own = [meshes[ref] for child in children if (ref := str(child.get("ref"))) in meshes]
    floors = [mesh for mesh in own if _type(mesh) == "floor"]
    if not floors:
        return Imported((), (f"{where} is left out: it has no mesh of the type 'Floor'.",))
    triangles = [triangle for mesh in floors for triangle in _triangles(mesh, f"The floor of {where}")]
    level = min(point[2] for triangle in triangles for point in triangle)
    corners = union([[point[:2] for point in triangle] for triangle in triangles], where)
    tops = [point[2] for mesh in own if "wall" in _type(mesh) for point in _points(mesh, f"A wall of {where}")]
    height = max(tops) - level if tops else None
    openings = []
    for mesh in own:
        kind = next((kind for kind in ("door", "window") if _type(mesh) == kind), None)
        if kind:
            points = [(x, y, z - level) for x, y, z in _points(mesh, f"A {kind} of {where}")]
            opening = opening_at(corners, points, kind, height or 2.6)
            openings += [opening] if opening else []
    pieces, notes = [], []
    for number, child in enumerate(children):
        row = furniture.get(str(child.get("ref")))
        if row is not None:
            piece = _piece(row, child, models, f"Thing {number} of {where}")
            if isinstance(piece, Piece):
                pieces.append(piece)
            else:
                notes.append(piece)
    if pieces and all(piece.position[2] + piece.size[2] < level - 0.1 for piece in pieces):
        raise InteractiveActionError(
            f"All things of {where} lie below its floor: y points down. Mirror that axis first."
        )
    shell = Shell(corners, level, field(room, "type", str, where), openings, height)
    about: dict[str, str | float] = {"format": "3D-FRONT", "file": tidy_name(where)}
    found = assemble(shell, pieces, about, where)
    return found._replace(notes=(*found.notes, *notes))


def _piece(row: Any, child: Any, models: _Models, where: str) -> Piece | str:
    """The thing, or a sentence why it is left out."""
    scale = vector(field(child, "scale", list, where), 3, f"The scale of {where}")
    if not all(SMALLEST <= abs(value) <= LARGEST for value in scale):
        return f"{where} is left out: its scale is {scale}."
    if min(scale) < 0:
        raise InteractiveActionError(f"{where} is mirrored: its scale is {scale}. Mirror the thing back.")
    jid = str(row.get("jid", ""))
    size = models.size(jid) or _size(row, where)
    if size is None:
        return f"{where} is left out: neither the house nor 3D-FUTURE says how large {jid!r} is."
    width, height, depth = (value * factor for value, factor in zip(size, scale))
    position = from_y_up(vector(field(child, "pos", list, where), 3, f"The position of {where}"))
    yaw = yaw_about_y(vector(field(child, "rot", list, where), 4, f"The rotation of {where}"))
    name = models.category(jid) or str(row.get("title") or row.get("category") or "")
    return Piece(name, (width, depth, height), position, yaw, jid)


def _size(row: Any, where: str) -> Sequence[float] | None:
    if row.get("size") is not None:
        return vector(row["size"], 3, f"The size of {where}")
    if isinstance(row.get("bbox"), list) and len(row["bbox"]) == 2:  # lowest and highest corner
        low, high = (vector(corner, 3, f"The bbox of {where}") for corner in row["bbox"])
        return [b - a for a, b in zip(low, high)]
    return vector(row["bbox"], 3, f"The bbox of {where}") if row.get("bbox") is not None else None


def _type(mesh: Any) -> str:
    return str(mesh.get("type", "")).strip().lower()


def _points(mesh: Any, where: str) -> list[Point3]:
    numbers = field(mesh, "xyz", list, where)
    if len(numbers) % 3 or len(numbers) > 3 * MOST_PIECES:
        raise InteractiveActionError(f"xyz of {where} has {len(numbers)} numbers. It must be three a corner.")
    return [from_y_up(vector(numbers[k : k + 3], 3, f"A corner of {where}")) for k in range(0, len(numbers), 3)]


def _triangles(mesh: Any, where: str) -> Iterator[list[Point3]]:
    points, faces = _points(mesh, where), field(mesh, "faces", list, where)
    if len(faces) % 3 or len(faces) > 3 * MOST_PIECES:
        raise InteractiveActionError(f"faces of {where} has {len(faces)} numbers. It must be three a triangle.")
    if not all(isinstance(corner, int) and 0 <= corner < len(points) for corner in faces):
        raise InteractiveActionError(f"faces of {where} names corners that there are not. Export the house again.")
    for k in range(0, len(faces), 3):
        yield [points[corner] for corner in faces[k : k + 3]]


class _Models:
    """Classes and sizes of 3D-FUTURE, read when they are asked for.

    Args:
        folder: with ``model_info.json``; None: it is not there, and knows nothing.
    """

    def __init__(self, folder: StrPath | None) -> None:
        self.folder = pathlib.Path(folder) if folder else None
        self._sizes: dict[str, tuple[float, float, float] | None] = {}
        self._categories: dict[str, str] = {}
        if self.folder:
            info = parse_json(read_text(self.folder / "model_info.json"), "model_info.json")
            for row in info if isinstance(info, list) else ():
                name = " / ".join(str(row[key]) for key in ("category", "super-category") if row.get(key))
                self._categories[field(row, "model_id", str, "A row of model_info.json")] = name

    def category(self, jid: str) -> str:
        """Returns class and super-class of a model; empty: not known."""
        return self._categories.get(jid, "")

    def size(self, jid: str) -> tuple[float, float, float] | None:
        """Returns width, height and depth of a model's mesh, in metres; None: there is no mesh."""
        if jid not in self._sizes:
            self._sizes[jid] = self._measured(jid)
        return self._sizes[jid]

    def _measured(self, jid: str) -> tuple[float, float, float] | None:
        path = self.folder / jid / MODEL if self.folder and jid and "/" not in jid and ".." not in jid else None
        if path is None or not path.is_file() or path.stat().st_size > LONGEST_MODEL:
            return None
        low, high = [float("inf")] * 3, [float("-inf")] * 3
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("v "):
                    for axis, word in enumerate(line.split()[1:4]):
                        value = vector([_number(word)], 1, f"A corner of the model {jid!r}")[0]
                        low[axis], high[axis] = min(low[axis], value), max(high[axis], value)
        return (high[0] - low[0], high[1] - low[1], high[2] - low[2]) if high[0] >= low[0] else None


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
