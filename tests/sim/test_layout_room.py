"""A layout becomes a room of the simulator: what is built, who stands where, and what is seen and done in it."""

import json
import math

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.actions import ACTIONS
from interactive_action.sim.cameras import CameraRig
from interactive_action.sim.layout import Opening
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import perform
from interactive_action.sim.scene import Scene
from interactive_action.sim.world import World
from interactive_action.tests.layouts.small_rooms import room, thing

WINDOW = Opening("window", 1, 1.5, 1.0, 1.1, 0.9)
KITCHEN = room(
    thing("counter", 2.0, 0.305, math.pi),  # 1.2 m wide, its back to the wall at y = 0
    thing("microwave", 2.3, 0.25, math.pi),
    thing("fridge", 3.4, 0.35, math.pi),
    thing("dining table", 1.4, 2.9),
    thing("chair", 1.4, 2.35, math.pi),
    openings=(Opening("door", 3, 0.3), WINDOW),
    room_type="kitchen",
)
COUNTER, FRIDGE, TABLE, CHAIR = 0, 2, 3, 4


def world(item, action="pick up", robot="panda", **settings):
    return World(Scene(robot, action, layout=KITCHEN, item=item, **settings), np.random.default_rng(0))


def in_room(world, point):
    return (np.linalg.inv(world.room.station.scene_from_room) @ [*point, 1])[:3]


def steps(world, seconds):
    for _ in range(round(seconds * 200)):
        world.step(world.articulation.qpos)


def test_the_scene_is_plain_json_and_comes_back_equal():
    scene = Scene(layout=KITCHEN, item=TABLE)
    assert Scene(**json.loads(json.dumps(scene.to_json()))) == scene
    assert Scene(**json.loads(json.dumps(Scene().to_json()))) == Scene()


@pytest.mark.parametrize("robot", ["panda", "fetch"])
def test_the_room_moves_and_the_robot_stays(robot):
    made = world(TABLE, robot=robot)
    base = made.articulation.pose
    assert base.p[:2] == pytest.approx([0, 0], abs=1e-6)
    floor = -made.room.below
    assert made.room.below == pytest.approx(0.76)  # the table's top is at height 0
    assert base.p[2] == pytest.approx(floor + 0.005 if robot == "fetch" else 0, abs=1e-5)
    x, y, z = in_room(made, made.item.pose[:3, 3])
    assert abs(x - 1.4) < 1.47 / 2 and abs(y - 2.9) < 0.45 and z > 0.76


def test_things_stand_where_the_layout_has_them():
    made = world(TABLE)
    for body, entities in made.room._bodies:
        assert in_room(made, entities[0].pose.p) == pytest.approx(body.position, abs=1e-4), body.name
    names = set(made.room.names.values())
    assert names >= {"floor", "column", "wall_0", "wall_3", "door_0", "counter_0", "microwave_0", "fridge_0", "chair_0"}


def test_for_a_second_nothing_moves_by_itself():
    made = world(TABLE)
    made.step(made.articulation.qpos)
    before = made.room.state()
    steps(made, 1.0)
    assert np.abs(made.room.state() - before).max() < 0.002
    assert np.linalg.norm(made.states[-1].position - made.states[0].position) < 0.002


def test_a_microwave_stands_on_the_counter_whose_drawer_is_opened():
    made = world(COUNTER, "open")
    steps(made, 0.5)
    (microwave,) = [entities for body, entities in made.room._bodies if body.category == "microwave"]
    assert in_room(made, microwave[0].pose.p)[2] == pytest.approx(0.92, abs=0.002)


def test_the_robot_reaches_through_the_door_of_a_fridge_of_real_size():
    performance = perform(Scene("panda", "open", layout=KITCHEN, item=FRIDGE), 0)
    assert not performance.failure and performance.world.caption_name == "fridge"
    item = performance.world.item
    assert item.opening > 0.5 * item.joint_range and 2 * item.half[2] == pytest.approx(1.85)


