"""Procedural rooms: tidy ones are right in every respect, sloppy ones are not, and what is held out stays so."""

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.grammar.groups import GROUPS, RECIPES
from interactive_action.layouts.grammar.placement import Placement
from interactive_action.layouts.grammar.procedural import (
    MOST_OBJECTS,
    NEW_SHAPE,
    SPLITS,
    furnish,
    furnished_rooms,
    held_out_combination,
    held_out_polygon,
    procedural_rooms,
)
from interactive_action.layouts.grammar.sloppiness import make_sloppy
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.relations import check_relations
from interactive_action.sim.furniture import CATEGORIES, ROOM_TYPES
from interactive_action.sim.layout import FloorPlan, Layout, Opening
from interactive_action.tests.layouts.small_rooms import L_SHAPE, SQUARE


@pytest.fixture(scope="module")
def tidy():
    return procedural_rooms(40, sloppy_share=0.0)


@pytest.fixture(scope="module")
def sloppy(tidy):
    return [make_sloppy(room, 0.8, np.random.default_rng(index)) for index, room in enumerate(tidy)]


def test_nothing_is_wrong_with_a_tidy_room(tidy):
    for room in tidy:
        metrics = measure(room)
        assert (metrics.col_obj, metrics.r_out, metrics.from_door) == (0, 0, 1), room.about


def test_in_a_tidy_room_everything_stands_as_it_should(tidy):
    answers = [answer for room in tidy for answer in check_relations(room)]
    assert len(answers) > 200
    assert [answer.sentence for answer in answers if not answer.holds] == []


def test_a_sloppy_room_violates_everything_more(tidy, sloppy):
    before, after = ([measure(room) for room in rooms[:20]] for rooms in (tidy, sloppy))
    for name, more in (("col_obj", True), ("r_out", True), ("overlap_volume", True), ("from_door", False)):
        least, most = (np.mean([getattr(room, name) for room in rooms]) for rooms in (before, after))
        assert most > least if more else most < least, name


def test_what_stands_on_a_thing_stays_on_it_in_a_sloppy_room(sloppy):
    answers = [answer for room in sloppy for answer in check_relations(room) if answer.name == "on its support"]
    assert len(answers) > 5 and np.mean([answer.holds for answer in answers]) > 0.8


def test_no_sloppiness_changes_nothing(tidy):
    assert make_sloppy(tidy[0], 0.0, np.random.default_rng(0)) is tidy[0]


def test_the_grammar_knows_all_classes_and_each_where_it_belongs(tidy):
    made = set()
    for name, group in GROUPS.items():
        for seed in range(12):
            pieces = group.make(np.random.default_rng(seed))
            assert 1 <= len(pieces) <= MOST_OBJECTS
            made |= {piece.category for piece in pieces}
            rooms = [kind for kind, recipe in RECIPES.items() if name in recipe.anchors or name in recipe.others]
            for kind in rooms:
                assert all(kind in CATEGORIES[piece.category].rooms for piece in pieces), (name, kind)
    assert made == set(CATEGORIES)


def test_each_type_of_room_has_its_turn(tidy):
    assert [room.floor_plan.room_type for room in tidy[:4]] == list(ROOM_TYPES)
    assert len({len(room.floor_plan.corners) for room in tidy}) >= 3


def test_the_same_seed_gives_the_same_rooms_and_fewer_are_their_beginning(tidy):
    assert procedural_rooms(4, sloppy_share=0.0) == tidy[:4]
    assert procedural_rooms(4, seed=1, sloppy_share=0.0) != tidy[:4]


def test_sloppiness_is_kept_in_the_file():
    values = [room.about["sloppiness"] for room in procedural_rooms(12, ["kitchen"], sloppy_share=0.5)]
    assert 0.0 in values and any(value > 0 for value in values)


def test_rooms_come_back_from_json(tidy):
    assert [Layout.from_json(room.to_json()) for room in tidy[:8]] == tidy[:8]


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_never_shows_what_another_one_holds_out(split):
    for room in procedural_rooms(6, ["bedroom", "dining room"], split=split, sloppy_share=0.0):
        assert held_out_polygon(room.floor_plan) is (split != "train")
        assert held_out_combination(room.about["groups"]) is (split == "new combinations")
        assert (len(room.floor_plan.corners) == 8) is (split == "new shapes")
    assert NEW_SHAPE == "t"  # eight corners


def test_a_floor_plan_of_one_s_own_is_furnished():
    plan = FloorPlan(L_SHAPE, (Opening("door", 0, 3.8, 0.9), Opening("window", 5, 1, 1.2, 1.2, 0.9)), 2.5, "bedroom")
    rooms = [furnish(plan, np.random.default_rng(seed)) for seed in range(6)]
    furnished = [room for room in rooms if room]
    assert len(furnished) >= 3
    assert all(room.floor_plan == plan and measure(room).from_door == 1 for room in furnished)


def test_a_floor_too_small_for_a_bed_is_not_furnished():
    plan = FloorPlan(((0, 0), (1.5, 0), (1.5, 1.5), (0, 1.5)), (Opening("door", 0, 0.3),))
    assert furnish(plan, np.random.default_rng(0)) is None
    with pytest.raises(InteractiveActionError, match="No furniture of a bedroom fits into this floor plan of 2.2 sq"):
        furnished_rooms(plan, 1)


def test_as_many_rooms_of_one_s_own_floor_plan_are_made_as_are_asked_for():
    plan = FloorPlan(L_SHAPE, (Opening("door", 0, 3.8, 0.9),), 2.5, "bedroom")
    rooms = furnished_rooms(plan, 3, seed=2)
    assert furnished_rooms(plan, 2, seed=2) == rooms[:2] and rooms[0] != rooms[1]
    assert furnished_rooms(plan, 1, seed=3) != rooms[:1]
    assert all(room.floor_plan == plan and measure(room).from_door == 1 for room in rooms)
    assert all(room.about["sloppiness"] > 0 for room in furnished_rooms(plan, 2, sloppy_share=1.0))


def test_a_group_goes_nowhere_else_than_where_it_may():
    placement = Placement(FloorPlan(SQUARE, (Opening("door", 0, 0.2),)), np.random.default_rng(0))
    assert placement.place(GROUPS["wardrobe"].make(np.random.default_rng(0)), "wall")
    wardrobe = placement.objects[0]
    assert min(*wardrobe.position[:2], *(4 - value for value in wardrobe.position[:2])) < 0.4
    huge = [GROUPS["eat, six"].make(np.random.default_rng(0))[0].__class__("rug", (9, 9, 0.01), 0, 0)]
    assert not placement.place(huge, "middle") and len(placement.objects) == 1


@pytest.mark.parametrize(
    "change, sentence",
    [
        (dict(room_types=["attic"]), "no room type 'attic'"),
        (dict(room_types=[]), "no room type"),
        (dict(split="validation"), "new combinations"),
        (dict(sloppy_share=2.0), "share from 0 to 1"),
        (dict(count=-1), "0 rooms or more"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(change, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        procedural_rooms(**{"count": 1, **change})


def test_making_rooms_can_be_cancelled():
    def cancel(done, total, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        procedural_rooms(3, progress=cancel)
