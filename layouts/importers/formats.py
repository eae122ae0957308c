"""All importers by name, and which one a file needs."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from ...errors import InteractiveActionError
from ...files import StrPath
from ...sim.layout import SCHEMA, load_layouts
from .boxes_npz import import_boxes
from .front3d import import_3d_front
from .procthor import import_procthor
from .reading import Imported, read_json
from .respace import import_respace
from .scene_eval import import_scene_eval

Importer = Callable[..., Imported]

FORMATS: dict[str, Importer] = {
    "3D-FRONT": import_3d_front,
    "boxes.npz": import_boxes,
    "ProcTHOR": import_procthor,
    "SceneEval": import_scene_eval,
    "ReSpace": import_respace,
}
TABLES = {"3D-FRONT": "future", "boxes.npz": "stats", "ProcTHOR": "assets", "SceneEval": "models"}
"""What an importer calls the file or folder that it reads sizes and classes from."""


def import_rooms(path: StrPath, kind: str = "auto", table: StrPath | None = None) -> Imported:
    """Returns the rooms of a file of any format.

    Args:
        path: of the file, or of a folder with ``boxes.npz``.
        kind: a name of ``FORMATS``, or "auto" to go by what the file holds.
        table: 3D-FUTURE's folder, ``dataset_stats.txt``, ``asset-database.json`` or ``models.json``; see ``TABLES``.

    Raises:
        InteractiveActionError: there is no such format, or the importer's sentence.
        MissingExtraError: a library is not there.
    """
    if kind == "auto":
        kind = format_of(path)
        if kind == SCHEMA:
            return Imported(tuple(load_layouts(path)), ())
    if kind not in FORMATS:
        raise InteractiveActionError(f"There is no format {kind!r}. Choose one of: auto, {', '.join(FORMATS)}.")
    tables = {TABLES[kind]: table} if table and kind in TABLES else {}
    return FORMATS[kind](path, **tables)


def format_of(path: StrPath) -> str:
    """Returns the name of the format of a file; our own schema's name if it is one of ours.

    Raises:
        InteractiveActionError: it cannot be read, or is of none of these formats.
    """
    path = pathlib.Path(path)
    if path.is_dir() or path.suffix.lower() == ".npz":
        return "boxes.npz"
    if path.suffix.lower() in (".jsonl", ".gz"):
        return SCHEMA if path.suffix.lower() == ".jsonl" and _is_ours(path) else "ProcTHOR"
    data = read_json(path)
    fields: set[Any] = set(data) if isinstance(data, dict) else set()
    if "schema" in fields and data["schema"] == SCHEMA:
        return SCHEMA
    if "format" in fields and data["format"] == "sceneState":
        return "SceneEval"
    for name, needed in (
        ("ReSpace", {"bounds_bottom", "bounds_top"}),
        ("3D-FRONT", {"furniture", "mesh", "scene"}),
        ("ProcTHOR", {"rooms", "walls", "objects"}),
    ):
        if needed <= fields:
            return name
    raise InteractiveActionError(
        f"{path.name} is of no format that this pack reads ({', '.join(FORMATS)}): it has "
        f"{', '.join(sorted(map(str, fields))[:8]) or 'no fields'}. Convert it first."
    )


def _is_ours(path: pathlib.Path) -> bool:
    with open(path, encoding="utf-8", errors="replace") as lines:
        return f'"{SCHEMA}"' in lines.readline(4096)
