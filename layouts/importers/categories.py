"""Which of our classes other data sets' names mean, and which of our types their rooms are."""

from __future__ import annotations

import re
from collections.abc import Sequence

NARROW_BED = 1.25  # metres: a bed without a kind of its own is a single one below
LOW_TABLE, LOW_CABINET = 0.58, 1.2  # metres: below these a table is a coffee table and a cabinet a sideboard

_WORDS: tuple[tuple[str, str], ...] = (  # the first that occurs decides; "" is known and left out
    ("ceiling lamp|pendant lamp|chandelier|wall lamp|desk lamp|table lamp|ceiling light", ""),
    ("toilet|bathtub|bath|shower|mirror|painting|curtain|window|door|doorway|doorframe|sink basin|faucet", ""),
    ("pillow|towel|laptop|book|bowl|plate|cup|mug|knife|fork|spoon|vase|clock|remote control|cell phone", ""),
    ("nightstand|night stand|bedside table|bedside cabinet", "nightstand"),
    ("bed end stool|footstool|sofastool|barstool|bar stool|stool|ottoman|pouf", "stool"),
    ("bunk bed|kids bed|single bed|children bed|crib", "single bed"),
    ("king size bed|queen size bed|double bed", "double bed"),
    ("bed|bed frame", "bed"),
    ("tv stand|television stand|media console|media unit", "tv stand"),
    ("tv|television", "tv"),
    ("bookcase|bookshelf|book shelf|shelf|shelving unit|shelving|shelves", "bookcase"),
    ("wall cupboard|wall cabinet", "wall cupboard"),
    ("sink cabinet|sink", "sink cabinet"),
    ("wardrobe|armoire|closet", "wardrobe"),
    ("dresser|drawer chest|chest of drawers", "dresser"),
    ("sideboard|console table|side cabinet|buffet", "sideboard"),
    ("coffee table|tea table|side table|end table|corner table", "coffee table"),
    ("dressing table|desk|vanity", "desk"),
    ("dining table", "dining table"),
    ("armchair|arm chair|lounge chair|lazy sofa|recliner", "armchair"),
    ("sofa|couch|loveseat|chaise longue", "sofa"),
    ("chair|dining chair|office chair|bench", "chair"),
    ("table", "table"),
    ("counter|counter top|countertop|kitchen island|kitchen cabinet|base cabinet", "counter"),
    ("fridge|refrigerator", "fridge"),
    ("microwave", "microwave"),
    ("oven|stove|range|stove burner", "oven"),
    ("dishwasher", "dishwasher"),
    ("floor lamp|standing lamp|lamp", "floor lamp"),
    ("plant|house plant|potted plant", "plant"),
    ("bin|garbage can|trash can|waste basket", "bin"),
    ("box|safe|basket|carton", "box"),
    ("rug|carpet", "rug"),
    ("cabinet|cupboard|storage unit", "cabinet"),
)
_PATTERNS = tuple((re.compile(rf"\b(?:{words})s?\b"), name) for words, name in _WORDS)

_ROOMS = (
    ("bedroom", "bedroom"),
    ("kitchen", "kitchen"),
    ("living", "living room"),
    ("dining", "dining room"),
    ("lounge", "living room"),
    ("library|study|office", "living room"),
    ("bed", "bedroom"),
)


def category_of(name: str, size: Sequence[float]) -> str | None:
    """Returns the class that a foreign name means, or None if we have none.

    Args:
        name: a label ("tv_stand"), a path ("bed/king-size bed"), a type ("ShelvingUnit") or a description.
        size: width, depth and height in metres, which tell beds, tables and cabinets apart.
    """
    text = _plain(name)
    found = [
        (match.start(), order, kind)
        for order, (pattern, kind) in enumerate(_PATTERNS)
        if (match := pattern.search(text))
    ]
    if not found:
        return None
    kind = min(found, key=lambda item: item[1])[2]
    if kind == "bed":
        return "single bed" if size[0] < NARROW_BED else "double bed"
    if kind == "table":
        return "coffee table" if size[2] < LOW_TABLE else "dining table"
    if kind == "cabinet":
        return "sideboard" if size[2] < LOW_CABINET else "wardrobe"
    return kind or None


def room_type_of(name: str) -> str | None:
    """Returns the type of room that a foreign name means ("LivingDiningRoom"), or None if we have none."""
    text = _plain(name)
    return next((kind for words, kind in _ROOMS if re.search(words, text)), None)


def _plain(name: str) -> str:
    """Lower case words with single blanks: camel case, underscores, hyphens and slashes end a word."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name[:400])
    return re.sub(r"[^a-z]+", " ", spaced.lower()).strip()
