"""Which things stand as people place them: a nightstand beside its bed, a sofa before the television.

One checker for all rooms, generated or imported; each answer comes with a sentence. Guidance keeps backs at walls and
things on their supports; all other relations are part of no loss, so that scores by them are not circular.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..sim.layout import FloorPlan, Layout, LayoutObject
from .openings import inward

Frame = tuple[float, float]
BEDS = ("double bed", "single bed")
TABLES = ("dining table", "desk")
RUN = ("counter", "sink cabinet", "oven", "dishwasher", "fridge")
AGAINST_WALL = (*BEDS, *RUN, "wardrobe", "dresser", "desk", "tv stand", "bookcase", "sideboard", "wall cupboard")
AT_EDGE = ("floor lamp", "plant", "bin", "box")


@dataclass(frozen=True)
class Relation:
    """Whether one thing stands as it should.

    Args:
        name: a name of ``RELATIONS``.
        index: number of the object.
        holds: whether it does.
        sentence: what was measured.
    """

    name: str
    index: int
    holds: bool
    sentence: str


def check_relations(layout: Layout) -> list[Relation]:
    """Returns every relation that something in a room should have, and whether it does."""
    found = []
    for name, (subjects, check) in RELATIONS.items():
        for index, item in enumerate(layout.objects):
            if item.category in subjects:
                answer = check(layout, item)
                if answer is not None:
                    holds, measured = answer
                    found.append(Relation(name, index, holds, f"{item.category}: {measured}"))
    return found


def relation_shares(layout: Layout) -> dict[str, float]:
    """Returns the share of a room's subjects for which each relation holds; what a room does not ask is not there."""
    answers: dict[str, list[bool]] = {}
    for relation in check_relations(layout):
        answers.setdefault(relation.name, []).append(relation.holds)
    return {name: sum(holds) / len(holds) for name, holds in answers.items()}


def local(item: LayoutObject, x: float, y: float) -> Frame:
    """Returns a point in a thing's frame: x to its side, y to its back."""
    dx, dy = x - item.position[0], y - item.position[1]
    cos, sin = math.cos(item.yaw), math.sin(item.yaw)
    return cos * dx + sin * dy, cos * dy - sin * dx


Answer = tuple[bool, str] | None


def _against_wall(layout: Layout, item: LayoutObject) -> Answer:
    gap, turn = min(_walls_behind(layout.floor_plan, item))
    return abs(gap) <= 0.12 and turn <= 10, f"{gap:.2f} m from the wall behind it, turned {turn:.0f} degrees off it"


def _walls_behind(plan: FloorPlan, item: LayoutObject) -> Iterator[Frame]:
    """(metres from the thing's back to a wall, degrees between its back and the wall), best match first by size."""
    back = -math.sin(item.yaw), math.cos(item.yaw)
    x, y = (item.position[k] + back[k] * item.size[1] / 2 for k in range(2))
    for wall, (start, end) in enumerate(plan.walls):
        normal = inward(plan, wall)
        cosine = max(-1.0, min(1.0, -(back[0] * normal[0] + back[1] * normal[1])))
        turn = math.degrees(math.acos(cosine))
        gap = (x - start[0]) * normal[0] + (y - start[1]) * normal[1]
        along = (x - start[0]) * normal[1] - (y - start[1]) * normal[0]
        beside = max(0.0, -along, along - math.dist(start, end))
        yield (abs(gap) + beside if turn < 45 else math.inf), turn
    yield math.inf, 180.0


def _beside_bed(layout: Layout, item: LayoutObject) -> Answer:
    bed = _nearest(layout, item, BEDS)
    if not bed:
        return None
    x, y = local(bed, *item.position[:2])
    gap = abs(x) - (bed.size[0] + item.size[0]) / 2
    back = abs((y + item.size[1] / 2) - bed.size[1] / 2)
    return -0.03 <= gap <= 0.25 and back <= 0.3, f"{gap:.2f} m beside the bed, {back:.2f} m off its head"


def _facing_table(layout: Layout, item: LayoutObject) -> Answer:
    table = _nearest(layout, item, TABLES)
    return _faces(item, table, 40, 0.5) if table else None


def _around_table(layout: Layout, item: LayoutObject) -> Answer:
    chairs = [
        local(item, *chair.position[:2])
        for chair in layout.objects
        if chair.category == "chair" and _faces(chair, item, 40, 0.5)[0]
    ]
    if not any(chair.category == "chair" for chair in layout.objects):
        return None
    count = max(len(chairs), 1)
    off = max(abs(sum(chair[k] for chair in chairs)) / (count * item.size[k]) for k in range(2))
    return len(chairs) >= 2 and off <= 0.35, f"{len(chairs)} chairs face it, {off:.2f} of its side off its middle"


def _facing_tv(layout: Layout, item: LayoutObject) -> Answer:
    stand = _nearest(layout, item, ("tv stand",))
    if not stand:
        return None
    holds, measured = _faces(item, stand, 25, 4.0)
    return holds and _gap(item, stand) >= 1.0, measured


def _before_sofa(layout: Layout, item: LayoutObject) -> Answer:
    sofa = _nearest(layout, item, ("sofa",))
    if not sofa:
        return None
    x, y = local(sofa, *item.position[:2])
    gap = -y - (sofa.size[1] + item.size[1]) / 2
    return 0.15 <= gap <= 0.8 and abs(x) <= sofa.size[0] / 2, f"{gap:.2f} m before the sofa, {x:.2f} m to its side"