def test_an_open_hand_does_not_open_a_drawer():
    scene = Scene("panda", "open", layout=KITCHEN, item=COUNTER)
    assert not perform(scene, 1).failure
    performance = perform(scene, 1, close=False)
    assert performance.failure == ACTIONS["open"].failure
    assert performance.world.item.opening < 0.3 * performance.world.item.joint_range


def test_what_is_put_on_a_table_is_picked_up_there():
    performance = perform(Scene("panda", "pick up", "can", layout=KITCHEN, item=TABLE), 0)
    assert not performance.failure
    assert performance.world.states[0].position[2] == pytest.approx(performance.world.item.half[2], abs=0.003)


def test_states_bring_loose_furniture_back():
    made = world(TABLE)
    made.step(made.articulation.qpos)
    (chair,) = [entities[0] for body, entities in made.room._bodies if body.category == "chair"]
    place = chair.pose.p
    chair.set_pose(type(chair.pose)(place + [0.3, 0, 0.2], chair.pose.q))
    made.restore(made.states[0])
    assert chair.pose.p == pytest.approx(place, abs=1e-5)


@pytest.fixture(scope="module")
def seen():
    """Views from all sides of a thing on the counter, which stands against a wall."""
    made = world(COUNTER)
    made.check_start()
    rig = CameraRig(made, Plan(cameras=8, width=96, height=96, camera_mode="orbit"), np.random.default_rng(0))
    return made, rig, [rig.render(camera) for camera in range(8)]


def test_no_camera_looks_at_the_back_of_a_wall(seen):
    made, _, shots = seen
    for shot in shots:
        assert shot["object_masks"].mean() > 0.002
    behind = [shot for shot in shots if in_room(made, camera_of(shot))[1] < -0.1]
    assert behind, "some cameras stand beyond the wall"


def camera_of(shot):
    extrinsics = shot["extrinsics"]
    return -extrinsics[:3, :3].T @ extrinsics[:3, 3]


def test_every_pixel_says_what_it_shows(seen):
    made, _, shots = seen
    names = np.array(made.room.instance_names)
    for shot in shots:
        numbers = shot["instances"]
        assert numbers.max() < len(names)
        assert ((names[numbers] == "subject") == shot["subject_masks"]).all()
        assert ((names[numbers] == "object") == shot["object_masks"]).all()
        assert ((numbers == 0) == (shot["depth"] == 0)).mean() > 0.999
    found = {str(name) for shot in shots for name in np.unique(names[shot["instances"]])}
    assert {"counter_0", "floor", "object", "subject"} <= found and any("wall" in name for name in found)


def test_the_floor_that_is_seen_lies_below_the_surface(seen):
    made, _, shots = seen
    (shot,) = [max(shots, key=lambda shot: (shot["instances"] == made.room.instance_names.index("floor")).sum())]
    rows, columns = np.nonzero(shot["instances"] == made.room.instance_names.index("floor"))
    rays = np.linalg.inv(shot["intrinsics"]) @ [columns + 0.5, rows + 0.5, np.ones(len(rows))]
    places = np.linalg.inv(shot["extrinsics"]) @ np.vstack([rays * shot["depth"][rows, columns], np.ones(len(rows))])
    assert places[2] == pytest.approx(-made.room.below, abs=0.02)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"item": 9}, "item is 9, and the layout's objects are numbered from 0 to 4"),
        ({"item": CHAIR, "action": "open"}, "Object 4 of the layout is a chair, and nothing of it opens"),
        ({"action": "hand over", "object": "book"}, "needs two robots that face each other"),
    ],
)
def test_what_cannot_be_done_in_a_room_is_refused(wrong, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Scene(**{"layout": KITCHEN, **wrong})


def test_where_nothing_fits_is_a_sentence():
    full = room(*(thing("wardrobe", 0.75 + 1.25 * (k % 3), 0.6 + 0.9 * (k // 3)) for k in range(9)))
    with pytest.raises(InteractiveActionError, match="finds no place in the room from which it could open a door"):
        perform(Scene("fetch", "open", layout=full), 0)
    with pytest.raises(InteractiveActionError, match="could put things on the chair"):
        perform(Scene(layout=KITCHEN, item=CHAIR), 0)
