"""A room's plan as an image: walls, doors with their swings, windows, furniture, and what is wrong with it.

Free floor that a robot reaches from a door is green, free floor that it does not reach yellow; what it does not reach
has a red border, and overlaps and what is in a wall are red.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..errors import InteractiveActionError
from ..sim.furniture import CATEGORIES
from ..sim.layout import FloorPlan, Layout, LayoutObject, Opening
from .metrics import violations
from .openings import inward
from .relations import local
from .rooms import NAMES, to_rooms
from .walkable import Body, WalkableMap, walkable_map

PAPER, FLOOR, WALL, INK = (255, 255, 255), (236, 233, 226), (60, 60, 66), (40, 40, 44)
REACHED, UNREACHED, WRONG = (198, 226, 190), (244, 226, 160), (214, 48, 49)
DOOR, WINDOW = (150, 96, 48), (110, 170, 220)
BORDER, THICK = 0.3, 0.12  # metres around the room at least, and of its walls
FINER = 2  # drawn so many times larger, then made smaller: smooth lines
CELL = 0.025  # metres of the walkable area's map

Point = tuple[float, float]


def draw_plan(
    layout: Layout, size: int = 512, body: Body | None = None, labels: bool = True, problems: bool = True
) -> Image.Image:
    """Returns the plan of a room, RGB.

    Args:
        layout: the room.
        size: pixels of the longer side.
        body: of the robot; None: a usual one.
        labels: whether things bear their names.
        problems: whether walkable area, unreached things and violations are shown.

    Raises:
        InteractiveActionError: the size is no image's.
    """
    if not 32 <= size <= 8192:
        raise InteractiveActionError(f"The size of a plan is {size} pixels. Give 32 to 8192.")
    sheet = _Sheet.of(layout.floor_plan, size * FINER)
    draw = ImageDraw.Draw(sheet.image)
    draw.polygon(sheet.pixels(layout.floor_plan.corners), fill=FLOOR)
    unreached: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.zeros(len(layout.objects), dtype=bool)
    if problems:
        walkable = walkable_map(layout, body, CELL)
        _draw_walkable(sheet, walkable)
        if walkable.grid.from_doors.isfinite().any():
            unreached = ~walkable.from_door()
    wrong = _wrong(layout) if problems else np.zeros(len(layout.objects), dtype=bool)
    for index in sorted(range(len(layout.objects)), key=lambda index: _level(layout.objects[index])):
        _draw_object(sheet, layout.objects[index], bool(wrong[index]), bool(unreached[index]))
    _draw_walls(sheet, layout.floor_plan)
    image = sheet.image.resize((sheet.image.width // FINER, sheet.image.height // FINER), Image.Resampling.LANCZOS)
    if labels:
        _write_names(image, sheet, layout)
    return image


def draw_floor_plan(plan: FloorPlan, size: int = 512) -> Image.Image:
    """Returns the plan of an empty room with the number and the length of each wall.

    Args:
        plan: the floor plan.
        size: pixels of the longer side.

    Raises:
        InteractiveActionError: the size is no image's.
    """
    image = draw_plan(Layout(plan), size, labels=False, problems=False)
    sheet = _Sheet.of(plan, size)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(11, size // 36))
    for wall, ((x, y), (next_x, next_y)) in enumerate(plan.walls):
        normal, inside = inward(plan, wall), 0.03 * size / sheet.scale
        middle = [((x + next_x) / 2 + normal[0] * inside, (y + next_y) / 2 + normal[1] * inside)]
        label = f"wall {wall}: {math.dist((x, y), (next_x, next_y)):.2f} m"
        side = "m" if abs(normal[0]) < 0.5 else "l" if normal[0] > 0 else "r"  # a text stays inside of its wall
        draw.text(sheet.pixels(middle)[0], label, fill=INK, font=font, anchor=f"{side}m")
    return image


def object_masks(layout: Layout, size: int = 512) -> np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]:
    """Returns (N, H, W) where each thing is on the plan that ``draw_plan`` draws of the same size."""
    plan = draw_plan(Layout(layout.floor_plan), size, labels=False, problems=False)
    sheet = _Sheet.of(layout.floor_plan, size * FINER)
    masks = np.zeros((len(layout.objects), plan.height, plan.width), dtype=bool)
    for mask, item in zip(masks, layout.objects):
        drawn = Image.new("L", plan.size)
        corners = [(x / FINER, y / FINER) for x, y in sheet.pixels(_corners(item))]
        ImageDraw.Draw(drawn).polygon(corners, fill=255)
        mask[:] = np.asarray(drawn) > 0
    return masks


def side_by_side(images: Sequence[Image.Image], titles: Sequence[str]) -> Image.Image:
    """Returns plans beside one another under their titles: before and after guidance, for example."""
    height, gap = max(image.height for image in images) + 24, 12
    sheet = Image.new("RGB", (sum(image.width + gap for image in images) - gap, height), PAPER)
    left = 0
    for image, title in zip(images, titles):
        sheet.paste(image, (left, 24))
        ImageDraw.Draw(sheet).text((left + 6, 5), title, fill=INK, font=ImageFont.load_default(14))
        left += image.width + gap
    return sheet


@dataclass(frozen=True)
class _Sheet:
    """An image with the metres that its pixels are."""

    image: Image.Image
    low: Point
    high: Point
    scale: float  # pixels a metre

    @classmethod
    def of(cls, plan: FloorPlan, size: int) -> _Sheet:
        outwards = [opening.width for opening in plan.openings if opening.kind == "door" and opening.swing == "out"]
        border = max([BORDER, *(width + 0.05 for width in outwards)])
        low = tuple(min(values) - border for values in zip(*plan.corners))
        high = tuple(max(values) + border for values in zip(*plan.corners))
        scale = size / max(high[0] - low[0], high[1] - low[1])
        pixels = tuple(max(FINER, round((high[k] - low[k]) * scale)) for k in range(2))
        return cls(Image.new("RGB", (pixels[0], pixels[1]), PAPER), (low[0], low[1]), (high[0], high[1]), scale)

    def pixels(self, points: Sequence[Sequence[float]]) -> list[Point]:
        """Points in pixels; y is upwards on the plan."""
        return [((x - self.low[0]) * self.scale, (self.high[1] - y) * self.scale) for x, y in points]


def _level(item: LayoutObject) -> float:
    """What is drawn first: what is walked over, then what stands lowest."""
    return item.position[2] if CATEGORIES[item.category].obstacle else -1.0


def _wrong(layout: Layout) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) what collides or is in a wall."""
    if not layout.objects:
        return np.zeros(0, dtype=bool)
    colliding, out = violations(to_rooms([layout], torch.float64))
    return np.asarray((colliding | out)[0].numpy())


