"""Houses of ProcTHOR (Deitke et al. 2022), schemas 0.0.1 and 1.0.0: metres, y up, left-handed as Unity is.

A JSON, or JSON lines (also gzipped) with one house a line, as ProcTHOR-10K comes. ``rooms`` with ``floorPolygon``,
``walls`` with ``polygon``, ``doors`` and ``windows`` with a hole in ``wall0``, ``objects`` with ``children``; an
object's position is the middle of its box, its rotation is in degrees. Sizes stand in ProcTHOR's
``asset-database.json``; without it, the usual size of the class is taken.
"""

from __future__ import annotations

import gzip
import math
import pathlib
from collections.abc import Iterator
from typing import Any

from ...errors import InteractiveActionError
from ...files import StrPath, lines_of, parse_json, read_text
from ...sim.furniture import CATEGORIES
from .assembling import Piece, Shell, assemble, tidy_name, together
from .categories import category_of
from .floors import inside, opening_at, outline
from .reading import (
    LARGEST_FILE,
    Imported,
    Vector,
    check_size,
    entries,
    field,
    from_unity,
    read_json,
    rows,
    vector,
    wrapped,
)

SCHEMAS = ("0.0.1", "1.0.0")
DEEPEST = 8  # objects on objects
TILT = 1.0  # degrees

Sizes = dict[str, tuple[float, float, float]]


def import_procthor(path: StrPath, assets: StrPath | None = None, most: int = 1000) -> Imported:
    """Returns the rooms of ProcTHOR's houses; coordinates are those of the house.

    Args:
        path: a .json, .jsonl or .jsonl.gz file.
        assets: ProcTHOR's ``asset-database.json``; None: usual sizes of the classes.
        most: how many houses of a file with many are read.

    Raises:
        InteractiveActionError: it is of another format or schema, or a number in it is wrong.
    """
    path = pathlib.Path(path)
    sizes = _sizes(assets) if assets else {}
    parts = [part for where, house in _houses(path, most) for part in _rooms_of(house, sizes, where)]
    return together(parts, path.name)


def _houses(path: pathlib.Path, most: int) -> Iterator[tuple[str, Any]]:
    check_size(path)
    if path.suffix.lower() == ".json":
        yield path.name, parse_json(read_text(path), path.name)
        return
    text = _unzipped(path) if path.suffix.lower() == ".gz" else read_text(path)
    filled = [(number, line) for number, line in enumerate(lines_of(text), 1) if line.strip()]
    for number, line in filled[:most]:
        where = f"Line {number} of {path.name}"
        yield where, parse_json(line, where)


def _unzipped(path: pathlib.Path) -> str:
    try:
        with gzip.open(path) as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise InteractiveActionError(
                f"{path.name} unpacks to more than {LARGEST_FILE / 2**20:.0f} MB. Split it, some houses a file."
            )
        return data.decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InteractiveActionError(f"{path.name} cannot be unpacked: {error}. Download it again.") from error


def _rooms_of(house: Any, sizes: Sizes, where: str) -> Iterator[Imported]:
    schema = field(field(house, "metadata", dict, where), "schema", str, f"metadata of {where}")
    if schema not in SCHEMAS:
        raise InteractiveActionError(
            f"{where} has the schema {schema!r}, and this pack reads {' and '.join(SCHEMAS)}. Convert it first."
        )
    walls = {field(wall, "id", str, f"a wall of {where}"): wall for wall in entries(house, "walls", where)}
    holes = [
        hole
        for kind in ("doors", "windows")
        for number, row in enumerate(entries(house, kind, where))
        if (hole := _hole(kind, row, walls, f"{kind[:-1].capitalize()} {number} of {where}"))
    ]
    pieces = list(_pieces(entries(house, "objects", where), sizes, where))
    tops = [point[2] for wall in walls.values() for point in _corners(wall, "polygon", f"A wall of {where}")]
    for number, room in enumerate(entries(house, "rooms", where)):
        name = f"Room {number} of {where}"
        points = _corners(room, "floorPolygon", f"The floor of {name}")
        corners = outline([point[:2] for point in points], name)
        level = min(point[2] for point in points)
        height = max([point - level for point in tops], default=None)
        openings = [
            opening
            for kind, hole in holes
            if (opening := opening_at(corners, [(x, y, z - level) for x, y, z in hole], kind, height or 2.6))
        ]
        own = [piece for piece in pieces if inside(corners, piece.position[:2])]
        shell = Shell(corners, level, field(room, "roomType", str, name), openings, height)
        about: dict[str, str | float] = {"format": "ProcTHOR", "schema": schema, "file": tidy_name(name)}
        found = assemble(shell, own, about, name)
        yield found if sizes else found._replace(notes=(*found.notes, *_guessed(found, name)))


