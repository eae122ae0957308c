"""Metrics of rooms that were worked out by hand, and against shapely."""

import math

import numpy as np
import pytest
import shapely
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.metrics import (
    category_divergence,
    co_occurrence,
    collisions,
    depth_outside,
    measure,
    outside_area,
)
from interactive_action.layouts.rooms import NAMES, to_rooms
from interactive_action.layouts.scores import score_rooms, table
from interactive_action.layouts.walkable import Body, walkable_map
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.sim.layout import Opening
from interactive_action.tests.layouts.small_rooms import L_SHAPE, footprint, room, thing

BLOCK = (1.0, 1.0, 1.0)


def random_room(seed, count=6, corners=L_SHAPE):
    generator = np.random.default_rng(seed)
    names = generator.choice(
        [name for name in CATEGORIES if CATEGORIES[name].parts[0] == (0, 1, 0, 1, 0, 1) and name != "rug"], count
    )
    return room(
        *(thing(name, *generator.uniform(-0.2, 4.8, 2), generator.uniform(-3, 3)) for name in names), corners=corners
    )


def test_two_blocks_that_overlap_by_ten_centimetres():
    metrics = measure(
        room(thing("dresser", 1, 1, size=BLOCK), thing("bin", 1.9, 1, size=BLOCK), thing("box", 3.4, 3.4))
    )
    assert metrics.col_obj == pytest.approx(2 / 3) and metrics.col_scene == 1
    assert metrics.overlap_volume == pytest.approx(0.1) and metrics.deepest == pytest.approx(0.1)
    assert metrics.r_out == 0 and metrics.out_area == 0


def test_what_touches_does_not_collide():
    metrics = measure(room(thing("dresser", 1, 1, size=BLOCK), thing("bin", 2.0, 1, size=BLOCK)))
    assert metrics.col_obj == metrics.col_scene == metrics.overlap_volume == 0


def test_what_stands_on_another_thing_does_not_collide():
    stand = thing("tv stand", 2, 0.3, math.pi)
    assert measure(room(stand, thing("tv", 2, 0.3, math.pi))).col_obj == 0
    assert measure(room(stand, thing("tv", 2, 0.3, math.pi, z=0.4))).col_obj == 1


def test_nobody_collides_with_a_rug():
    assert measure(room(thing("rug", 2, 2), thing("coffee table", 2, 2))).col_obj == 0


def test_a_small_thing_inside_a_large_one_collides():
    metrics = measure(room(thing("wardrobe", 2, 2), thing("box", 2, 2, size=(0.2, 0.2, 0.2))))
    assert metrics.col_obj == 1 and metrics.overlap_volume == pytest.approx(0.008)


def test_overlap_volumes_are_those_of_shapely():
    for seed in range(20):
        layout = random_room(seed)
        _, volume = collisions(to_rooms([layout], torch.float64))
        for i, first in enumerate(layout.objects):
            for j, second in enumerate(layout.objects):
                low = max(first.position[2], second.position[2])
                high = min(first.position[2] + first.size[2], second.position[2] + second.size[2])
                expected = footprint(first).intersection(footprint(second)).area * max(0, high - low)
                assert volume[0, i, j].item() == pytest.approx(0 if i == j else expected, abs=1e-9)


def test_the_area_outside_is_that_of_shapely():
    layouts = [random_room(seed) for seed in range(20)] + [random_room(99, corners=((0, 0), (3, 0), (1, 2)))]
    outside = outside_area(to_rooms(layouts, torch.float64))
    for row, layout in enumerate(layouts):
        floor = shapely.Polygon(layout.floor_plan.corners)
        for column, item in enumerate(layout.objects):
            assert outside[row, column].item() == pytest.approx(footprint(item).difference(floor).area, abs=1e-9)


def test_a_thing_that_is_half_in_a_wall_is_out_and_a_flush_one_is_not():
    flush, half = thing("wardrobe", 2, 4 - 0.31), thing("dresser", 4.0, 2)
    metrics = measure(room(flush, half))
    assert metrics.r_out == 0.5 and metrics.out_area == pytest.approx(0.6 * 0.53)


def test_a_wall_that_comes_into_a_thing_between_its_corners_counts():
    """All four corners of the rug are on the floor, but a spike of wall is not."""
    spike = ((0, 0), (4, 0), (4, 4), (2.1, 4), (2, 1), (1.9, 4), (0, 4))
    layout = room(thing("rug", 2, 2, size=(2, 1, 0.01)), corners=spike)
    rooms = to_rooms([layout], torch.float64)
    assert depth_outside(rooms).item() == 0
    assert outside_area(rooms).item() > 0.05
    assert measure(layout).r_out == 1


def test_a_wall_of_cupboards_divides_the_room_into_its_parts():
    """0.5 m deep, from wall to wall: 2 m of floor above and 1.5 m below, each less a robot's radius on all sides."""
    metrics = measure(room(thing("bookcase", 2, 1.75, size=(4, 0.5, 1))), Body(0.25, 1.3))
    above, below = (4 - 0.5) * (2 - 0.5), (4 - 0.5) * (1.5 - 0.5)
    assert metrics.r_walkable == pytest.approx(above / (above + below), abs=0.01)


