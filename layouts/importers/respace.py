"""Rooms of ReSpace's structured scene representation (Bucher & Armeni 2025), a JSON: metres, y up, right-handed.

``room_type``, ``bounds_bottom`` and ``bounds_top`` (corners of floor and ceiling), ``objects`` with ``desc``, ``size``
(full width, height, depth), ``pos`` (middle of the underside), ``rot`` (quaternion x, y, z, w) and ``jid``.
"""

from __future__ import annotations

import pathlib
from typing import Any

from ...errors import InteractiveActionError
from ...files import StrPath
from .assembling import Piece, Shell, assemble, tidy_name, together
from .floors import outline
from .reading import Imported, entries, field, from_y_up, read_json, rows, vector, yaw_about_y


def import_respace(path: StrPath) -> Imported:
    """Returns the room of a ReSpace file.

    Raises:
        InteractiveActionError: it is of another format, or a number in it is wrong.
    """
    where = pathlib.Path(path).name
    data = read_json(path)
    floor = [from_y_up(vector(row, 3, f"A corner of {where}")) for row in rows(data, "bounds_bottom", where)]
    ceiling = [from_y_up(vector(row, 3, f"A corner of {where}")) for row in rows(data, "bounds_top", where)]
    if not floor or not ceiling:
        raise InteractiveActionError(f"{where} has no corners in bounds_bottom or bounds_top. Write them again.")
    bottom, top = min(corner[2] for corner in floor), max(corner[2] for corner in ceiling)
    if top <= bottom:
        raise InteractiveActionError(
            f"The ceiling of {where} is {bottom - top:.2f} m below its floor: y points down. Mirror that axis first."
        )
    shell = Shell(
        outline([corner[:2] for corner in floor], where),
        bottom,
        field(data, "room_type", str, where),
        height=top - bottom,
    )
    pieces = [_piece(row, f"Thing {number} of {where}") for number, row in enumerate(entries(data, "objects", where))]
    return together([assemble(shell, pieces, {"format": "ReSpace", "file": tidy_name(where)}, where)], where)


def _piece(row: Any, where: str) -> Piece:
    width, height, depth = vector(field(row, "size", list, where), 3, f"The size of {where}")
    position = from_y_up(vector(field(row, "pos", list, where), 3, f"The position of {where}"))
    yaw = yaw_about_y(vector(field(row, "rot", list, where), 4, f"The rotation of {where}"))
    asset = row.get("jid")
    return Piece(
        field(row, "desc", str, where), (width, depth, height), position, yaw, asset if isinstance(asset, str) else ""
    )
