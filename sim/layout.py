"""A room as plain data: a floor plan with doors and windows, and the furniture in it; one documented JSON.

Metres and radians, z up, right-handed, seen from above x to the right and y away from the reader. Corners run
counter-clockwise; wall i leads from corner i to the next. A thing's position is the middle of its underside. At yaw 0
its width lies along x and its front looks towards -y; yaw turns it counter-clockwise.

    {"schema": "interactive-action/layout", "version": 1, "units": "m", "up": "z", "handed": "right",
     "floor_plan": {"corners": [[0, 0], [4, 0], [4, 3], [0, 3]], "height": 2.6, "room_type": "bedroom",
                    "openings": [{"kind": "door", "wall": 0, "start": 0.5, "width": 0.9, "height": 2.1, "sill": 0.0,
                                  "hinge": "start", "swing": "in"}]},
     "objects": [{"category": "single bed", "size": [0.95, 2.1, 0.9], "position": [3.5, 1.9, 0.0], "yaw": 0.0,
                  "asset": "", "opened": 0.0}],
     "about": {"source": "typed"}}
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import InteractiveActionError
from ..files import StrPath, parse_json, read_text, write_atomically
from .furniture import CATEGORIES, ROOM_TYPES
from .polygons import LARGEST, Point, check_number, check_polygon, signed_area

SCHEMA, VERSION = "interactive-action/layout", 1
AXES = {"units": "m", "up": "z", "handed": "right"}
KINDS = ("door", "window", "passage")
HINGES = ("start", "end")
SWINGS = ("in", "out")
LOWEST, HIGHEST = 1.8, 10.0  # metres, of a room
SLACK = 1e-6  # metres: what rounding in a file may do

T = TypeVar("T")


@dataclass(frozen=True)
class Opening:
    """A door, a window or an open passage in a wall.

    Args:
        kind: one of ``KINDS``.
        wall: number of the wall, from 0.
        start: metres from the wall's first corner to the opening.
        width: metres.
        height: metres from ``sill`` to its upper edge.
        sill: metres from the floor to its lower edge.
        hinge: where a door turns: at its "start" or its "end".
        swing: whether a door opens "in" or "out".

    Raises:
        InteractiveActionError: a value is not of its kind or out of its bounds.
    """

    kind: str = "door"
    wall: int = 0
    start: float = 0.5
    width: float = 0.9
    height: float = 2.1
    sill: float = 0.0
    hinge: str = HINGES[0]
    swing: str = SWINGS[0]

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("hinge", HINGES), ("swing", SWINGS)):
            if getattr(self, name) not in known:
                raise InteractiveActionError(
                    f"The {name} of an opening is {getattr(self, name)!r}. Choose one of: {', '.join(known)}."
                )
        if isinstance(self.wall, bool) or not isinstance(self.wall, int) or self.wall < 0:
            raise InteractiveActionError(f"The wall of a {self.kind} is {self.wall!r}. Give its number, from 0.")
        for name, low in (("start", 0.0), ("width", 0.1), ("height", 0.1), ("sill", 0.0)):
            check_number(getattr(self, name), f"The {name} of a {self.kind}", low, LARGEST)


@dataclass(frozen=True)
class FloorPlan:
    """The walls of a room and what opens in them.

    Args:
        corners: (x, y) in metres, counter-clockwise, each once; the polygon need not be convex.
        openings: doors, windows and passages.
        height: metres from floor to ceiling.
        room_type: one of ``furniture.ROOM_TYPES``.

    Raises:
        InteractiveActionError: the polygon crosses itself, has no area or runs clockwise, or an opening does not fit
            into its wall.
    """

    corners: tuple[Point, ...]
    openings: tuple[Opening, ...] = ()
    height: float = 2.6
    room_type: str = ROOM_TYPES[0]

    def __post_init__(self) -> None:
        if self.room_type not in ROOM_TYPES:
            raise InteractiveActionError(
                f"There is no room type {self.room_type!r}. Choose one of: {', '.join(ROOM_TYPES)}."
            )
        check_number(self.height, "The height of the room", LOWEST, HIGHEST)
        check_polygon(self.corners)
        self._check_openings()

    @property
    def walls(self) -> tuple[tuple[Point, Point], ...]:
        """The two ends of each wall."""
        return tuple(zip(self.corners, (*self.corners[1:], self.corners[0])))

    @property
    def area(self) -> float:
        """Square metres."""
        return signed_area(self.corners)

    def _check_openings(self) -> None:
        ends: dict[int, list[tuple[float, float, Opening]]] = {}
        for opening in self.openings:
            if opening.wall >= len(self.corners):
                raise InteractiveActionError(
                    f"A {opening.kind} is in wall {opening.wall}, but the walls are numbered from 0 to "
                    f"{len(self.corners) - 1}. Give one of these."
                )
            length = math.dist(*self.walls[opening.wall])
            if opening.start + opening.width > length + SLACK:
                raise InteractiveActionError(
                    f"A {opening.kind} of {opening.width:g} m that begins {opening.start:g} m from its corner does not "
                    f"fit into wall {opening.wall}, which is {length:.2f} m long. Make it narrower or move it."
                )
            if opening.sill + opening.height > self.height + SLACK:
                raise InteractiveActionError(
                    f"A {opening.kind} reaches {opening.sill + opening.height:g} m high, and the room "
                    f"{self.height:g} m. Make it lower or the room higher."
                )
            ends.setdefault(opening.wall, []).append((opening.start, opening.start + opening.width, opening))
        for wall, spans in ends.items():
            spans.sort(key=lambda span: span[:2])
            for (_, end, first), (start, _, second) in itertools.pairwise(spans):
                if start < end - SLACK:
                    raise InteractiveActionError(
                        f"A {first.kind} and a {second.kind} of wall {wall} overlap by {end - start:.2f} m. Move one."
                    )


@dataclass(frozen=True)
class LayoutObject:
    """A piece of furniture.

    Args:
        category: a name of ``furniture.CATEGORIES``.
        size: width, depth and height in metres.
        position: (x, y, z) in metres of the middle of its underside.
        yaw: radians; see the module for what faces where.
        asset: which mesh or description it is made from; empty: any of its class.
        opened: how far its doors and drawers are open, from 0 to 1.

    Raises:
        InteractiveActionError: the class is unknown or a number is none, or out of its bounds.
    """

    category: str
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    yaw: float = 0.0
    asset: str = ""
    opened: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.category, str) or self.category not in CATEGORIES:
            raise InteractiveActionError(
                f"There is no class of furniture {self.category!r}. Choose one of: {', '.join(CATEGORIES)}."
            )
        for name, values, low in (("size", self.size, 1e-3), ("position", self.position, -LARGEST)):
            if not isinstance(values, tuple) or len(values) != 3:
                raise InteractiveActionError(
                    f"The {name} of a {self.category} is {values!r}. Give three numbers, in metres."
                )
            for axis, value in zip("xyz", values):
                check_number(value, f"The {name} of a {self.category} along {axis}", low, LARGEST)
        check_number(self.yaw, f"The yaw of a {self.category}", -1e3, 1e3)
        check_number(self.opened, f"How far a {self.category} is opened", 0, 1)
        if not isinstance(self.asset, str):
            raise InteractiveActionError(f"The asset of a {self.category} is {self.asset!r}. It must be text.")


@dataclass(frozen=True)
class Layout:
    """A furnished room.

    Args:
        floor_plan: walls, doors and windows.
        objects: the furniture; what violates a wall or another thing is allowed, and what metrics are for.
        about: texts and numbers on where it comes from, such as its seed.
    """

    floor_plan: FloorPlan
    objects: tuple[LayoutObject, ...] = ()
    about: dict[str, str | float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain data, with the name and version of its schema."""
        return {"schema": SCHEMA, "version": VERSION, **AXES, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: Any, where: str = "The layout") -> Layout:
        """Returns the layout that plain data describe.

        Args:
            data: as ``to_json`` gives.
            where: names it in a sentence.

        Raises:
            InteractiveActionError: another schema, version or system of axes, or a field that is wrong.
        """
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise InteractiveActionError(
                f"{where} is of another schema: it says {found!r}, and {SCHEMA!r} is expected. Import it instead."
            )
        if data.get("version") != VERSION:
            raise InteractiveActionError(
                f"{where} has version {data.get('version')!r} of its schema, and this pack reads {VERSION}. Update the "
                "pack, or write the file again."
            )
        for name, expected in AXES.items():
            if data.get(name) != expected:
                raise InteractiveActionError(
                    f"{where} has other axes: {name} is {data.get(name)!r} and must be {expected!r}. Turn or mirror it "
                    "first, or import it from its own format."
                )
        plan = _fields(FloorPlan, data.get("floor_plan"), f"{where}: floor_plan")
        openings = _rows(Opening, plan.pop("openings", ()), f"{where}: openings")
        corners = tuple(tuple(corner) for corner in _list(plan.pop("corners"), f"{where}: corners"))
        about = data.get("about", {})
        if not isinstance(about, dict):
            raise InteractiveActionError(f"{where}: about is {about!r}. It must be an object of names and values.")
        objects = _rows(LayoutObject, data.get("objects", ()), f"{where}: objects")
        return cls(FloorPlan(corners, openings, **plan), objects, about)