def test_reaching_is_an_expectation_over_where_one_starts():
    """The cupboard on the wall above is reached from above alone, and in nobody's way."""
    cupboard = thing("wall cupboard", 2, 3.825)
    metrics = measure(room(thing("bookcase", 2, 1.75, size=(4, 0.5, 1)), cupboard), Body(0.25, 1.3))
    above, below = (4 - 0.5) * (2 - 0.5), (4 - 0.5) * (1.5 - 0.5)
    # a bookcase has nothing that opens: it is reached from both sides
    assert metrics.r_reach == pytest.approx((above * 1 + below * 0.5) / (above + below), abs=0.01)
    assert metrics.from_door == 0.5  # the door is in wall 0, below


def test_a_cupboard_with_its_doors_to_the_wall_is_not_reached():
    assert measure(room(thing("wardrobe", 2, 3.69))).r_reach == 1
    assert measure(room(thing("wardrobe", 2, 3.69, math.pi))).r_reach == 0


def test_a_robot_fits_exactly_through_a_gap_of_its_width():
    for gap, parts in ((0.52, 1), (0.48, 2)):
        layout = room(
            thing("bookcase", (4 - gap) / 2 / 2, 2, size=((4 - gap) / 2, 0.5, 1)),
            thing("bookcase", 4 - (4 - gap) / 2 / 2, 2, size=((4 - gap) / 2, 0.5, 1)),
        )
        assert walkable_map(layout, Body(0.25), cell=0.02).labels.max() == parts


def test_the_walkable_area_is_that_of_shapely():
    for seed in range(8):
        layout = random_room(seed)
        floor = shapely.Polygon(layout.floor_plan.corners).buffer(-0.25)
        blocked = [footprint(item).buffer(0.25, 64) for item in layout.objects if CATEGORIES[item.category].obstacle]
        blocked = [shape for shape, item in zip(blocked, layout.objects) if item.position[2] < 1.3]
        free = floor.difference(shapely.union_all(blocked))
        cell = 0.01
        found = walkable_map(layout, Body(0.25, 1.3), cell)
        assert (found.labels > 0).sum() * cell**2 == pytest.approx(free.area, abs=0.01)
        parts = [part.area for part in getattr(free, "geoms", [free]) if part.area > 0.05]
        if parts:
            assert found.r_walkable() == pytest.approx(max(parts) / free.area, abs=0.005)


def test_a_room_without_free_floor_reaches_nothing():
    metrics = measure(room(thing("bookcase", 2, 2, size=(4, 4, 1))))
    assert metrics.r_walkable == metrics.r_reach == metrics.from_door == 0


def test_an_empty_room_has_nothing_wrong():
    metrics = measure(room())
    assert (metrics.col_obj, metrics.r_out, metrics.r_walkable, metrics.r_reach, metrics.objects) == (0, 0, 1, 1, 0)


def test_a_room_without_a_door_is_reached_from_nowhere():
    assert measure(room(thing("box", 1, 1), openings=())).from_door == 0
    assert measure(room(thing("box", 1, 1), openings=(Opening("window", 0, 1, 1, 1, 1),))).from_door == 0


def test_a_robot_of_no_size_is_refused():
    with pytest.raises(InteractiveActionError, match="radius is 0"):
        Body(0.0)


def test_the_divergence_of_classes_by_hand():
    one = room(thing("box", 1, 1), thing("bin", 2, 2))
    two = room(thing("box", 1, 1), thing("box", 3, 3), thing("box", 2, 3), thing("bin", 2, 2))
    assert category_divergence([one], [one, one]) == pytest.approx(0, abs=1e-5)
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert category_divergence([one], [two]) == pytest.approx(expected, abs=1e-4)


def test_co_occurrence_counts_rooms():
    both, alone = room(thing("box", 1, 1), thing("bin", 2, 2)), room(thing("box", 1, 1), thing("box", 2, 2))
    box, container = NAMES.index("box"), NAMES.index("bin")
    shares = co_occurrence([both, alone])
    assert (shares[box, container], shares[box, box], shares[container, container]) == (0.5, 1, 0.5)


def test_scores_are_means_over_rooms_with_intervals():
    good, bad = room(thing("box", 3, 3)), room(thing("box", 3, 3), thing("bin", 3, 3))
    scores = score_rooms([good, bad, bad, bad], reference=[good])
    row = scores["scores"]["col_obj"]
    assert row["mean"] == 0.75 and row["n"] == 4 and row["interval"][0] <= 0.75 <= row["interval"][1]
    assert scores["ckl"] > 0
    assert "col_obj              0.750" in table(scores)


def test_scoring_can_be_cancelled_and_needs_a_room():
    def cancel(done, total, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_rooms([room()], progress=cancel)
    with pytest.raises(InteractiveActionError, match="no rooms"):
        score_rooms([])
