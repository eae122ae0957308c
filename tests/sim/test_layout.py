"""A layout's plain data: what it keeps, and what it refuses."""

import json
import math

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.furniture import CATEGORIES, ROOM_TYPES
from interactive_action.sim.layout import (
    FloorPlan,
    Layout,
    LayoutObject,
    Opening,
    load_layouts,
    save_layouts,
)
from interactive_action.sim.polygons import signed_area

L_SHAPE = ((0, 0), (5, 0), (5, 2), (3, 2), (3, 4), (0, 4))


def l_room():
    plan = FloorPlan(L_SHAPE, (Opening("door", 0, 0.3), Opening("window", 5, 1.0, 1.2, 1.1, 0.9)), 2.5, "living room")
    objects = (
        LayoutObject("sofa", (2.2, 0.9, 0.9), (1.5, 3.4, 0.0), 0.0, "sofa-1"),
        LayoutObject("tv stand", (1.3, 0.45, 0.55), (1.5, 0.3, 0.0), math.pi, opened=0.5),
    )
    return Layout(plan, objects, {"seed": 3, "source": "typed"})


def test_a_layout_comes_back_from_its_json_as_it_was():
    layout = l_room()
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


def test_a_file_of_layouts_comes_back_as_it_was(tmp_path):
    layouts = [l_room(), Layout(FloorPlan(((0, 0), (4, 0), (4, 3))))]
    save_layouts(tmp_path / "rooms.jsonl", layouts)
    assert load_layouts(tmp_path / "rooms.jsonl") == layouts


def test_a_file_that_an_editor_indented_is_read(tmp_path):
    (tmp_path / "room.json").write_text(json.dumps(l_room().to_json(), indent=2))
    assert load_layouts(tmp_path / "room.json") == [l_room()]


def test_the_json_says_its_schema_and_its_axes():
    data = l_room().to_json()
    assert (data["schema"], data["version"]) == ("interactive-action/layout", 1)
    assert (data["units"], data["up"], data["handed"]) == ("m", "z", "right")


def test_the_area_of_an_l_is_that_of_its_two_rectangles():
    assert l_room().floor_plan.area == 5 * 2 + 3 * 2
    assert signed_area(L_SHAPE[::-1]) == -16


def test_each_class_has_a_size_in_its_range_and_parts_in_its_box():
    assert len(CATEGORIES) >= 25
    for name, category in CATEGORIES.items():
        assert category.width[0] <= category.size[0] <= category.width[1], name
        assert set(category.rooms) <= set(ROOM_TYPES), name
        assert all(below in CATEGORIES for below in category.on), name
        for part in category.parts:
            assert all(0 <= low < high <= 1 for low, high in zip(part[::2], part[1::2])), name


@pytest.mark.parametrize(
    "corners, sentence",
    [
        (((0, 0), (4, 0)), "2 corners"),
        (((0, 0), (4, 4), (4, 0), (0, 4)), "crosses itself"),
        (((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)), "crosses itself"),  # a corner on another wall
        (((0, 0), (4, 0), (2, 0)), "crosses itself"),
        (((0, 0), (4, 0), (4, 0), (0, 3)), "no length"),
        (((0, 0), (0.4, 0), (0.4, 0.4), (0, 0.4)), "square metres"),
        (((0, 0), (0, 4), (4, 4), (4, 0)), "clockwise"),
        (((0, 0), (4, 0), (4, math.nan)), "finite number"),
        (((0, 0), (400, 0), (400, 300)), "from -100 to 100"),
        (((0, 0, 0), (4, 0, 0), (4, 3, 0)), "two numbers"),
    ],
)
def test_a_polygon_that_is_no_room_is_refused(corners, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        FloorPlan(corners)


@pytest.mark.parametrize(
    "openings, sentence",
    [
        ((Opening("door", 1, 0, 2.5),), "does not fit into wall 1, which is 2.00 m"),
        ((Opening("door", 7),), "numbered from 0 to 5"),
        ((Opening("window", 0, 1, 1, 2, 0.9),), "2.9 m high"),
        ((Opening("door", 0, 0.5, 0.9), Opening("window", 0, 1.0, 0.9, 1, 0.9)), "overlap by 0.40 m"),
    ],
)
def test_an_opening_that_does_not_fit_is_refused(openings, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        FloorPlan(L_SHAPE, openings)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(kind="hole"), "door, window, passage"),
        (dict(wall=-1), "number, from 0"),
        (dict(width=math.inf), "finite"),
        (dict(swing="up"), "in, out"),
    ],
)
def test_an_opening_of_no_sense_is_refused(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Opening(**change)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(category="throne"), "no class of furniture 'throne'"),
        (dict(size=(1, 0, 1)), "size of a sofa along y"),
        (dict(size=(1, 1)), "Give three"),
        (dict(size=None), "Give three"),
        (dict(category=None), "no class of furniture None"),
        (dict(position=(math.nan, 0, 0)), "finite"),
        (dict(yaw=math.inf), "yaw"),
        (dict(opened=1.5), "from 0 to 1"),
        (dict(asset=None), "must be text"),
    ],
)
def test_an_object_of_no_sense_is_refused(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        LayoutObject(**{**dict(category="sofa", size=(2, 1, 1), position=(0, 0, 0)), **change})


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(schema="ssr"), "another schema"),
        (dict(version=9), "version 9"),
        (dict(up="y"), "up is 'y' and must be 'z'"),
        (dict(handed="left"), "other axes"),
        (dict(floor_plan={"walls": []}), "must have corners"),
        (dict(floor_plan={"corners": 3}), "list of rows"),
        (dict(objects=[{"category": "sofa"}]), "must have category, position, size"),
    ],
)
def test_a_file_of_another_kind_is_refused(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Layout.from_json(l_room().to_json() | change)


def test_data_that_are_no_object_are_refused():
    with pytest.raises(InteractiveActionError, match="another schema"):
        Layout.from_json([1, 2])


def test_a_line_that_is_broken_is_named(tmp_path):
    save_layouts(tmp_path / "rooms.jsonl", [l_room()])
    with open(tmp_path / "rooms.jsonl", "a") as file:
        file.write("{nothing")
    with pytest.raises(InteractiveActionError, match="Line 2 of rooms.jsonl"):
        load_layouts(tmp_path / "rooms.jsonl")


ODD = (None, True, -1, 0.5, 1e300, "", "x", [], [1], [[1]], {}, {"a": 1})


def places(data):
    """Every container in a JSON value with a key in it."""
    if isinstance(data, (dict, list)):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from places(data[key])


def test_whatever_stands_in_a_file_it_is_read_or_refused_in_a_sentence():
    text = json.dumps(l_room().to_json())
    refused = 0
    for number in range(len(list(places(json.loads(text))))):
        for odd in ODD:
            data = json.loads(text)
            container, key = list(places(data))[number]
            container[key] = odd
            try:
                Layout.from_json(data)
            except InteractiveActionError:
                refused += 1
    assert refused > 500
