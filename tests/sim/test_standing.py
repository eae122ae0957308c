"""A second of physics on a furnished room: what stands stays, what floats falls, and many rooms cost no memory."""

import math

import psutil
import pytest

from interactive_action.layouts.grammar.procedural import procedural_rooms
from interactive_action.layouts.settle import Settled, settle, shaken
from interactive_action.sim.layout import LayoutObject
from interactive_action.sim.standing import drift
from interactive_action.tests.layouts.small_rooms import room, thing


def test_what_stands_on_the_floor_and_on_one_another_stays():
    stand = thing("tv stand", 2, 0.225, math.pi)
    layout = room(
        stand, thing("tv", 2, 0.2, math.pi), thing("rug", 2, 2), thing("coffee table", 2, 2), thing("plant", 1, 3)
    )
    assert drift(layout).max() < 0.002


def test_what_floats_falls_by_its_height_and_what_hangs_on_a_wall_does_not():
    box = LayoutObject("box", (0.4, 0.4, 0.3), (1.0, 2.0, 0.5))
    moved = drift(room(box, thing("wall cupboard", 3, 3.8)))
    assert moved == pytest.approx([0.5, 0.0], abs=0.01)


def test_what_stands_inside_another_thing_is_driven_out():
    moved = drift(room(thing("box", 2, 2), thing("box", 2.1, 2)))
    assert moved.max() > 0.02


def test_an_empty_room_stands_still():
    assert drift(room()).shape == (0,)


def test_settled_rooms_stand_still(simulator, monkeypatch):
    monkeypatch.setattr("interactive_action.sim.client.SIMULATOR", simulator)
    overlapping = room(thing("bin", 1.5, 2, size=(0.5, 0.5, 0.5)), thing("box", 1.9, 2, size=(0.5, 0.5, 0.5)))
    before = Settled(overlapping, 0.0, 0.0, 2)
    calls = []
    answers = shaken([before, *settle([overlapping])], lambda done, total, preview: calls.append((done, total)))
    assert [answer.stable for answer in answers] == [False, True]
    assert before.stable is None and calls[-1] == (2, 2)


def test_a_room_that_is_not_wanted_any_more_is_left(simulator, monkeypatch):
    monkeypatch.setattr("interactive_action.sim.client.SIMULATOR", simulator)

    def cancel(done, total, preview):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shaken([Settled(room(thing("box", 2, 2)), 0.0, 0.0, 0)], cancel)
    assert shaken([Settled(room(thing("box", 2, 2)), 0.0, 0.0, 0)])[0].stable


@pytest.mark.slow
def test_memory_stays_flat_over_two_hundred_rooms():
    rooms = procedural_rooms(4, sloppy_share=0.0, seed=5)
    sizes = []
    for number in range(200):
        assert drift(rooms[number % 4]).max() < 0.02
        if number % 40 == 39:
            sizes.append(psutil.Process().memory_info().rss / 2**20)
    assert sizes[-1] - sizes[0] < 10
