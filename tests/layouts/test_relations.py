"""Relations between things, each in a room where it holds and in one where it does not."""

import math

import pytest

from interactive_action.layouts.relations import RELATIONS, check_relations, relation_shares
from interactive_action.sim.furniture import CATEGORIES
from interactive_action.tests.layouts.small_rooms import room, thing

BED = thing("double bed", 2, 2.95)
TABLE = thing("dining table", 2, 2)
STAND = thing("tv stand", 2, 0.225, math.pi)
SOFA = thing("sofa", 2, 3.2)
COUNTER = thing("counter", 1.5, 3.69)
CHAIRS = (thing("chair", 2, 1.3, math.pi), thing("chair", 2, 2.7))

HOLDS = [
    ("against a wall", thing("wardrobe", 2, 3.65), (), True),
    ("against a wall", thing("wardrobe", 2, 3.2), (), False),
    ("against a wall", thing("wardrobe", 2, 3.65, math.pi), (), False),
    ("against a wall", thing("wardrobe", 3.65, 2, -math.pi / 2), (), True),
    ("beside a bed", thing("nightstand", 2 - 0.8 - 0.31, 3.75), (BED,), True),
    ("beside a bed", thing("nightstand", 2 - 0.8 - 0.31, 2.2), (BED,), False),
    ("beside a bed", thing("nightstand", 2 - 0.8 - 0.1, 3.75), (BED,), False),
    ("facing a table", CHAIRS[0], (TABLE,), True),
    ("facing a table", thing("chair", 2, 1.3), (TABLE,), False),
    ("around a table", TABLE, CHAIRS, True),
    ("around a table", TABLE, CHAIRS[:1], False),
    ("around a table", TABLE, (CHAIRS[0], thing("chair", 2.5, 1.3, math.pi)), False),
    ("facing the tv", SOFA, (STAND,), True),
    ("facing the tv", thing("sofa", 2, 3.2, math.pi), (STAND,), False),
    ("before a sofa", thing("coffee table", 2, 2.1), (SOFA,), True),
    ("before a sofa", thing("coffee table", 2, 3.9), (SOFA,), False),
    ("on its support", thing("tv", 2, 0.225, math.pi), (STAND,), True),
    ("on its support", thing("tv", 2, 1.5, math.pi), (STAND,), False),
    ("on its support", thing("tv", 2, 1.5), (), False),
    ("above the run", thing("wall cupboard", 1.5, 3.82), (COUNTER,), True),
    ("above the run", thing("wall cupboard", 3.5, 3.82), (COUNTER,), False),
    ("in the run", thing("oven", 1.5 + 0.6 + 0.3, 3.7), (COUNTER,), True),
    ("in the run", thing("oven", 3.4, 3.7), (COUNTER,), False),
    ("at the edge", thing("plant", 0.3, 0.3), (), True),
    ("at the edge", thing("plant", 2, 2), (), False),
]


@pytest.mark.parametrize("name, subject, others, holds", HOLDS)
def test_a_relation_holds_where_a_person_would_say_so(name, subject, others, holds):
    answers = [answer for answer in check_relations(room(subject, *others)) if answer.name == name]
    assert answers[0].index == 0
    assert answers[0].holds is holds, answers[0].sentence


def test_every_relation_is_asked_of_known_classes_and_tested_both_ways():
    assert {name for name, *_ in HOLDS} == set(RELATIONS)
    for name, (subjects, _) in RELATIONS.items():
        assert set(subjects) <= set(CATEGORIES)
        assert {holds for other, *_, holds in HOLDS if other == name} == {True, False}


def test_a_sentence_says_what_was_measured():
    answers = {answer.name: answer for answer in check_relations(room(thing("wardrobe", 2, 3.2)))}
    assert answers["against a wall"].sentence == "wardrobe: 0.49 m from the wall behind it, turned 0 degrees off it"


def test_shares_are_of_the_things_in_question():
    shares = relation_shares(room(thing("wardrobe", 2, 3.65), thing("dresser", 2, 2)))
    assert shares == {"against a wall": 0.5}


def test_a_nightstand_without_a_bed_is_not_asked():
    assert "beside a bed" not in relation_shares(room(thing("nightstand", 1, 1)))