def _draw_walkable(sheet: _Sheet, walkable: WalkableMap) -> None:
    """Colors the free cells."""
    colors = np.zeros((*walkable.labels.shape, 4), dtype=np.uint8)
    joined = np.isin(walkable.labels, walkable.doors) & (walkable.labels > 0)
    colors[walkable.labels > 0] = (*UNREACHED, 255)
    colors[joined] = (*REACHED, 255)
    half = walkable.grid.cell / 2
    (left, bottom), (right, top) = walkable.grid.points[0].tolist(), walkable.grid.points[-1].tolist()
    (x0, y0), (x1, y1) = sheet.pixels([(left - half, top + half), (right + half, bottom - half)])
    size = (max(1, round(x1 - x0)), max(1, round(y1 - y0)))
    overlay = Image.fromarray(colors[::-1].copy()).resize(size, Image.Resampling.NEAREST)
    sheet.image.paste(overlay, (round(x0), round(y0)), overlay)


def _draw_object(sheet: _Sheet, item: LayoutObject, wrong: bool, unreached: bool) -> None:
    """A footprint in its class's color, with a mark at its front."""
    draw = ImageDraw.Draw(sheet.image, "RGBA")
    outline = sheet.pixels(_corners(item))
    alpha = 235 if CATEGORIES[item.category].obstacle else 150
    draw.polygon(outline, fill=(*color_of(item.category), alpha))
    line = WRONG if wrong or unreached else INK
    thick = max(1, round((0.05 if wrong or unreached else 0.02) * sheet.scale))
    draw.line([*outline, outline[0], outline[1]], fill=line, width=thick, joint="curve")
    if wrong:
        _hatch(draw, sheet, item)
    if CATEGORIES[item.category].obstacle:
        back = min(0.9, 0.3 / max(item.size[1] / 2, 0.01)) * 0.5 - 1
        mark = [_at(item, -0.2, back), _at(item, 0.2, back), _at(item, 0, -1)]
        draw.polygon(sheet.pixels(mark), fill=INK)


def _at(item: LayoutObject, side: float, back: float) -> Point:
    """A point of a footprint: -1 and 1 are its left and right side, its front and its back."""
    cos, sin = math.cos(item.yaw), math.sin(item.yaw)
    right, behind = side * item.size[0] / 2, back * item.size[1] / 2
    return item.position[0] + cos * right - sin * behind, item.position[1] + sin * right + cos * behind


