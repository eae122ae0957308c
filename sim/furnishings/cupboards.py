"""Furniture that opens: each function makes one class, exactly as large as it is asked for, handles included."""

from __future__ import annotations

from .model import HANDLE, PANEL, Furnishing, Handle, Link, Piece, Vector, block, column, door, drawer

SHELF = 0.40  # metres between shelves
DOOR_WIDTH = 0.60  # metres: a wider front gets more doors
LOWEST_DRAWER = 0.24  # metres: the usual height of a drawer's front
PLINTH = 0.08


def wardrobe(size: Vector) -> Furnishing:
    """A wardrobe with a rail behind its doors."""
    return _with_doors(size, "oak", "white", PLINTH, SHELF * 4)


def sideboard(size: Vector) -> Furnishing:
    """A sideboard on a plinth, with doors."""
    return _with_doors(size, "walnut", "walnut", PLINTH, SHELF)


def tv_stand(size: Vector) -> Furnishing:
    """A low cabinet with doors."""
    return _with_doors(size, "oak", "white", 0.05, SHELF)


def wall_cupboard(size: Vector) -> Furnishing:
    """A cupboard on the wall, with doors down to its lower edge."""
    return _with_doors(size, "white", "white", 0.0, 0.35)


def sink_cabinet(size: Vector) -> Furnishing:
    """A cabinet with doors under a worktop with a basin."""
    width, depth, height = size
    cabinet = _with_doors((width, depth, height - 0.04), "white", "white", 0.10, SHELF * 4)
    basin = 0.3 * width, 0.28 * depth
    top = _worktop(size, basin)
    return Furnishing((*cabinet.pieces, *top), cabinet.links)


def nightstand(size: Vector) -> Furnishing:
    """A cabinet with drawers, on short legs."""
    return _with_drawers(size, "oak", "oak", 0.08, 1)


def dresser(size: Vector) -> Furnishing:
    """A chest of drawers, in two columns if it is wide."""
    return _with_drawers(size, "walnut", "walnut", 0.06, 2 if size[0] > 0.9 else 1)


def counter(size: Vector) -> Furnishing:
    """A kitchen counter: drawers under a worktop."""
    width, depth, height = size
    base = _with_drawers((width, depth, height - 0.04), "white", "white", 0.10, max(1, round(width / DOOR_WIDTH)))
    return Furnishing((*base.pieces, *_worktop(size)), base.links)


def desk(size: Vector) -> Furnishing:
    """A desk: a top, a panel at its back as its box set says, and a drawer under the top."""
    width, depth, height = size
    x, top = width / 2, height - 0.03
    front, back = -depth / 2 + HANDLE, depth / 2
    wide = min(0.5, 0.6 * width) / 2
    low = top - 0.14
    rails = [
        block(side, (front + PANEL, back - 0.03), (low, top), "oak")
        for side in ((-wide, -wide + PANEL), (wide - PANEL, wide))
    ]
    legs = [block(side, (front, front + 0.04), (0, top), "steel") for side in ((-x, -x + 0.04), (x - 0.04, x))]
    pieces = (
        block((-x, x), (-depth / 2, back), (top, height), "oak"),
        block((-x, x), (back - 0.03, back), (0, top), "oak"),
        *rails,
        *legs,
    )
    return Furnishing(pieces, (drawer("drawer_1", (-wide, wide), (front, back - 0.03), (low, top), "oak"),))


def fridge(size: Vector) -> Furnishing:
    """A fridge with one door and shelves of glass."""
    width, _, height = size
    body, front = _carcass(size, "steel", "white", 0.05, SHELF, "glass")
    return Furnishing(body, (door("door_1", (-width / 2, width / 2), front, (0.05, height), "steel", "left"),))


def oven(size: Vector) -> Furnishing:
    """An oven whose door falls open below a panel with knobs."""
    width, _, height = size
    low, high = 0.12, height - 0.12
    body, front = _carcass(size, "steel", "black", low, SHELF, "steel", high)
    panel = block((-width / 2, width / 2), (front, front + PANEL), (high, height), "black")
    knobs = [
        block((x - 0.015, x + 0.015), (front - 0.02, front), (high + 0.04, high + 0.07), "steel")
        for x in (-0.35 * width, -0.2 * width, 0.2 * width, 0.35 * width)
    ]
    link = door("door_1", (-width / 2, width / 2), front, (low, high), "steel", "bottom", inset="black")
    return Furnishing((*body, panel, *knobs), (link,))


def dishwasher(size: Vector) -> Furnishing:
    """A dishwasher whose front falls open."""
    width, _, height = size
    body, front = _carcass(size, "white", "steel", 0.10, SHELF, "steel")
    return Furnishing(body, (door("door_1", (-width / 2, width / 2), front, (0.10, height), "steel", "bottom"),))


def microwave(size: Vector) -> Furnishing:
    """A microwave: a door with a pane, and a panel with buttons at its right."""
    width, _, height = size
    body, front = _carcass(size, "black", "white", 0.0, 1.0)
    edge = width / 2 - 0.22 * width
    panel = block((edge, width / 2), (front, front + PANEL), (0, height), "black")
    button = block((edge + 0.02, edge + 0.05), (front - 0.004, front), (0.3 * height, 0.4 * height), "steel")
    link = door("door_1", (-width / 2, edge), front, (0, height), "steel", "left", inset="black")
    return Furnishing((*body, panel, button), (link,))


