"""The classes of furniture that a room is made of: real sizes, what they are made of, what they need in front.

Sizes are medians, and widths 5 to 95 % ranges, of ProcTHOR's asset database (Deitke et al. 2022, Apache-2.0) where it
has the class; the others are a handbook's. Clearances follow the National Kitchen & Bath Association and planners'
tables.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOM_TYPES = ("bedroom", "living room", "dining room", "kitchen")

Part = tuple[float, float, float, float, float, float]
"""(left, right, front, back, bottom, top) of a piece, as shares from 0 to 1 of a thing's box."""

WHOLE: tuple[Part, ...] = ((0, 1, 0, 1, 0, 1),)
TABLE: tuple[Part, ...] = ((0, 1, 0, 1, 0.93, 1), (0.35, 0.65, 0.35, 0.65, 0, 0.93))  # a top on a pedestal
DESK: tuple[Part, ...] = ((0, 1, 0, 1, 0.93, 1), (0, 1, 0.88, 1, 0, 0.93))  # a top and a panel at its back
CHAIR: tuple[Part, ...] = ((0, 1, 0, 1, 0, 0.52), (0, 1, 0.85, 1, 0.52, 1))  # a seat and its back
BED: tuple[Part, ...] = ((0, 1, 0, 1, 0, 0.55), (0, 1, 0.95, 1, 0.55, 1))  # a mattress and the board at its head
LAMP: tuple[Part, ...] = ((0.35, 0.65, 0.35, 0.65, 0, 0.8), (0, 1, 0, 1, 0.8, 1))  # a pole and its shade


@dataclass(frozen=True)
class Category:
    """A class of furniture. All lengths are in metres.

    Args:
        size: usual width, depth and height.
        width: smallest and largest usual width.
        rooms: the types of room that it stands in.
        parts: its box set: collisions ask these boxes, so that a chair goes under a table.
        bottom: height of its underside above the floor.
        front: free depth that a person needs before it.
        opens: what opens: "door", "doors", "drawer", "drawers", "lid" or nothing.
        obstacle: whether it is in the way; nobody walks around a rug.
        on: the classes that it stands on instead of the floor.
    """

    size: tuple[float, float, float]
    width: tuple[float, float]
    rooms: tuple[str, ...]
    parts: tuple[Part, ...] = WHOLE
    bottom: float = 0.0
    front: float = 0.0
    opens: str = ""
    obstacle: bool = True
    on: tuple[str, ...] = ()


_BED, _LIVING, _DINING, _KITCHEN = ROOM_TYPES

CATEGORIES = {
    "double bed": Category((1.60, 2.10, 0.92), (1.40, 2.06), (_BED,), BED),
    "single bed": Category((0.95, 2.10, 0.90), (0.86, 1.20), (_BED,), BED),
    "nightstand": Category((0.52, 0.40, 0.60), (0.34, 0.70), (_BED,), opens="drawer"),
    "wardrobe": Category((1.50, 0.62, 2.10), (0.90, 2.00), (_BED,), front=0.90, opens="doors"),
    "dresser": Category((1.20, 0.53, 0.97), (0.75, 1.60), (_BED, _LIVING), front=0.80, opens="drawers"),
    "desk": Category((1.39, 0.62, 0.79), (0.84, 1.80), (_BED, _LIVING), DESK, front=0.90, opens="drawer"),
    "chair": Category((0.48, 0.55, 0.88), (0.38, 0.58), ROOM_TYPES, CHAIR),
    "armchair": Category((0.90, 0.86, 0.88), (0.62, 1.20), (_LIVING, _BED)),
    "sofa": Category((2.20, 0.93, 0.92), (1.56, 2.60), (_LIVING,)),
    "coffee table": Category((1.10, 0.62, 0.44), (0.63, 1.40), (_LIVING,)),
    "tv stand": Category((1.30, 0.45, 0.55), (0.90, 1.90), (_LIVING,), front=0.60, opens="doors"),
    "tv": Category((1.15, 0.20, 0.72), (0.85, 1.45), (_LIVING,), bottom=0.55, on=("tv stand",)),
    "bookcase": Category((0.92, 0.34, 1.47), (0.50, 1.60), (_LIVING, _BED), front=0.60),
    "dining table": Category((1.47, 0.90, 0.76), (0.87, 2.10), (_DINING, _KITCHEN), TABLE),
    "sideboard": Category((1.50, 0.45, 0.85), (1.00, 2.00), (_DINING, _LIVING), front=0.80, opens="doors"),
    "counter": Category((1.20, 0.61, 0.92), (0.60, 2.40), (_KITCHEN,), front=1.00, opens="drawers"),
    "wall cupboard": Category((0.80, 0.35, 0.70), (0.40, 1.20), (_KITCHEN,), bottom=1.45, opens="doors"),
    "fridge": Category((0.75, 0.70, 1.85), (0.60, 1.00), (_KITCHEN,), front=0.95, opens="door"),
    "oven": Category((0.60, 0.60, 0.88), (0.50, 0.75), (_KITCHEN,), front=1.00, opens="door"),
    "sink cabinet": Category((0.80, 0.61, 0.92), (0.60, 1.20), (_KITCHEN,), front=1.00, opens="doors"),
    "dishwasher": Category((0.60, 0.60, 0.85), (0.45, 0.60), (_KITCHEN,), front=1.00, opens="door"),
    "microwave": Category((0.50, 0.36, 0.30), (0.45, 0.60), (_KITCHEN,), bottom=0.92, opens="door", on=("counter",)),
    "stool": Category((0.42, 0.36, 0.60), (0.31, 0.50), (_KITCHEN, _LIVING)),
    "floor lamp": Category((0.45, 0.45, 1.75), (0.29, 0.60), (_LIVING, _BED, _DINING), LAMP),
    "plant": Category((0.38, 0.38, 0.80), (0.20, 0.55), ROOM_TYPES),
    "bin": Category((0.36, 0.32, 0.56), (0.25, 0.50), ROOM_TYPES, opens="lid"),
    "box": Category((0.40, 0.42, 0.28), (0.23, 0.60), ROOM_TYPES),
    "rug": Category((2.00, 1.40, 0.01), (1.20, 3.00), (_LIVING, _BED), obstacle=False),
}
"""name -> ``Category``, in the order in which networks number them."""
