"""A layout from the outline and the things that an importer found, with a note on everything it could not take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...errors import InteractiveActionError
from ...sim.layout import HIGHEST, LOWEST, FloorPlan, Layout, LayoutObject, Opening
from ...sim.polygons import Point
from .categories import category_of, room_type_of
from .floors import check_not_mirrored, without_overlaps
from .reading import Imported

HEIGHT = 2.6  # metres, of a room whose file does not say
FLAT = 1e-3  # metres: what is thinner has no box


class Piece(NamedTuple):
    """A thing as a file has it, in our axes.

    Args:
        name: class, label or description.
        size: width, depth and height in metres.
        position: (x, y, z) of the middle of its underside.
        yaw: radians; None: it is tilted.
        asset: the file's own name of its mesh.
    """

    name: str
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    yaw: float | None
    asset: str = ""


class Shell(NamedTuple):
    """A room without furniture, in our axes.

    Args:
        corners: counter-clockwise.
        floor: metres at which the file has the floor; subtracted from all heights.
        openings: of its walls; overlapping ones are left out.
        height: metres of the room; None: the file does not say.
        room_type: the file's own.
    """

    corners: tuple[Point, ...]
    floor: float
    room_type: str
    openings: Iterable[Opening] = ()
    height: float | None = None


def assemble(shell: Shell, pieces: Sequence[Piece], about: dict[str, str | float], where: str) -> Imported:
    """Returns one room as a layout, or none and the reason.

    Args:
        shell: its walls.
        pieces: what stands in it.
        about: what the layout says of itself.
        where: names the room in sentences.

    Raises:
        InteractiveActionError: the floor is none, a number is out of bounds, or an axis is mirrored.
    """
    room_type = room_type_of(shell.room_type)
    if room_type is None:
        return Imported((), (f"{where} is left out: {shell.room_type!r} is no type of room that this pack has.",))
    check_not_mirrored(shell.corners, [piece.position[:2] for piece in pieces], where)
    height, notes = shell.height or HEIGHT, []
    if not LOWEST <= height <= HIGHEST:
        notes.append(f"{where} is {height:.2f} m high in the file; {HEIGHT} m are taken instead.")
        height = HEIGHT
    objects = []
    for piece in pieces:
        category = category_of(piece.name, piece.size)
        if category is None or piece.yaw is None or min(piece.size) < FLAT:
            why = (
                "is of no class that this pack has"
                if category is None
                else "is tilted"
                if piece.yaw is None
                else "is flat"
            )
            notes.append(f"{where}: {piece.name[:60]!r} {why} and is left out.")
            continue
        x, y, z = piece.position
        objects.append(LayoutObject(category, piece.size, (x, y, z - shell.floor), piece.yaw, piece.asset))
    plan = FloorPlan(shell.corners, without_overlaps(shell.openings), height, room_type)
    return Imported((Layout(plan, tuple(objects), about),), tuple(notes))


def together(parts: Iterable[Imported], where: str) -> Imported:
    """Returns all rooms of a file.

    Raises:
        InteractiveActionError: there is none; the sentence ends with the first reason.
    """
    found = list(parts)
    layouts = tuple(layout for part in found for layout in part.layouts)
    notes = tuple(note for part in found for note in part.notes)
    if not layouts:
        raise InteractiveActionError(
            f"{where} holds no room that can be taken. {notes[0] if notes else 'It lists none.'} Choose another file."
        )
    return Imported(layouts, notes)


def tidy_name(text: str) -> str:
    """Returns a text as a layout's ``about`` may hold it: one line, at most 200 characters."""
    return re.sub(r"\s+", " ", text)[:200].strip()
