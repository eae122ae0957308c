"""Settling: what it repairs, how little it moves, and what it says."""

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.grammar.sloppiness import make_sloppy
from interactive_action.layouts.metrics import measure
from interactive_action.layouts.relations import relation_shares
from interactive_action.layouts.settle import settle
from interactive_action.tests.layouts.small_rooms import SQUARE, room, thing


@pytest.fixture(scope="module")
def sloppy():
    tidy = procedural_rooms(6, ["bedroom", "dining room"], sloppy_share=0.0)
    return [make_sloppy(layout, 0.7, np.random.default_rng(index)) for index, layout in enumerate(tidy)]


@pytest.mark.slow
def test_settled_rooms_have_far_fewer_violations_and_say_what_is_left(sloppy):
    settled = settle(sloppy)
    for name in ("col_obj", "r_out"):
        before = np.mean([getattr(measure(layout), name) for layout in sloppy])
        after = np.mean([getattr(measure(answer.layout), name) for answer in settled])
        assert after <= 0.3 * before, name
    for answer in settled:
        metrics = measure(answer.layout)
        assert (answer.remaining > 0) == (metrics.col_obj + metrics.r_out > 0)


def test_two_blocks_part_by_what_they_share_and_no_more():
    layout = room(thing("bin", 1.5, 2, size=(0.5, 0.5, 0.5)), thing("box", 1.9, 2, size=(0.5, 0.5, 0.5)))
    (answer,) = settle([layout])
    gap = answer.layout.objects[1].position[0] - answer.layout.objects[0].position[0]
    assert 0.495 <= gap <= 0.53
    assert answer.moved == pytest.approx((gap - 0.4) / 2, abs=0.01)
    assert answer.remaining == 0


def test_a_room_without_violations_stays_as_it_is():
    layout = room(thing("wardrobe", 2, 3.65), thing("dining table", 1.5, 1.8), thing("chair", 1.5, 1.15, np.pi))
    (answer,) = settle([layout])
    assert (answer.moved, answer.farthest, answer.remaining) == (0, 0, 0)
    assert [item.category for item in answer.layout.objects] == [item.category for item in layout.objects]
    assert relation_shares(answer.layout) == relation_shares(layout)


def test_nothing_moves_farther_than_it_may():
    layout = room(thing("wardrobe", 2, 2), thing("box", 2.1, 2))
    (answer,) = settle([layout], most_movement=0.05, steps=40)
    assert answer.farthest <= 0.05 + 1e-6
    assert answer.remaining == 2


def test_what_cannot_fit_is_said_to_remain():
    small = tuple((x / 4, y / 4) for x, y in SQUARE)
    (answer,) = settle([room(thing("box", 0.5, 0.5, size=(1.2, 1.2, 0.3)), corners=small, openings=())], steps=40)
    assert answer.remaining == 1


def test_settling_can_be_cancelled_and_needs_room_to_move(sloppy):
    def cancel(done, total, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settle(sloppy, progress=cancel)
    with pytest.raises(InteractiveActionError, match="most_movement"):
        settle(sloppy, most_movement=0.0)
    assert settle([]) == []
