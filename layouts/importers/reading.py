"""What every importer does: read within bounds, ask for fields in sentences, turn foreign axes into ours.

Two systems of axes occur besides ours (z up, right-handed, fronts towards -y at yaw 0). *y up, right-handed*, fronts
towards +z: turned by a quarter about x, (x, y, z) becomes (x, -z, y), and a turn about +y becomes the same yaw. *y up,
left-handed* (Unity), fronts towards +z: two axes are swapped, (x, y, z) becomes (x, z, y), and a turn by t becomes the
yaw pi - t.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...errors import InteractiveActionError
from ...files import StrPath, parse_json, read_text
from ...sim.layout import Layout

LARGEST_FILE = 256 * 2**20  # bytes
MOST_PIECES = 20_000  # things, triangles' corners or rooms of one file
FURTHEST = 1e4  # metres: what lies further away is no room
LEVEL = 0.02  # radians: how far a thing may be tilted and still stands upright

Vector = tuple[float, ...]


class Imported(NamedTuple):
    """What a file gave.

    Args:
        layouts: its rooms, in the file's order; coordinates as in the file, but each floor at height 0.
        notes: a sentence for each room or thing that was left out, and for each value that was guessed.
    """

    layouts: tuple[Layout, ...]
    notes: tuple[str, ...]


def read_json(path: StrPath) -> Any:
    """Returns the value of a JSON file of at most ``LARGEST_FILE`` bytes.

    Raises:
        InteractiveActionError: it cannot be read, is too large or is no JSON.
    """
    check_size(path)
    return parse_json(read_text(path), pathlib.Path(path).name)


def check_size(path: StrPath) -> None:
    """Raises a sentence if there is no such file, or it is larger than ``LARGEST_FILE`` bytes."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise InteractiveActionError(f"There is no file {path.name!r} in {path.parent.name!r}. Check its name.")
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise InteractiveActionError(
            f"{path.name} has {size / 2**20:.0f} MB, and {LARGEST_FILE / 2**20:.0f} MB are the limit. Split it, one "
            "house a file."
        )


def field(data: Any, name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """Returns ``data[name]`` if it is of ``kind``.

    Args:
        data: an object of a JSON file.
        name: of the field.
        kind: what it must be: dict, list, str, ...
        where: names the object in a sentence.

    Raises:
        InteractiveActionError: it is missing, or of another kind.
    """
    if not isinstance(data, dict) or name not in data:
        fields = ", ".join(sorted(map(str, data))[:12]) if isinstance(data, dict) else f"a {type(data).__name__}"
        raise InteractiveActionError(f"{where} lacks {name!r}: it has {fields or 'nothing'}. Is it of this format?")
    value = data[name]
    if not isinstance(value, kind):
        kinds = " or ".join(item.__name__ for item in (kind if isinstance(kind, tuple) else (kind,)))
        raise InteractiveActionError(f"{name!r} of {where} is {str(value)[:40]!r}. It must be a {kinds}.")
    return value


def rows(data: Any, name: str, where: str) -> list[Any]:
    """Returns the list ``data[name]`` of at most ``MOST_PIECES``; for what is raised see ``field``."""
    found: list[Any] = field(data, name, list, where)
    if len(found) > MOST_PIECES:
        raise InteractiveActionError(
            f"{name!r} of {where} has {len(found)} entries, and {MOST_PIECES} are the limit. Split the file."
        )
    return found


def entries(data: Any, name: str, where: str) -> list[dict[str, Any]]:
    """Returns the list ``data[name]`` of objects; for what is raised see ``field``."""
    found = rows(data, name, where)
    for number, row in enumerate(found):
        if not isinstance(row, dict):
            raise InteractiveActionError(
                f"Entry {number} of {name!r} of {where} is {str(row)[:40]!r}. It must be an object."
            )
    return found


def vector(value: Any, count: int, what: str) -> Vector:
    """Returns ``count`` finite numbers, of a list or of an object with x, y, z.

    Args:
        value: the list or object.
        count: how many numbers there must be.
        what: names them in a sentence.

    Raises:
        InteractiveActionError: there are others, or one is not finite or beyond ``FURTHEST``.
    """
    if isinstance(value, dict):
        value = [value.get(axis) for axis in "xyz"[:count]]
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise InteractiveActionError(f"{what} is {str(value)[:60]!r}. It must be {count} numbers.")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InteractiveActionError(f"{what} holds {number!r}. All its numbers must be finite.")
        if abs(number) > FURTHEST:
            raise InteractiveActionError(f"{what} holds {number:g}. Are its numbers in metres?")
    return tuple(map(float, value))


def from_y_up(point: Sequence[float]) -> tuple[float, float, float]:
    """Returns a point of right-handed axes with y up in ours."""
    x, y, z = point
    return x, -z, y


def from_unity(point: Sequence[float]) -> tuple[float, float, float]:
    """Returns a point of Unity's left-handed axes with y up in ours."""
    x, y, z = point
    return x, z, y


def yaw_about_y(quaternion: Vector) -> float | None:
    """Returns the turn about +y, in radians, of a quaternion (x, y, z, w); None: it tilts, or is none."""
    x, y, z, w = quaternion
    length = math.sqrt(x * x + y * y + z * z + w * w)
    if length < 1e-6 or math.hypot(x, z) / length > LEVEL / 2:
        return None
    return wrapped(2 * math.atan2(y, w))


def wrapped(angle: float) -> float:
    """Returns the same angle from -pi to pi."""
    return math.remainder(angle, 2 * math.pi)