def _guessed(found: Imported, name: str) -> list[str]:
    things = sum(len(layout.objects) for layout in found.layouts)
    return [f"{name}: the sizes of {things} things are their classes' usual ones."] if things else []


def _corners(row: Any, name: str, where: str) -> list[tuple[float, float, float]]:
    points = [from_unity(vector(point, 3, f"A corner of {where}")) for point in rows(row, name, where)]
    if len(points) < 3:
        raise InteractiveActionError(f"{where} has {len(points)} corners. Three are the least.")
    return points


def _hole(kind: str, row: Any, walls: dict[str, Any], where: str) -> tuple[str, list[list[float]]] | None:
    """(kind of opening, two corners of its hole in our axes), or None if it has no hole."""
    wall = walls.get(str(field(row, "wall0", str, where)))
    if wall is None:
        raise InteractiveActionError(f"{where} is in the wall {row['wall0']!r}, which the house does not have.")
    if "holePolygon" in row:
        low, high = (vector(point, 2, f"A hole of {where}") for point in rows(row, "holePolygon", where)[:2])
    elif "boundingBox" in row:  # schema 0.0.1
        low, high = (
            vector(field(row["boundingBox"], end, dict, where), 2, f"A hole of {where}") for end in ("min", "max")
        )
    else:
        return None
    points = _corners(wall, "polygon", f"The wall of {where}")
    start = points[0]
    foot = [point for point in points if abs(point[2] - start[2]) < 0.01 and math.dist(point, start) > 0.01]
    if not foot:
        return None
    length = math.dist(foot[0], start)
    along = [(b - a) / length for a, b in zip(start, foot[0])]
    corners = [[start[0] + along[0] * x, start[1] + along[1] * x, start[2] + y] for x, y in (low, high)]
    passage = "frame" in str(row.get("assetId", "")).lower()
    return ("window" if kind == "windows" else "passage" if passage else "door"), corners


def _pieces(objects: list[Any], sizes: Sizes, where: str, depth: int = 0) -> Iterator[Piece]:
    if depth > DEEPEST:
        raise InteractiveActionError(f"{where} has things on things on things, {depth} deep. {DEEPEST} are the limit.")
    for number, row in enumerate(objects):
        name = f"Object {number} of {where}"
        asset = field(row, "assetId", str, name)
        x, y, z = from_unity(vector(field(row, "position", dict, name), 3, f"The position of {name}"))
        turn = vector(field(row, "rotation", dict, name), 3, f"The rotation of {name}")
        kind = str(row.get("id", asset)).split("|")[0]
        size = sizes.get(asset) or _usual(kind)
        yaw = _yaw(turn)
        yield Piece(kind, size, (x, y, z - size[2] / 2), yaw, asset)
        if row.get("children"):
            yield from _pieces(entries(row, "children", name), sizes, where, depth + 1)


def _yaw(degrees: Vector) -> float | None:
    tilts = [abs(math.remainder(angle, 360)) for angle in (degrees[0], degrees[2])]
    return None if max(tilts) > TILT else wrapped(math.pi - math.radians(degrees[1]))


def _usual(kind: str) -> tuple[float, float, float]:
    """The usual size of the class that a type means; of something small if it means none."""
    category = category_of(kind, (1.5, 1.0, 0.75))
    return CATEGORIES[category].size if category else (0.1, 0.1, 0.1)


def _sizes(path: StrPath) -> Sizes:
    """{asset: width, depth, height} of ProcTHOR's database, in which types list their assets."""
    name = pathlib.Path(path).name
    data = read_json(path)
    sizes = {}
    for kind in data if isinstance(data, dict) else ():
        for entry in entries(data, kind, name):
            box = field(entry, "boundingBox", dict, f"An asset of {name}")
            width, height, depth = vector(box, 3, f"The size of an asset of {name}")
            sizes[field(entry, "assetId", str, f"An asset of {name}")] = (width, depth, height)
    if not sizes:
        raise InteractiveActionError(f"{name} lists no assets. It must be ProcTHOR's asset-database.json.")
    return sizes
