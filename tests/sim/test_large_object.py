"""Pushing and pressing with both hands: what counts as success, worked by hand, and what is seen of it."""

import numpy as np
import pytest

from interactive_action.sim.actions import ACTIONS
from interactive_action.sim.actions.large_object import hand_forces
from interactive_action.sim.cameras import CameraRig
from interactive_action.sim.contacts import Contact
from interactive_action.sim.interiors import FURNITURE, SIDE
from interactive_action.sim.key_frames import key_frames
from interactive_action.sim.plan import Plan
from interactive_action.sim.poses import HAND, palm_positions, side_by_side
from interactive_action.sim.record import perform
from interactive_action.sim.scene import Scene, able
from interactive_action.sim.state import TIMESTEP, State
from interactive_action.sim.two_hands import FURTHEST, KNUCKLES, TwoHands
from interactive_action.sim.world import World

PUSH, PRESS = "push with both hands", "press with both hands"
STEPS = 240  # 1.2 s


def scene(action, seed=0, room="plain"):
    return Scene("unitree g1", action, "big box", seed=seed, room=room)


def standing(action, room="plain"):
    """A world before anything has happened, and the action in it."""
    world = World(scene(action, room=room), np.random.default_rng(0))
    return world, ACTIONS[action](world, np.random.default_rng(1))


