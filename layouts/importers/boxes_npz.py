"""Rooms as ATISS (Paschalidou et al. 2021), DiffuScene (Tang et al. 2024) and PhyScene prepare 3D-FRONT: ``boxes.npz``.

One room a folder; metres, y up, right-handed. ``floor_plan_vertices`` (V, 3) and ``floor_plan_faces`` (F, 3) are in the
house's axes; ``translations`` (L, 3) are middles of boxes minus ``floor_plan_centroid`` (3,), ``sizes`` (L, 3) are half
sizes, ``angles`` (L, 1) turn about +y, ``class_labels`` (L, C) are one-hot. The names of the classes stand in
``dataset_stats.txt`` one folder above, which is JSON.
"""

from __future__ import annotations

import pathlib
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InteractiveActionError
from ...files import StrPath
from .assembling import Piece, Shell, assemble, tidy_name, together
from .floors import union
from .reading import FURTHEST, LARGEST_FILE, MOST_PIECES, Imported, check_size, field, from_y_up, read_json, wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBERS = ("floor_plan_vertices", "floor_plan_centroid", "class_labels", "translations", "sizes", "angles")
SHAPES = {"floor_plan_vertices": 3, "floor_plan_faces": 3, "translations": 3, "sizes": 3, "angles": 1}  # of a row
STATS = "dataset_stats.txt"


def import_boxes(path: StrPath, stats: StrPath | None = None) -> Imported:
    """Returns the room of a ``boxes.npz``.

    Args:
        path: of the file, or of its folder.
        stats: the ``dataset_stats.txt`` with the names of the classes; None: beside or above the folder.

    Raises:
        InteractiveActionError: it is of another format, or a number in it is wrong.
    """
    path = pathlib.Path(path)
    path = path / "boxes.npz" if path.is_dir() else path
    where = f"{path.parent.name}/{path.name}"
    arrays = _arrays(path, where)
    labels = _labels(path, stats)
    count = arrays["class_labels"].shape[1] if arrays["class_labels"].ndim == 2 else -1
    if count not in (len(labels), len(labels) + 2):
        raise InteractiveActionError(
            f"{where} has {count} classes, and {STATS} names {len(labels)}. Give the one of the same data set."
        )
    vertices = [from_y_up(row) for row in arrays["floor_plan_vertices"].tolist()]
    faces = arrays["floor_plan_faces"].tolist()
    centroid = arrays["floor_plan_centroid"]
    pieces = []
    for half, middle, angle, one_hot in zip(
        arrays["sizes"].tolist(), arrays["translations"] + centroid, arrays["angles"].tolist(), arrays["class_labels"]
    ):
        x, y, z = from_y_up(middle.tolist())
        size = (2 * half[0], 2 * half[2], 2 * half[1])
        name = [*labels, "start", "end"][int(one_hot.argmax())]
        pieces.append(Piece(name, size, (x, y, z - half[1]), wrapped(angle[0])))
    pieces = [piece._replace(asset=str(jid)) for piece, jid in zip(pieces, arrays["jids"])]
    shell = Shell(
        union([[vertices[corner][:2] for corner in face] for face in faces], where),
        min(vertex[2] for vertex in vertices),
        str(arrays["scene_type"]) or path.parent.name,
    )
    about: dict[str, str | float] = {"format": "boxes.npz", "file": tidy_name(where)}
    return together([assemble(shell, pieces, about, where)], where)


def _arrays(path: pathlib.Path, where: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file, of the right shapes, with finite numbers."""
    check_size(path)
    needed = {*NUMBERS, "floor_plan_faces", "jids"}
    try:
        with zipfile.ZipFile(path) as archive:  # what it unpacks to, before anything is unpacked
            names = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        found = needed - set(names)
        if found:
            raise InteractiveActionError(f"{where} lacks {', '.join(sorted(found))}. Is it of ATISS or DiffuScene?")
        if sum(names[name] for name in needed) > LARGEST_FILE:
            raise InteractiveActionError(f"{where} unpacks to more than {LARGEST_FILE / 2**20:.0f} MB. Is it one room?")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in needed}
            arrays["scene_type"] = archive["scene_type"] if "scene_type" in names else np.array("")
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        raise InteractiveActionError(f"{where} cannot be read: {error}. It must be a plain .npz file.") from error
    _check(arrays, where)
    return arrays


def _check(arrays: dict[str, NDArray[Any]], where: str) -> None:
    length = len(arrays["class_labels"]) if arrays["class_labels"].ndim else 0
    for name, width in SHAPES.items():
        shape = arrays[name].shape
        if len(shape) != 2 or shape[1] != width or shape[0] > MOST_PIECES:
            raise InteractiveActionError(
                f"{name} of {where} has the shape {shape}. It must have {width} numbers a row and at most "
                f"{MOST_PIECES} rows."
            )
        if not name.startswith("floor") and shape[0] != length:
            raise InteractiveActionError(f"{name} of {where} has {shape[0]} rows, and there are {length} things.")
    if arrays["floor_plan_centroid"].shape != (3,) or arrays["jids"].shape != (length,):
        raise InteractiveActionError(f"floor_plan_centroid or jids of {where} has another shape. Write it again.")
    for name in NUMBERS:
        values = arrays[name]
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all() or (np.abs(values) > FURTHEST).any():
            raise InteractiveActionError(f"{name} of {where} holds what is no number, not finite or not in metres.")
    faces = arrays["floor_plan_faces"]
    if (
        faces.dtype.kind not in "iu"
        or not len(faces)
        or faces.min() < 0
        or faces.max() >= len(arrays["floor_plan_vertices"])
    ):
        raise InteractiveActionError(f"floor_plan_faces of {where} names corners that there are not. Write it again.")


def _labels(path: pathlib.Path, stats: StrPath | None) -> list[str]:
    places = [pathlib.Path(stats)] if stats else [path.parent / STATS, path.parent.parent / STATS]
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        raise InteractiveActionError(
            f"There is no {STATS} beside {path.parent.name}/{path.name}, and it names the classes. Put the one of the "
            "data set there."
        )
    labels = field(read_json(place), "class_labels", list, STATS)
    return [label for label in map(str, labels) if label not in ("start", "end")]