def _corners(item: LayoutObject) -> list[Point]:
    return [_at(item, 1, 1), _at(item, -1, 1), _at(item, -1, -1), _at(item, 1, -1)]


def _hatch(draw: ImageDraw.ImageDraw, sheet: _Sheet, item: LayoutObject) -> None:
    """Red oblique lines across a footprint."""
    reach, step = math.hypot(*item.size[:2]) / 2, 0.12
    x, y = item.position[:2]
    for number in range(-round(reach / step), round(reach / step) + 1):
        line = [(x + number * step + s / 2, y - number * step + s / 2) for s in np.linspace(-reach, reach, 80)]
        inside = [point for point in line if _holds(item, point)]
        if len(inside) > 1:
            draw.line(sheet.pixels([inside[0], inside[-1]]), fill=WRONG, width=max(1, round(0.015 * sheet.scale)))


def _holds(item: LayoutObject, point: Point) -> bool:
    """Whether a point lies on a footprint."""
    return all(abs(value) <= size / 2 for value, size in zip(local(item, *point), item.size))


def _draw_walls(sheet: _Sheet, plan: FloorPlan) -> None:
    """Walls outside the floor's border, and what opens in them."""
    draw = ImageDraw.Draw(sheet.image)
    normals = [inward(plan, wall) for wall in range(len(plan.corners))]
    outer = []
    for corner, before, after in zip(plan.corners, [normals[-1], *normals], normals):
        # the miter of both walls' outer sides
        share = THICK / max(0.2, 1 + before[0] * after[0] + before[1] * after[1])
        outer.append(tuple(corner[k] - share * (before[k] + after[k]) for k in range(2)))
    for wall, (start, end) in enumerate(plan.walls):
        following = (wall + 1) % len(outer)
        draw.polygon(sheet.pixels([start, end, outer[following], outer[wall]]), fill=WALL)
    for opening in plan.openings:
        _draw_opening(sheet, draw, plan, opening)


def _draw_opening(sheet: _Sheet, draw: ImageDraw.ImageDraw, plan: FloorPlan, opening: Opening) -> None:
    """A gap in the wall: a window's pane, or a door's leaf with the arc of its swing."""
    start, normal = plan.walls[opening.wall][0], inward(plan, opening.wall)
    along = normal[1], -normal[0]

    def at(distance: float, inside: float) -> Point:
        return (
            start[0] + along[0] * distance + normal[0] * inside,
            start[1] + along[1] * distance + normal[1] * inside,
        )

    first, last = opening.start, opening.start + opening.width
    gap = sheet.pixels([at(first, 0), at(last, 0), at(last, -THICK), at(first, -THICK)])
    draw.polygon(gap, fill=WINDOW if opening.kind == "window" else PAPER)
    if opening.kind != "door":
        return
    hinge, free = (first, last) if opening.hinge == "start" else (last, first)
    sign = 1 if opening.swing == "in" else -1
    side = 1 if free > hinge else -1
    arc = [
        at(hinge + side * opening.width * math.cos(angle), sign * opening.width * math.sin(angle))
        for angle in np.linspace(0, math.pi / 2, 24)
    ]
    width = max(1, round(0.02 * sheet.scale))
    draw.line(sheet.pixels(arc), fill=DOOR, width=width)
    draw.line(sheet.pixels([at(hinge, 0), arc[-1]]), fill=DOOR, width=2 * width)


def _write_names(image: Image.Image, sheet: _Sheet, layout: Layout) -> None:
    """The name of each thing at its middle, where it fits."""
    draw = ImageDraw.Draw(image)
    for item in layout.objects:
        ((x, y),) = sheet.pixels([item.position[:2]])
        room = 1.1 * max(item.size[:2]) * sheet.scale / FINER
        for size in (13, 11, 9):
            font = ImageFont.load_default(size)
            if draw.textlength(item.category, font=font) <= room:
                draw.text((x / FINER, y / FINER), item.category, fill=INK, font=font, anchor="mm")
                break


def color_of(category: str) -> tuple[int, int, int]:
    """Returns the color of a class, always the same and unlike its neighbors'."""
    hue = (NAMES.index(category) * 0.381966) % 1  # the golden ratio spreads them
    red, green, blue = colorsys.hls_to_rgb(hue, 0.72, 0.45)
    return round(255 * red), round(255 * green), round(255 * blue)