def write_history(world, ways, forces, points, height=0.0):
    """Let the object have gone ``ways`` (steps, 3), pressed with ``forces`` (steps, 2) newtons at ``points`` (2, 3)."""
    pose, qpos = world.item.entity.pose, world.articulation.qpos
    for step, (way, pair) in enumerate(zip(ways, forces), 1):
        world.time = step * TIMESTEP
        lifted = np.array([0, 0, height if step == len(ways) // 2 else 0.0])
        world.states.append(State(world.time, qpos, pose.p + way + lifted, pose.q, np.zeros((0, 7)), np.zeros(0)))
        for side, force, point in zip(("left", "right"), pair, points):
            if force:
                world.contacts.append(Contact(world.time, f"{side}_palm_link", force, point))


def pushed(meters, forces=(30.0, 30.0), until=STEPS, height=0.0):
    """Whether an even push over ``meters`` counts, in which the right hand presses ``until`` a step."""
    world, action = standing(PUSH)
    ways = np.linspace(0, meters, STEPS)[:, None] * action.direction
    pressing = np.tile(forces, (STEPS, 1))
    pressing[until:, 1] = 0
    write_history(world, ways, pressing, side_by_side(action.near, 0.1), height)
    return action.succeeded(world)


def pressed(forces=(20.0, 20.0), below=0.0, meters=0.0, pause=None):
    """Whether pressing counts, so far ``below`` the top, while the object goes ``meters`` and after a ``pause``."""
    world, action = standing(PRESS)
    ways = np.linspace(0, meters, STEPS)[:, None] * [1, 0, 0]
    pressing = np.tile(forces, (STEPS, 1))
    if pause is not None:
        pressing[pause, 0] = 0
    points = side_by_side(action.middle * [1, 1, 0] + [0, 0, action.top - below], 0.1)
    write_history(world, ways, pressing, points)
    return action.succeeded(world)


def test_a_push_counts_from_six_centimeters_on_and_on_the_ground():
    assert pushed(0.065) and not pushed(0.055) and not pushed(-0.065)
    assert pushed(0.065, height=0.015) and not pushed(0.065, height=0.025)


def test_a_push_by_one_hand_alone_does_not_count():
    assert not pushed(0.1, (60.0, 0.0)) and not pushed(0.1, (0.0, 60.0))
    assert pushed(0.1, until=STEPS - 9) and not pushed(0.1, until=STEPS - 12)  # 45 ms and 60 ms without it


def test_pressing_counts_with_twenty_newtons_of_each_hand_for_the_whole_last_second():
    assert pressed((20.0, 20.0)) and pressed((90.0, 21.0))
    assert not pressed((19.9, 90.0)) and not pressed((90.0, 19.9))
    assert pressed(pause=38) and not pressed(pause=41)  # of 240 steps the last 200 are the last second


def test_pressing_counts_on_the_top_alone_and_on_what_stays():
    assert pressed(below=0.015) and not pressed(below=0.025)
    assert pressed(meters=0.009) and not pressed(meters=0.011)


def test_the_forces_of_an_arm_are_summed_over_its_links_at_one_time():
    world, _ = standing(PRESS)
    for time, link, force, height in (
        (0.1, "left_palm_link", 7.0, 0.7),
        (0.2, "left_palm_link", 1.0, 0.7),
        (0.2, "left_one_link", 2.0, 0.7),
        (0.2, "right_four_link", 4.0, 0.5),
        (0.2, "torso_link", 8.0, 0.7),
        (0.3, "right_palm_link", 9.0, 0.7),
    ):
        world.contacts.append(Contact(time, link, force, np.array([0, 0, height])))
    assert hand_forces(world, 0.2).tolist() == [3.0, 4.0]
    assert hand_forces(world, 0.2, lowest=0.6).tolist() == [3.0, 0.0]
    assert hand_forces(world, 0.25).tolist() == [0.0, 0.0]


def test_hands_side_by_side_are_on_a_line_across_the_direction_they_face():
    assert np.allclose(side_by_side([1, 2, 3], 0.1), [[1, 2.1, 3], [1, 1.9, 3]])
    assert np.allclose(side_by_side([1, 2, 3], 0.1, np.pi / 2), [[0.9, 2, 3], [1.1, 2, 3]])
    assert np.allclose(palm_positions([1, 2, 3], 0.1), side_by_side([1, 2, 3], 0.1 + HAND))


def test_fists_lead_with_their_knuckles_and_palms_turn_down():
    world, action = standing(PUSH)
    hands, points = TwoHands(world), side_by_side(action.near, action.apart, action.yaw)
    hands.make_fists()
    hands.set_start(points)
    palms = [world.links[palm.link].entity_pose.to_transformation_matrix() for palm in world.robot.humanoid.palms]
    knuckles = [palm[:3, :3] @ KNUCKLES + palm[:3, 3] for palm in palms]
    assert np.linalg.norm(knuckles - points, axis=1).max() < FURTHEST
    straight, curled = np.array(world.robot.rest_qpos), world.articulation.qpos
    assert np.abs(curled[11:] - straight[11:]).max() > 1.5 and np.isclose(curled[0], straight[0])

    world, action = standing(PRESS)
    hands = TwoHands(world)
    hands.turn_palms_down()
    hands.set_start(side_by_side(action.middle, action.apart))
    left, right = (world.links[palm.link].entity_pose.to_transformation_matrix() for palm in world.robot.humanoid.palms)
    assert left[2, 1] > 0.8 and right[2, 1] < -0.8  # the left palm faces its -y, the right one its y
    assert np.allclose(world.articulation.qpos[11:], straight[11:])


@pytest.mark.parametrize("action", (PUSH, PRESS))
def test_the_same_seed_does_the_same_to_the_bit(action):
    first, second = (perform(scene(action, 3), 0).world for _ in range(2))
    assert len(first.states) == len(second.states) > 100
    for one, other in zip(first.states, second.states):
        assert np.array_equal(one.qpos, other.qpos) and np.array_equal(one.position, other.position)
    assert not np.array_equal(first.states[-1].qpos, perform(scene(action, 4), 0).world.states[-1].qpos)


@pytest.mark.parametrize("action", (PUSH, PRESS))
def test_the_images_of_what_is_held_show_it_with_both_hands_at_the_object(action):
    attempts = (perform(scene(action, seed), 0) for seed in range(3))
    world, act, _ = next(attempt for attempt in attempts if not attempt.failure)
    frames = [state for _, state in key_frames(world, act, "held", 4)]
    assert all(act.shows(world.states[0], state) for state in frames)
    for state in frames:
        world.restore(state)
        hands = [world.links[palm.link].entity_pose.p for palm in world.robot.humanoid.palms]
        away = np.abs(np.array(hands) - world.item.entity.pose.p) - world.item.half
        assert away.max(1).max() < 0.12  # meters from the wrists to the box


def test_a_box_that_is_pushed_is_seen_from_beside_and_one_that_is_pressed_from_the_front_too():
    def azimuths(action):
        world, _ = standing(action)
        return np.degrees(np.abs(CameraRig(world, Plan(cameras=16), np.random.default_rng(0)).azimuths))

    assert azimuths(PUSH).min() >= 70 and azimuths(PUSH).max() <= 115
    assert azimuths(PRESS).min() < 20


@pytest.mark.parametrize("action", (PUSH, PRESS))
def test_still_cameras_show_the_whole_object_on_its_way(action):
    assert able(action) == ("unitree g1",)
    world, act = standing(action)
    low, high = world.surroundings().min(0), world.surroundings().max(0)
    far = world.item.pose[:3, 3] + world.item.half + [getattr(act, "length", 0), 0, 0]
    assert (low <= world.item.pose[:3, 3] - world.item.half).all() and (high >= far).all()


def test_in_a_living_room_no_camera_stands_behind_a_wall():
    world, _ = standing(PUSH, room="living room")
    rig = CameraRig(world, Plan(cameras=8, width=64, height=64), np.random.default_rng(0))
    shots = [rig.render(camera) for camera in range(8)]
    places = [np.linalg.inv(shot["extrinsics"])[:3, 3] for shot in shots]
    assert np.abs(places)[:, 1].max() < SIDE - FURNITURE
    assert min(shot["object_masks"].mean() for shot in shots) > 0.1
    assert min(shot["subject_masks"].mean() for shot in shots) > 0.02
