"""Which function makes which class of furniture."""

from __future__ import annotations

from collections.abc import Callable

from ..layout import LayoutObject
from . import cupboards, plain
from .model import Furnishing, Vector

Maker = Callable[[Vector], Furnishing]

MAKERS: dict[str, Maker] = {
    "double bed": plain.bed,
    "single bed": plain.bed,
    "nightstand": cupboards.nightstand,
    "wardrobe": cupboards.wardrobe,
    "dresser": cupboards.dresser,
    "desk": cupboards.desk,
    "chair": plain.chair,
    "armchair": plain.sofa,
    "sofa": plain.sofa,
    "coffee table": plain.coffee_table,
    "tv stand": cupboards.tv_stand,
    "tv": plain.tv,
    "bookcase": plain.bookcase,
    "dining table": plain.dining_table,
    "sideboard": cupboards.sideboard,
    "counter": cupboards.counter,
    "wall cupboard": cupboards.wall_cupboard,
    "fridge": cupboards.fridge,
    "oven": cupboards.oven,
    "sink cabinet": cupboards.sink_cabinet,
    "dishwasher": cupboards.dishwasher,
    "microwave": cupboards.microwave,
    "stool": plain.stool,
    "floor lamp": plain.floor_lamp,
    "plant": plain.plant,
    "bin": cupboards.waste_bin,
    "box": plain.carton,
    "rug": plain.rug,
}
"""name of a class -> what makes it from width, depth and height in metres."""

MOVABLE = ("chair", "stool", "plant", "box", "bin", "microwave", "tv")
"""What a person carries about; the rest stands fast in a simulation."""


def furnish(item: LayoutObject) -> Furnishing:
    """Returns the furniture that a layout's object is, of its size."""
    return MAKERS[item.category](item.size)
