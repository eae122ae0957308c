"""Scene states as SceneEval (Tam et al. 2026) reads them, a JSON: metres, z up, right-handed.

``scene.arch.elements`` are floors and walls with holes, by ``roomId``; ``scene.object`` names models ("source.id") and
their transforms, 16 numbers column by column. What a model is and how large stands in no state: it comes from a table
``models.json`` beside it, ``{modelId: {category, size (width, depth, height), up, front}}``, as our exporter writes.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from ...errors import InteractiveActionError
from ...files import StrPath
from ...sim.layout import Opening
from ...sim.polygons import Point
from .assembling import Piece, Shell, assemble, tidy_name, together
from .floors import inside, opening_at, outline
from .reading import LEVEL, Imported, entries, field, read_json, rows, vector

TABLE = "models.json"
KINDS = {"door": "door", "window": "window", "passage": "passage", "opening": "passage"}


def import_scene_eval(path: StrPath, models: StrPath | None = None) -> Imported:
    """Returns the rooms of a scene state.

    Args:
        path: of the file.
        models: the table of models; None: ``models.json`` beside it.

    Raises:
        InteractiveActionError: it is of another format, an axis is mirrored, or a number in it is wrong.
    """
    path = pathlib.Path(path)
    where = path.name
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != "sceneState":
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise InteractiveActionError(f"{where} has the format {found!r}, and 'sceneState' is expected. Choose another.")
    scene = field(data, "scene", dict, where)
    up = vector(scene.get("up", [0, 0, 1]), 3, f"up of {where}")
    if up != (0.0, 0.0, 1.0):
        raise InteractiveActionError(f"{where} has its up along {up}. Turn it until z is up, (0, 0, 1).")
    elements = entries(field(scene, "arch", dict, where), "elements", f"arch of {where}")
    table = read_json(models or path.parent / TABLE)
    pieces, notes = [], []
    for number, row in enumerate(entries(scene, "object", where)):
        name = field(row, "modelId", str, f"Object {number} of {where}")
        model = table.get(name) if isinstance(table, dict) else None
        if model is None:
            notes.append(f"{where}: the model {name!r} is not in {TABLE} and is left out.")
        else:
            pieces.append(_piece(name, model, row, f"Object {number} of {where}"))
    parts = [_room(element, elements, pieces, where) for element in elements if element.get("type") == "Floor"]
    found = together(parts, where)
    return found._replace(notes=(*found.notes, *notes))


def _room(floor: Any, elements: list[Any], pieces: list[Piece], where: str) -> Imported:
    name = str(floor.get("roomId", floor.get("id", "")))
    where = f"Room {name!r} of {where}"
    points = [vector(row, 3, f"A corner of {where}") for row in rows(floor, "points", where)]
    if not points:
        raise InteractiveActionError(f"The floor of {where} has no points. Write them again.")
    level = min(point[2] for point in points)
    corners = outline([(point[0], point[1]) for point in points], where)
    walls = [row for row in elements if row.get("type") == "Wall"]
    walls = [wall for wall in walls if str(wall.get("roomId")) == name]
    heights = [vector([wall.get("height")], 1, f"The height of a wall of {where}")[0] for wall in walls]
    height = max(heights, default=2.6)
    openings = [hole for wall in walls for hole in _holes(wall, corners, level, height, where)]
    own = [piece for piece in pieces if inside(corners, piece.position[:2])] if _several(elements) else pieces
    room_type = str(floor.get("roomType", name))
    about: dict[str, str | float] = {"format": "SceneEval", "file": tidy_name(where)}
    return assemble(Shell(corners, level, room_type, openings, height), own, about, where)


def _several(elements: list[Any]) -> bool:
    kinds = [element.get("type") for element in elements]
    return kinds.count("Floor") > 1


def _holes(wall: Any, corners: tuple[Point, ...], level: float, height: float, where: str) -> list[Opening]:
    ends = [np.array(vector(point, 3, f"A wall of {where}")) for point in rows(wall, "points", f"a wall of {where}")]
    if len(ends) != 2 or np.linalg.norm(ends[1] - ends[0]) < 1e-3:
        raise InteractiveActionError(f"A wall of {where} needs two points apart from one another. It has {len(ends)}.")
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    openings = []
    for hole in entries(wall, "holes", f"a wall of {where}") if wall.get("holes") else ():
        box = field(hole, "box", dict, f"a hole of {where}")
        low, high = (vector(box.get(name), 2, f"A hole of {where}") for name in ("min", "max"))
        kind = KINDS.get(str(hole.get("type", "")).lower(), "passage")
        points = [[*(ends[0] + along * x)[:2], ends[0][2] + z - level] for x, z in (low, high)]
        opening = opening_at(corners, points, kind, height)
        openings += [opening] if opening else []
    return openings


def _piece(name: str, model: Any, row: Any, where: str) -> Piece:
    transform = field(row, "transform", dict, where)
    values = vector(transform.get("data"), 16, f"The transform of {where}")
    matrix = np.array(values).reshape(4, 4).T  # column by column
    linear = matrix[:3, :3]
    if np.linalg.det(linear) <= 1e-9:
        raise InteractiveActionError(
            f"{where} is mirrored: the determinant of its transform is {np.linalg.det(linear):.3g} and must be "
            "positive. Mirror the thing back."
        )
    size = np.array(vector(field(model, "size", list, f"The model {name!r}"), 3, f"The size of the model {name!r}"))
    up = np.array(vector(model.get("up", [0, 0, 1]), 3, f"up of the model {name!r}"))
    front = np.array(vector(model.get("front", [0, -1, 0]), 3, f"front of the model {name!r}"))
    own = np.stack([np.cross(-front, up), -front, up], 1)  # its width, depth and height in its own axes
    if not np.allclose(own.T @ own, np.eye(3), atol=1e-3):
        raise InteractiveActionError(f"up and front of the model {name!r} are not at right angles. Correct {TABLE}.")
    axes = linear @ own
    scale = np.linalg.norm(axes, axis=0)
    axes = axes / scale
    tilted = float(np.arccos(np.clip(axes[2, 2], -1, 1))) > LEVEL
    yaw = None if tilted else float(np.arctan2(axes[1, 0], axes[0, 0]))
    width, depth, height = (size * scale).tolist()
    x, y, z = matrix[:3, 3].tolist()
    return Piece(field(model, "category", str, f"The model {name!r}"), (width, depth, height), (x, y, z), yaw, name)
