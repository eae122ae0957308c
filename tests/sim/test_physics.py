"""The action is true by physics: it succeeds by contact, fails without, and every blow-up is a sentence."""

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.actions import ACTIONS
from interactive_action.sim.key_frames import events, key_frames
from interactive_action.sim.motion import Arm, smooth
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import perform, record
from interactive_action.sim.scene import Scene
from interactive_action.sim.world import World


@pytest.fixture(scope="module")
def lifted():
    """A world in which a cube was picked up."""
    performance = perform(Scene(), seed=0)
    assert not performance.failure
    return performance.world


@pytest.mark.parametrize("kind", ("cube", "ball", "can"))
def test_the_robot_picks_the_object_up_by_pressing_on_it_with_both_fingers(kind):
    world, _, failure = perform(Scene(object=kind), seed=0)
    assert not failure
    assert world.states[-1].position[2] - world.states[0].position[2] > 0.04
    for finger in world.robot.gripper.links:
        forces = [
            contact.force for contact in world.contacts if contact.link == finger and contact.time > world.time - 0.1
        ]
        weight = 9.81 * 300 * np.prod(2 * world.item.half)
        assert min(forces) > weight / 2  # at a friction of at most 2, less could not hold it


@pytest.mark.parametrize("kind", ("cube", "ball", "can"))
def test_with_an_open_hand_the_same_motion_fails(kind):
    world, _, failure = perform(Scene(object=kind), seed=0, close=False)
    assert "not held" in failure
    assert world.states[-1].position[2] == pytest.approx(world.states[0].position[2], abs=0.005)


def test_the_robot_presses_where_the_object_is(lifted):
    places = {state.time: state.position for state in lifted.states}
    ways = np.array([contact.point - places[contact.time] for contact in lifted.contacts])
    assert np.linalg.norm(ways, axis=1).max() < np.linalg.norm(lifted.item.half) + 0.002


def test_no_two_seeds_move_alike_and_the_same_seed_moves_the_same(lifted):
    again, other = perform(Scene(), seed=0).world, perform(Scene(), seed=1).world
    joints = np.array([state.qpos for state in lifted.states])
    assert np.array_equal(joints, [state.qpos for state in again.states])
    assert len(joints) != len(other.states) or not np.allclose(joints, [state.qpos for state in other.states])


def test_a_fixed_color_changes_nothing_but_the_color(lifted):
    blue = perform(Scene(object_color="blue"), seed=0).world
    assert blue.object_color == "blue"
    assert np.array_equal([state.position for state in lifted.states], [state.position for state in blue.states])


def test_key_frames_follow_the_contacts():
    lifted, action, _ = perform(Scene(), seed=0)
    contact, grasp, clear, end = events(lifted, action)
    assert 0 < contact <= grasp < clear < end
    frames = key_frames(lifted, action, "held", 4)
    assert [name for name, _ in frames] == ["held", "held", "held", "end"]
    assert all(state.position[2] > lifted.states[0].position[2] + 0.03 for _, state in frames)
    apart = key_frames(lifted, action, "before contact", 3)
    assert [name for name, _ in apart] == ["before contact"] * 3
    assert apart[-1][1].time < contact
    ((name, first), *_), (_, last) = key_frames(lifted, action, "from contact to end", 2), frames[-1]
    assert (name, first.time, last.time) == ("contact", contact, end)


def test_a_take_that_fails_is_told_and_taken_again_with_the_next_seed(monkeypatch):
    class Clumsy(ACTIONS["pick up"]):
        def __init__(self, world, rng):
            super().__init__(world, rng)
            self.clumsy = world.object_color == "red"

        def run(self, arm):
            super().run(arm, close=not self.clumsy)

    monkeypatch.setitem(ACTIONS, "pick up", Clumsy)
    drops = {
        seed for seed in range(30) if World(Scene(), np.random.default_rng((0, seed)).spawn(3)[0]).object_color == "red"
    }
    takes = min(drops) + 1  # one more than can be had without a failure
    recording = record(Scene(), Plan(num_episodes=takes, frames_per_episode=1, width=32, height=32))
    assert set(recording.failed_seeds) == drops & set(range(max(recording.seeds)))
    assert not set(recording.seeds) & drops
    assert len(set(recording.episode)) == len(recording.seeds) == takes
    assert recording.success_rate == takes / (takes + len(recording.failed_seeds))
    assert f"Seed {min(drops)} failed" in recording.summary()
    with pytest.raises(InteractiveActionError, match="'pick up' did not succeed with any of 5 seeds.*not held"):
        record(Scene(object_color="red"), Plan())


def test_what_cannot_be_reached_is_a_sentence():
    world = World(Scene(), np.random.default_rng(0))
    arm = Arm(world)
    far = arm.pose()
    far[0, 3] = 2.0
    with pytest.raises(InteractiveActionError, match="cannot reach"):
        arm.move(far, speed=0.3)


def test_an_object_inside_the_hand_at_the_start_is_a_sentence():
    world = World(Scene(), np.random.default_rng(0))
    pose = world.item.entity.pose
    pose.p = world.links["panda_hand"].entity_pose.p
    world.item.entity.set_pose(pose)
    with pytest.raises(InteractiveActionError, match="starts .* mm inside"):
        world.check_start()


@pytest.mark.parametrize("place", [1e6, np.nan])
def test_a_simulation_that_blows_up_is_a_sentence(place):
    world = World(Scene(), np.random.default_rng(0))
    pose = world.item.entity.pose
    pose.p = [place, 0, 0.5]
    world.item.entity.set_pose(pose)
    with pytest.raises(InteractiveActionError, match="blew up"):
        world.step(world.articulation.qpos)


@pytest.mark.parametrize("robot", ["xarm7", "fetch", "floating gripper"])
@pytest.mark.parametrize("action, object", [("pick up", "can"), ("hold", "cube"), ("push", "box"), ("press", "button")])
def test_every_robot_picks_up_holds_pushes_and_presses(robot, action, object):
    world, _, failure = perform(Scene(robot=robot, action=action, object=object), seed=0)
    assert not failure and world.contacts


def test_smooth_motion_starts_and_ends_at_rest():
    assert [smooth(at) for at in (0, 0.5, 1)] == [0, 0.5, 1]
    assert smooth(1e-3) < 1e-8 > 1 - smooth(1 - 1e-3)