def waste_bin(size: Vector) -> Furnishing:
    """A bin whose lid turns about its back edge, with a tab before its front."""
    width, depth, height = size
    x, front, back, top, thin = width / 2, -depth / 2 + HANDLE, depth / 2, height - 0.03, 0.008
    pieces = (
        block((-x, x), (front, back), (0, thin), "steel"),
        *(
            block((s * x - (s > 0) * thin, s * x + (s < 0) * thin), (front, back), (thin, top), "steel")
            for s in (-1, 1)
        ),
        block((-x + thin, x - thin), (front, front + thin), (thin, top), "steel"),
        block((-x + thin, x - thin), (back - thin, back), (thin, top), "steel"),
    )
    tab = block((-0.05, 0.05), (-depth / 2, front), (top + 0.012, top + 0.022), "black")
    lid = (block((-x, x), (front, back), (top + 0.002, height), "black"), tab)
    handle = Handle((0.0, -depth / 2 + HANDLE / 2, top + 0.017), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Furnishing(pieces, (Link("lid", "hinge", (0.0, back, height), (-1.0, 0.0, 0.0), 1.4, lid, handle),), 200.0)


def _carcass(
    size: Vector, outer: str, inner: str, low: float, shelf: float, board: str = "", high: float | None = None
) -> tuple[tuple[Piece, ...], float]:
    """The box behind fronts, from ``low`` to ``high``, with shelves; and the y of the fronts.

    Args:
        size: of the whole, with handles.
        outer: finish of what is seen while it is shut.
        inner: finish of the back.
        low: upper end of the plinth.
        shelf: least height between shelves.
        board: finish of shelves; empty: as ``outer``.
        high: lower end of what is above the fronts; None: the top.
    """
    width, depth, height = size
    high = high or height
    x, front, back = width / 2, -depth / 2 + HANDLE, depth / 2
    begin = front + PANEL
    pieces = [
        block((-x, -x + PANEL), (begin, back), (low, height), outer),
        block((x - PANEL, x), (begin, back), (low, height), outer),
        block((-x + PANEL, x - PANEL), (begin, back), (low, low + PANEL), outer),
        block((-x + PANEL, x - PANEL), (begin, back), (high - PANEL, high), outer),
        block((-x + PANEL, x - PANEL), (back - PANEL, back), (low + PANEL, high - PANEL), inner),
    ]
    if high < height:
        pieces.append(block((-x + PANEL, x - PANEL), (begin, back), (height - PANEL, height), outer))
    if low > 0:
        pieces.append(block((-x, x), (begin + 0.03, back), (0, low), "black"))
    count = max(0, int((high - low) / shelf) - 1)
    for number in range(1, count + 1):
        z = low + (high - low) * number / (count + 1)
        pieces.append(block((-x + PANEL, x - PANEL), (begin + 0.03, back - PANEL), (z, z + PANEL / 2), board or outer))
    return tuple(pieces), front


def _with_doors(size: Vector, outer: str, fronts: str, low: float, shelf: float) -> Furnishing:
    """A cabinet whose whole front is doors, in pairs that meet at their handles."""
    width, _, height = size
    body, front = _carcass(size, outer, outer, low, shelf)
    count = max(1, round(width / DOOR_WIDTH + 0.2))
    ends = [-width / 2 + width * number / count for number in range(count + 1)]
    doors = [
        door(f"door_{k + 1}", (ends[k], ends[k + 1]), front, (low, height), fronts, ("left", "right")[k % 2])
        for k in range(count)
    ]
    return Furnishing(body, tuple(doors))


def _with_drawers(size: Vector, outer: str, fronts: str, low: float, columns: int) -> Furnishing:
    """A cabinet whose whole front is drawers."""
    width, depth, height = size
    body, front = _carcass(size, outer, outer, low, 100.0)
    back, begin = depth / 2 - PANEL, front + PANEL
    count = max(1, round((height - low) / LOWEST_DRAWER))
    xs = [-width / 2 + width * number / columns for number in range(columns + 1)]
    zs = [low + (height - low) * number / count for number in range(count + 1)]
    walls = [
        block((x - PANEL / 2, x + PANEL / 2), (begin, back), (low + PANEL, height - PANEL), outer) for x in xs[1:-1]
    ]
    links = [
        drawer(f"drawer_{c * count + r + 1}", (xs[c], xs[c + 1]), (front, back), (zs[r], zs[r + 1]), fronts)
        for c in range(columns)
        for r in range(count)
    ]
    return Furnishing((*body, *walls), tuple(links))


def _worktop(size: Vector, basin: tuple[float, float] | None = None) -> tuple[Piece, ...]:
    """The stone on top; with a basin of these half sizes sunk into it."""
    width, depth, height = size
    x, y, low = width / 2, depth / 2, height - 0.04
    front = -y
    if basin is None:
        return (block((-x, x), (front, y), (low, height), "stone"),)
    across, along = basin
    return (
        block((-x, -across), (front, y), (low, height), "stone"),
        block((across, x), (front, y), (low, height), "stone"),
        block((-across, across), (front, -along), (low, height), "stone"),
        block((-across, across), (along, y), (low, height), "stone"),
        block((-across, across), (-along, along), (low, low + 0.01), "steel"),
        column(0.02, (low + 0.01, low + 0.014), "black"),
    )
