"""Rooms as networks see them: nothing is lost, and symmetries change nothing but the view."""

import math

import numpy as np
import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.floor_plans import centered
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.representation import (
    CHANNELS,
    CLASS,
    NOTHING,
    SLOTS,
    canonical_order,
    condition,
    decode_layouts,
    decode_rooms,
    encode_moved,
    encode_objects,
    symmetric,
)
from interactive_action.sim.layout import FloorPlan
from interactive_action.tests.layouts.small_rooms import L_SHAPE, room, thing


@pytest.fixture(scope="module")
def layouts():
    return procedural_rooms(8, sloppy_share=0.0)


def test_rooms_come_back_from_their_numbers(layouts):
    shifted = room(
        thing("tv stand", 2, 0.5, 0.3, size=(1.2, 0.45, 0.6)), thing("tv", 2, 0.5, 0.3, z=0.6), corners=L_SHAPE
    )
    for layout in (*layouts, shifted):
        (back,) = decode_layouts(encode_objects([layout]), [layout.floor_plan])
        assert back.floor_plan == layout.floor_plan and len(back.objects) == len(layout.objects)
        for item, other in zip(layout.objects, back.objects):
            assert item.category == other.category
            assert other.position == pytest.approx(item.position, abs=1e-5)
            assert other.size == pytest.approx(item.size, abs=1e-5)
            assert math.remainder(item.yaw - other.yaw, 2 * math.pi) == pytest.approx(0, abs=1e-5)


def test_a_television_stands_on_whatever_stand_is_below():
    low = room(thing("tv stand", 2, 2, size=(1.2, 0.45, 0.4)), thing("tv", 2, 2))
    (back,) = decode_layouts(encode_objects([low]), [low.floor_plan])
    assert back.objects[1].position[2] == pytest.approx(0.4)


def test_sizes_stay_near_the_usual_ones():
    wild = room(thing("chair", 2, 2, size=(3.0, 0.01, 0.9)))
    (back,) = decode_layouts(encode_objects([wild]), [wild.floor_plan])
    assert back.objects[0].size == pytest.approx((0.48 * 1.8, 0.55 * 0.5, 0.9))


def test_empty_slots_hold_nothing(layouts):
    rows = encode_objects(layouts)
    assert rows.shape == (8, SLOTS, CHANNELS)
    for row, layout in zip(rows, layouts):
        assert (row[..., CLASS].argmax(-1) == NOTHING).sum() == SLOTS - len(layout.objects)
        assert torch.equal(row[..., CLASS].sum(-1), torch.full((SLOTS,), 1.0 - NOTHING))


def test_a_room_with_too_many_things_is_refused():
    with pytest.raises(InteractiveActionError, match="17 objects"):
        encode_objects([room(*(thing("box", 1, 1) for _ in range(17)))])


@pytest.mark.parametrize("number", range(8))
def test_a_symmetry_turns_walls_and_things_alike(layouts, number):
    """All metrics of a tidy room stay what they were: nothing goes through a wall."""
    told = condition([layout.floor_plan for layout in layouts], [1.0] * 8, [None] * 8)
    objects, walls = symmetric(encode_objects(layouts), told.walls, number)
    for row, layout in enumerate(layouts[:4]):
        count = len(layout.floor_plan.corners)
        corners = tuple((2 * float(x), 2 * float(y)) for x, y in walls[row, :count, :2])
        if number >= 4:  # the walls still lead counter-clockwise, in backward order
            corners = corners[::-1]
        plan = FloorPlan(corners, (), layout.floor_plan.height, layout.floor_plan.room_type)
        (turned,) = decode_layouts(objects[row : row + 1], [plan])
        before, after = measure(layout), measure(turned)
        assert plan.area == pytest.approx(layout.floor_plan.area, rel=1e-5)
        assert (after.col_obj, after.r_out) == (0, 0)
        assert after.r_reach == pytest.approx(before.r_reach, abs=0.06)
        inwards = walls[row, :count, 4:6]
        assert torch.allclose(inwards.square().sum(-1), torch.ones(count), atol=1e-5)
        middle = (walls[row, :count, :2] + walls[row, :count, 2:4]) / 2 + 0.01 * inwards
        along = walls[row, :count, 2:4] - walls[row, :count, :2]
        cross = along[:, 0] * inwards[:, 1] - along[:, 1] * inwards[:, 0]
        assert (cross > 0).all() and middle.isfinite().all()


def test_the_eight_symmetries_differ(layouts):
    told = condition([layouts[0].floor_plan], [None], [None])
    views = {
        tuple(np.round(symmetric(encode_objects(layouts[:1]), told.walls, n)[0][0, 0, :7].tolist(), 4))
        for n in range(8)
    }
    assert len(views) == 8


def test_the_canonical_order_is_by_class_and_from_left_to_right():
    layout = room(thing("nightstand", 3, 1), thing("double bed", 2, 2), thing("nightstand", 1, 1))
    (back,) = decode_layouts(canonical_order(encode_objects([layout])), [layout.floor_plan])
    assert [item.category for item in back.objects] == ["double bed", "nightstand", "nightstand"]
    assert back.objects[1].position[0] < back.objects[2].position[0]


def test_the_condition_tells_walls_openings_and_what_is_wanted(layouts):
    plan = layouts[0].floor_plan
    told = condition([plan, plan], [0.5, None], [8, None])
    assert told.there[0].sum() == len(plan.corners) + len(plan.openings)
    assert told.room[0, -4:].tolist() == [0.5, 1.0, 0.5, 1.0] and told.room[1, -4:].tolist() == [0.0] * 4


def test_what_is_moved_keeps_its_class_and_size(layouts):
    objects = encode_objects(layouts)
    rooms = decode_rooms(objects, [centered(layout.floor_plan)[0] for layout in layouts])
    moved = encode_moved(objects, rooms.moved(rooms.boxes.center + 0.5, rooms.boxes.yaw + 0.1))
    assert torch.equal(moved[..., CLASS], objects[..., CLASS]) and torch.equal(moved[..., 2:5], objects[..., 2:5])
    there = rooms.present
    assert torch.allclose((moved - objects)[there][:, :2], torch.tensor(0.25), atol=1e-5)
    assert torch.equal(moved[~there], objects[~there])
