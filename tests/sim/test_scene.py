"""A scene or a plan that cannot be is refused at once, with a sentence that says what can."""

import sys

import pytest

from interactive_action.errors import InteractiveActionError, MissingExtraError
from interactive_action.sim.plan import Plan
from interactive_action.sim.robots import ROBOTS
from interactive_action.sim.scene import Scene


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"robot": "dog"}, "no robot 'dog'.*panda"),
        ({"action": "dance"}, "no action 'dance'.*pick up"),
        ({"object": "house"}, "no object 'house'.*cube, ball, can"),
        ({"object_color": "mauve"}, "no object color 'mauve'.*random, red"),
        ({"ground": "lava"}, "no ground 'lava'.*random, grey"),
        ({"background": "stars"}, "no background 'stars'.*random, grey"),
        ({"size_jitter": 0.5}, "size_jitter must be between 0 and 0.15, but is 0.5"),
        ({"room": "cellar"}, "no room 'cellar'.*plain, table"),
        ({"stage": "dance"}, "no stage 'dance'.*pick up"),
        (
            {"robot": "fetch", "room": "kitchen"},
            "A fetch stands on the floor, and things in the kitchen on a table. Choose: plain, living room",
        ),
        ({"action_seed": -2}, "action_seed must be a whole number from -1 upwards, but is -2"),
        ({"seed": -1}, "seed must be a whole number from 0 upwards, but is -1"),
    ],
)
def test_an_impossible_scene_is_refused(wrong, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Scene(**wrong)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"cameras": 3}, "cameras must be a whole number from 4 to 64, but is 3"),
        ({"num_episodes": 0}, "num_episodes must be a whole number from 1"),
        ({"frames_per_episode": 1.5}, "frames_per_episode must be a whole number"),
        ({"width": 8}, "width must be a whole number from 32"),
        ({"field_of_view": 5.0}, "field_of_view must be from 10 to 120, but is 5.0"),
        ({"distance": -1.0}, "distance must be from 0 to 10"),
        ({"camera_mode": "drone"}, "no camera mode 'drone'.*tracking, fixed"),
        ({"key_frames": "yesterday"}, "no key frames 'yesterday'.*held"),
    ],
)
def test_an_impossible_plan_is_refused(wrong, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Plan(**wrong)


def test_without_the_robots_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mani_skill", None)  # what Python itself calls a module that cannot be imported
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps -r requirements-sim\.txt"):
        ROBOTS["panda"].model.path()