def save_layouts(path: StrPath, layouts: Sequence[Layout]) -> None:
    """Writes layouts to one file of JSON lines, in one piece: one room a line.

    Raises:
        NotWrittenError: the system refuses.
    """
    lines = [json.dumps(layout.to_json(), ensure_ascii=False, allow_nan=False) + "\n" for layout in layouts]
    write_atomically(path, "".join(lines).encode())


def load_layouts(path: StrPath) -> list[Layout]:
    """Returns the layouts of a file of JSON lines, or of one JSON object.

    Raises:
        InteractiveActionError: the file cannot be read, or a room in it is wrong.
    """
    text = read_text(path)
    rows = [text] if "\n" in text.strip() and text.lstrip().startswith("{\n") else text.splitlines()
    layouts = []
    for number, row in enumerate(rows, 1):
        if row.strip():
            where = f"Line {number} of {getattr(path, 'name', path)}"
            layouts.append(Layout.from_json(parse_json(row, where), where))
    return layouts


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(row, (list, tuple, dict)) for row in value):
        raise InteractiveActionError(f"{what} is {str(value)[:40]!r}. It must be a list of rows.")
    return list(value)


def _fields(kind: type, data: Any, what: str) -> dict[str, Any]:
    """The fields of a dataclass, each with lists as tuples."""
    fields = {item.name: item for item in dataclasses.fields(kind)}
    required = {name for name, item in fields.items() if item.default is dataclasses.MISSING}
    found: Iterable[str] = data if isinstance(data, dict) else ()
    if not isinstance(data, dict) or not required <= set(found) <= set(fields):
        raise InteractiveActionError(
            f"{what} has the fields {', '.join(found) or 'of nothing'}. It must have {', '.join(sorted(required))} and "
            f"may have {', '.join(name for name in fields if name not in required) or 'no others'}."
        )
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def _rows(kind: type[T], rows: Any, what: str) -> tuple[T, ...]:
    return tuple(kind(**_fields(kind, row, what)) for row in _list(rows, what))