def _on_support(layout: Layout, item: LayoutObject) -> Answer:
    support = _nearest(layout, item, {"tv": ("tv stand",), "microwave": ("counter",)}[item.category])
    if not support:
        return False, "nothing to stand on"
    x, y = local(support, *item.position[:2])
    above = item.position[2] - support.position[2] - support.size[2]
    inside = abs(x) <= support.size[0] / 2 and abs(y) <= support.size[1] / 2
    return inside and abs(above) <= 0.05, f"{above:.2f} m above a {support.category}, its middle {_yes(inside)} on it"


def _above_run(layout: Layout, item: LayoutObject) -> Answer:
    below = _nearest(layout, item, RUN)
    if not below:
        return False, "nothing below it"
    x, y = local(below, *item.position[:2])
    inside = abs(x) <= below.size[0] / 2 + 0.05 and abs(y) <= below.size[1] / 2
    return inside, f"its middle is {_yes(inside)} above a {below.category}"


def _in_run(layout: Layout, item: LayoutObject) -> Answer:
    others = [other for other in layout.objects if other.category in RUN and other is not item]
    if not others:
        return None
    gaps = []
    for other in others:
        x, y = local(item, *other.position[:2])
        aligned = abs(math.remainder(item.yaw - other.yaw, 2 * math.pi)) < 0.2 and abs(y) < 0.3
        gaps.append(abs(abs(x) - (item.size[0] + other.size[0]) / 2) if aligned else math.inf)
    return min(gaps) <= 0.08, f"{min(gaps):.2f} m from its neighbour"


def _at_edge(layout: Layout, item: LayoutObject) -> Answer:
    plan = layout.floor_plan
    gaps = (
        (item.position[0] - start[0]) * normal[0] + (item.position[1] - start[1]) * normal[1]
        for start, normal in ((plan.corners[wall], inward(plan, wall)) for wall in range(len(plan.corners)))
        if _along(item, start, normal, plan)
    )
    gap = min(gaps, default=math.inf) - min(item.size[:2]) / 2
    return gap <= 0.35, f"{gap:.2f} m from the nearest wall"


def _along(item: LayoutObject, start: Frame, normal: Frame, plan: FloorPlan) -> bool:
    """Whether a thing is beside the wall that begins at ``start``, on its inner side."""
    following = plan.corners[(plan.corners.index(start) + 1) % len(plan.corners)]
    dx, dy = item.position[0] - start[0], item.position[1] - start[1]
    along = dx * normal[1] - dy * normal[0]
    return -0.3 <= along <= math.dist(start, following) + 0.3 and dx * normal[0] + dy * normal[1] > -0.3


def _nearest(layout: Layout, item: LayoutObject, categories: Sequence[str]) -> LayoutObject | None:
    others = [other for other in layout.objects if other.category in categories and other is not item]
    return min(others, key=lambda other: _gap(item, other), default=None)


def _gap(item: LayoutObject, other: LayoutObject) -> float:
    """Metres from a thing's middle to the other's footprint, less half its own depth."""
    x, y = local(other, *item.position[:2])
    beyond = math.hypot(max(abs(x) - other.size[0] / 2, 0), max(abs(y) - other.size[1] / 2, 0))
    return beyond - item.size[1] / 2


def _faces(item: LayoutObject, other: LayoutObject, degrees: float, farthest: float) -> tuple[bool, str]:
    """Whether a thing's front looks at the nearest point of another one."""
    x, y = local(other, *item.position[:2])
    near = max(-other.size[0] / 2, min(other.size[0] / 2, x)), max(-other.size[1] / 2, min(other.size[1] / 2, y))
    cos, sin = math.cos(other.yaw), math.sin(other.yaw)
    towards = cos * (near[0] - x) - sin * (near[1] - y), sin * (near[0] - x) + cos * (near[1] - y)
    if math.hypot(*towards) < 1e-6:  # inside of it: look at its middle
        towards = other.position[0] - item.position[0], other.position[1] - item.position[1]
    off = math.atan2(towards[1], towards[0]) - math.atan2(-math.cos(item.yaw), math.sin(item.yaw))
    turn, gap = abs(math.degrees(math.remainder(off, 2 * math.pi))), _gap(item, other)
    return turn <= degrees and gap <= farthest, f"{gap:.2f} m from the {other.category}, {turn:.0f} degrees off it"


def _yes(holds: bool) -> str:
    return "right" if holds else "not"


RELATIONS: dict[str, tuple[tuple[str, ...], Callable[[Layout, LayoutObject], Answer]]] = {
    "against a wall": (AGAINST_WALL, _against_wall),
    "beside a bed": (("nightstand",), _beside_bed),
    "facing a table": (("chair",), _facing_table),
    "around a table": (("dining table",), _around_table),
    "facing the tv": (("sofa",), _facing_tv),
    "before a sofa": (("coffee table",), _before_sofa),
    "on its support": (("tv", "microwave"), _on_support),
    "above the run": (("wall cupboard",), _above_run),
    "in the run": (("sink cabinet", "oven", "dishwasher"), _in_run),
    "at the edge": (AT_EDGE, _at_edge),
}
"""name -> (the classes that should have it, what checks it)."""
