"""Every action is true by physics, for things of every kind, and the context is drawn apart from it."""

import json

import numpy as np
import pytest

from interactive_action.benchmarks.actions import LAYOUTS
from interactive_action.errors import InteractiveActionError
from interactive_action.sim.actions import ACTIONS
from interactive_action.sim.actions.action import lean
from interactive_action.sim.client import ROOT
from interactive_action.sim.objects import OBJECTS
from interactive_action.sim.record import perform
from interactive_action.sim.robots import ROBOTS
from interactive_action.sim.scene import OFFERED, Scene, able
from interactive_action.sim.world import World

DRAWN_BACK = (0.0, -1.6, 0.0, -2.8, 0.0, 1.6, 0.785, 0.0, 0.0)


def of(name, seed=0):
    """(world, action) of the first of some seeds with which it succeeds."""
    objects = ACTIONS[name].objects
    for number in range(seed, seed + 3):
        world, action, failure = perform(Scene(able(name)[0], name, objects[number % len(objects)]), number)
        if not failure:
            return world, action
    raise AssertionError(failure)


def let_time_pass(world, steps=40):
    """With every robot drawn back from what stands in front of it, or with its arms hanging."""
    away = world.robot.rest_qpos if world.robot.humanoid else DRAWN_BACK
    for articulation in world.articulations:
        articulation.set_qpos(away)
    for _ in range(steps):
        world.step(*[away] * len(world.articulations))


@pytest.mark.parametrize("name", ACTIONS)
def test_the_action_succeeds_by_contact(name):
    world, action = of(name)
    assert world.contacts and world.states[-1].time > world.contacts[0].time
    assert any(action.shows(world.states[0], state) for state in world.states)


@pytest.mark.parametrize("name", ACTIONS)
def test_without_the_robot_nothing_of_it_happens(name):
    world = World(Scene(able(name)[0], name, ACTIONS[name].objects[0]), np.random.default_rng(0))
    action = ACTIONS[name](world, np.random.default_rng(1))
    let_time_pass(world)
    assert not action.succeeded(world)


def test_every_offered_action_was_measured_at_half_or_better():
    rates = json.loads((ROOT / "benchmarks" / "results" / "actions.json").read_text())
    rates.pop("machine")
    assert set(rates) == set(ACTIONS) and min(rates.values()) >= 0.5
    assert sorted(rates.values())[-16] >= 0.9 and LAYOUTS == 20
    others = json.loads((ROOT / "benchmarks" / "results" / "robots.json").read_text())
    others.pop("machine")
    for robot, rates in others.items():
        assert set(rates) == {name for name in ACTIONS if robot in able(name)} and min(rates.values()) >= 0.5
    assert set(others) == set(ROBOTS) - {"panda"}


@pytest.mark.parametrize("kind", ["fridge", "drawer cabinet"])
def test_an_open_hand_does_not_open_a_door(kind):
    world, _, failure = perform(Scene(action="open", object=kind), 0, close=False)
    assert failure == ACTIONS["open"].failure and world.item.opening < 0.5 * world.item.joint_range


def test_what_is_tipped_over_lies_and_what_is_placed_stands():
    assert lean(of("tip over")[0].states[-1]) > 1.1
    assert lean(of("stack")[0].states[-1]) < 0.2


def test_a_large_object_is_lifted_above_the_head_between_two_palms():
    world, _ = of("lift overhead")
    assert world.states[-1].position[2] - world.item.half[2] > world.robot.humanoid.head_height - 0.1
    assert {link.split("_")[0] for link in world.pressing(0.05)} >= {"left", "right"}
    assert world.subject == "robot" and world.item.spec.word == "cube"


def test_a_large_object_is_held_off_what_it_stood_on_between_two_palms():
    world, _ = of("hold in both hands")
    assert world.states[-1].position[2] - world.states[0].position[2] > 0.06
    assert {link.split("_")[0] for link in world.pressing(0.05)} >= {"left", "right"}


def test_hands_that_do_not_suit_an_action_are_refused():
    with pytest.raises(InteractiveActionError, match="A panda cannot 'lift overhead'. Choose one of: unitree g1"):
        Scene(action="lift overhead", object="big cube")
    with pytest.raises(InteractiveActionError, match="A unitree g1 cannot 'pick up'"):
        Scene(robot="unitree g1")
    with pytest.raises(
        InteractiveActionError, match="A fetch cannot 'hand over'. Choose one of: panda, floating gripper"
    ):
        Scene(robot="fetch", action="hand over", object="book")


def test_an_action_is_refused_for_what_it_is_not_offered_for():
    with pytest.raises(InteractiveActionError, match="'pour' is not offered for a cube, but for: cup"):
        Scene(action="pour", object="cube")


def test_there_are_twenty_things_and_more_and_all_rest_where_they_stand():
    assert len(OFFERED) >= 20 and set(OFFERED) <= set(OBJECTS)
    for name in OFFERED:
        action = next(action for action in ("touch", *ACTIONS) if name in ACTIONS[action].objects)
        world = World(Scene(able(action)[0], action, name), np.random.default_rng(0))
        let_time_pass(world)
        way = np.linalg.norm(world.states[-1].position - world.states[0].position)
        assert way < 0.01, f"{name} moves by itself"


def test_the_context_stays_when_the_motion_or_the_action_changes():
    first, other, push = (
        World(Scene(action=action, action_seed=seed), np.random.default_rng(4))
        for action, seed in (("pick up", 1), ("pick up", 2), ("push", 1))
    )
    for world in (other, push):
        assert np.array_equal(world.item.pose, first.item.pose) and world.object_color == first.object_color
    motions = [perform(Scene(seed=4, action_seed=seed), 0).world for seed in (1, 2)]
    assert np.array_equal(motions[0].states[0].position, motions[1].states[0].position)
    assert not np.array_equal(motions[0].states[0].qpos, motions[1].states[0].qpos)
