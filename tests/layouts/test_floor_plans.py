"""Floor plans from text and from drawings."""

import numpy as np
import pytest
import shapely
from PIL import Image, ImageDraw

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.floor_plan_mask import floor_plan_from_mask
from interactive_action.layouts.floor_plans import SHAPES, centered, floor_plan, parse_corners, shape
from interactive_action.sim.layout import FloorPlan


def drawn(*points, size=400):
    """A mask with a polygon that is drawn in pixels, y downwards."""
    image = Image.new("L", (size, size))
    ImageDraw.Draw(image).polygon(points, fill=255)
    return np.asarray(image) / 255


def test_typed_corners_make_a_room_either_way_around():
    there = floor_plan("0,0; 4,0; 4,3; 0,3", "door 0 0.5 0.9; window 2 1 1.2", "kitchen")
    back = floor_plan("0 3; 4 3; 4 0; 0 0")
    assert there.area == back.area == 12
    assert [opening.kind for opening in there.openings] == ["door", "window"]
    assert there.openings[1].sill == 0.9


@pytest.mark.parametrize(
    "corners, openings, sentence",
    [
        ("0,0; 4,0; 4", "", "A corner is '4'"),
        ("0,0; 4,0; a,b", "", "two numbers"),
        ("", "", "0 corners"),
        ("0,0; 4,0; 4,3; 0,3", "door 0 0.5", "An opening is 'door 0 0.5'"),
        ("0,0; 4,0; 4,3; 0,3", "hatch 0 0.5 1", "door, window, passage"),
        ("0,0; 4,0; 4,3; 0,3", "door 0 0 5", "does not fit into wall 0"),
        ("0,0; 4,3; 4,0; 0,3", "", "crosses itself|square metres"),
    ],
)
def test_text_that_is_no_room_is_refused(corners, openings, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        floor_plan(corners, openings)


def test_the_usual_shapes_lack_what_their_notches_say():
    areas = {name: FloorPlan(shape(name, 5, 4, (0.4, 0.5))).area for name in SHAPES}
    assert areas == pytest.approx({"rectangle": 20, "l": 20 - 2 * 2, "t": 20 - 2 * 2, "cut corner": 20 - 2})


def test_an_unknown_shape_is_refused():
    with pytest.raises(InteractiveActionError, match="rectangle, l, t, cut corner"):
        shape("star", 3, 3)


def test_a_centered_plan_has_its_middle_at_zero():
    plan, middle = centered(FloorPlan(((1, 1), (5, 1), (5, 3), (1, 3))))
    assert middle == (3, 2) and plan.corners == ((-2, -1), (2, -1), (2, 1), (-2, 1))


def test_a_drawn_l_has_six_corners_at_the_right_places():
    """As drawn, its notch is above on the right: y is upwards."""
    plan = floor_plan_from_mask(drawn((50, 50), (250, 50), (250, 200), (350, 200), (350, 350), (50, 350)), 6.0)
    expected = parse_corners("0,0; 6,0; 6,3; 4,3; 4,6; 0,6")
    assert len(plan.corners) == 6
    assert shapely.Polygon(plan.corners).symmetric_difference(shapely.Polygon(expected)).area < 0.15
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in plan.walls)


def test_a_shaky_hand_gives_straight_walls():
    generator = np.random.default_rng(0)
    sides = [((50, 60), (350, 60)), ((350, 60), (350, 340)), ((350, 340), (50, 340)), ((50, 340), (50, 60))]
    points = [
        tuple(np.asarray(a) + share * (np.asarray(b) - a) + generator.normal(0, 2.5, 2))
        for a, b in sides
        for share in np.linspace(0, 1, 12, endpoint=False)
    ]
    plan = floor_plan_from_mask(drawn(*points), 5.0, simplify=0.25)
    assert len(plan.corners) == 4
    assert plan.area == pytest.approx(5 * 5 * 280 / 300, rel=0.05)


def test_an_oblique_wall_stays_oblique():
    plan = floor_plan_from_mask(drawn((50, 50), (250, 50), (350, 150), (350, 350), (50, 350)), 6.0)
    assert len(plan.corners) == 5
    assert plan.area == pytest.approx(36 - 2, rel=0.02)


def test_a_drawn_round_room_keeps_its_area():
    y, x = np.mgrid[:300, :300]
    plan = floor_plan_from_mask(((x - 150) ** 2 + (y - 150) ** 2 < 120**2).astype(float), 4.0, simplify=0.03)
    assert plan.area == pytest.approx(np.pi * 4, rel=0.05)


@pytest.mark.parametrize(
    "mask, sentence",
    [
        (np.zeros((50, 50)), "Nothing is drawn"),
        (np.ones((3, 50, 50)), "one mask"),
        (np.full((50, 50), np.nan), "no numbers"),
        (np.pad(np.ones((20, 20)), 10) - np.pad(np.ones((10, 10)), 15), "a hole"),
        (np.concatenate([np.pad(np.ones((20, 20)), 10)] * 2, 1), "several separate floors"),
    ],
)
def test_a_drawing_that_is_no_room_is_refused(mask, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        floor_plan_from_mask(mask, 4.0)


def test_a_floor_too_small_to_stand_on_is_refused():
    with pytest.raises(InteractiveActionError, match="square metres"):
        floor_plan_from_mask(drawn((50, 50), (350, 50), (350, 350), (50, 350)), 0.5)


FLOOR = drawn((50, 50), (350, 50), (350, 350), (50, 350))


def box(left, top, right, bottom):
    return drawn((left, top), (right, top), (right, bottom), (left, bottom))


def test_painted_doors_and_windows_come_into_their_walls():
    doors = np.maximum(box(80, 340, 179, 360), box(5, 100, 9, 104))  # on the lower wall; and a slip of the pen
    plan = floor_plan_from_mask(FLOOR, 3.0, openings={"door": doors, "window": box(330, 100, 345, 219)})
    door, window = plan.openings
    (start, _), (window_start, _) = (plan.walls[found.wall] for found in (door, window))
    assert (door.kind, window.kind, window.sill) == ("door", "window", 0.9)
    assert start == pytest.approx((0, 0), abs=0.02) and window_start == pytest.approx((3, 0), abs=0.02)
    assert (door.start, door.width) == pytest.approx((0.3, 1.0), abs=0.03)
    assert (window.start, window.width) == pytest.approx((1.3, 1.2), abs=0.03)


@pytest.mark.parametrize(
    "doors, sentence",
    [
        (box(150, 150, 250, 250), "A door is painted 1.50 m from the nearest wall"),
        (np.ones((20, 20)), "has the shape .20, 20., and that of the floor .400, 400."),
        (np.maximum(box(80, 340, 179, 348), box(100, 354, 200, 360)), "A door and a door of wall . overlap"),
    ],
)
def test_a_door_that_is_painted_nowhere_is_refused(doors, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        floor_plan_from_mask(FLOOR, 3.0, openings={"door": doors})
