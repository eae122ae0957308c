"""Plans: what is where, in which color."""

import math

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.drawing import (
    BORDER,
    FLOOR,
    REACHED,
    UNREACHED,
    WALL,
    WINDOW,
    WRONG,
    color_of,
    draw_floor_plan,
    draw_plan,
    object_masks,
    side_by_side,
)
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.sim.layout import Opening
from interactive_action.tests.layouts.small_rooms import L_SHAPE, room, thing


def pixel(image, x, y, layout):
    """The color at a place in metres."""
    low, high = np.min(layout.floor_plan.corners, 0) - BORDER, np.max(layout.floor_plan.corners, 0) + BORDER
    scale = max(image.size) / max(high - low)
    return image.getpixel((int((x - low[0]) * scale), int((high[1] - y) * scale)))


def near(color, expected, by=30):
    return max(abs(a - b) for a, b in zip(color, expected)) <= by


def test_the_plan_shows_floor_walls_and_windows_where_they_are():
    layout = room(corners=L_SHAPE, openings=(Opening("door", 0, 1.0), Opening("window", 5, 1.0, 1.2, 1.2, 0.9)))
    image = draw_plan(layout, 640, problems=False)
    assert near(pixel(image, 1, 3, layout), FLOOR)
    assert near(pixel(image, 4, 3, layout), (255, 255, 255))  # the notch of the L is outside, upwards on the right
    assert near(pixel(image, 4, -0.06, layout), WALL)
    assert near(pixel(image, -0.06, 2.4, layout), WINDOW)
    assert near(pixel(image, 1.45, -0.06, layout), (255, 255, 255))


def test_reached_floor_is_green_and_unreached_floor_yellow():
    layout = room(thing("bookcase", 2, 1.75, size=(4, 0.5, 1)))
    image = draw_plan(layout, 400)
    assert near(pixel(image, 2, 0.7, layout), REACHED)
    assert near(pixel(image, 2, 3, layout), UNREACHED)


def test_an_overlap_is_red_and_a_tidy_thing_has_its_own_color():
    tidy, wrong = room(thing("wardrobe", 2, 2)), room(thing("wardrobe", 2, 2), thing("box", 2.3, 2))
    red = [
        sum(near(color, WRONG, 40) for color in draw_plan(layout, 400, labels=False).get_flattened_data())
        for layout in (tidy, wrong)
    ]
    assert red[0] == 0 and red[1] > 300
    assert near(pixel(draw_plan(tidy, 400, labels=False), 1.5, 2.1, tidy), color_of("wardrobe"))


def test_the_mark_is_at_the_front():
    for yaw, there, other in ((0.0, (2, 1.72), (2, 2.28)), (math.pi, (2, 2.28), (2, 1.72))):
        layout = room(thing("dresser", 2, 2, yaw, size=(1.2, 0.7, 1)))
        image = draw_plan(layout, 400, labels=False)
        assert sum(pixel(image, *there, layout)) < sum(pixel(image, *other, layout)) - 150


def test_every_class_has_a_color_of_its_own():
    assert len({color_of(name) for name in CATEGORIES}) == len(CATEGORIES)


def test_the_longer_side_has_the_size_that_is_asked_for():
    assert max(draw_plan(room(corners=L_SHAPE), 300).size) == 300
    with pytest.raises(InteractiveActionError, match="32 to 8192"):
        draw_plan(room(), 5)


def test_plans_stand_side_by_side():
    plan = draw_plan(room(), 200)
    sheet = side_by_side([plan, plan], ["before", "after"])
    assert sheet.width > 2 * plan.width and sheet.height > plan.height


def test_the_plan_of_an_empty_room_numbers_its_walls():
    plan = room(corners=L_SHAPE).floor_plan
    image, plain = draw_floor_plan(plan, 512), draw_plan(room(corners=L_SHAPE), 512, problems=False)
    different = np.asarray(image).astype(int) - np.asarray(plain)
    scale = 512 / (5 + 2 * BORDER)
    for (x, y), (next_x, next_y) in plan.walls:
        column, line = ((x + next_x) / 2 + BORDER) * scale, (4 + BORDER - (y + next_y) / 2) * scale
        part = different[int(max(0, line - 30)) : int(line + 30), int(max(0, column - 90)) : int(column + 90)]
        assert np.abs(part).max() > 100


def test_masks_are_where_things_are_drawn_and_as_large():
    layout = room(thing("wardrobe", 1, 2), thing("box", 3, 1, math.pi / 4))
    masks, image = object_masks(layout, 400), draw_plan(layout, 400)
    assert masks.shape == (2, image.height, image.width)
    scale = 400 / (4 + 2 * BORDER)
    for mask, item in zip(masks, layout.objects):
        assert mask.sum() / scale**2 == pytest.approx(item.size[0] * item.size[1], rel=0.08)
        lines, columns = np.nonzero(mask)
        assert columns.mean() / scale - BORDER == pytest.approx(item.position[0], abs=0.02)
        assert 4 + BORDER - lines.mean() / scale == pytest.approx(item.position[1], abs=0.02)
    assert object_masks(room(), 400).shape == (0, 400, 400)
