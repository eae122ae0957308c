"""Robots of one's own: measured on their URDF, they act as the others do, and what is wrong in a file is a sentence."""

import importlib.util
import pathlib

import numpy as np
import pytest
import trimesh

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import load_urdf as nodes
from interactive_action.sim.custom_robot import CustomRobot
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import perform
from interactive_action.sim.robots import ROBOTS
from interactive_action.sim.scene import Scene
from interactive_action.tests.sim.toys import HANDS, MESH, arm

WHEEL = str(pathlib.Path(importlib.util.find_spec("mani_skill").submodule_search_locations[0], "assets", "robots"))
FINGERS = ("panda_leftfinger", "panda_rightfinger")
SMALL = Plan(num_episodes=1, frames_per_episode=1, width=64, height=64)


@pytest.fixture(scope="module", params=HANDS)
def toy(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return CustomRobot(str(folder), arm(folder, request.param), "palm", ("left", "right"), caption_name="toy arm")


def test_what_is_measured_on_a_panda_is_what_is_known_of_it():
    known, measured = ROBOTS["panda"], CustomRobot(WHEEL, "panda/panda_v2.urdf", "panda_hand_tcp", FINGERS).robot()
    assert np.allclose(measured.arm.ee_from_tcp, known.arm.ee_from_tcp, atol=1e-3)
    assert measured.gripper.reach == pytest.approx(known.gripper.reach, abs=0.005)
    assert measured.arm.joints == known.arm.joints
    assert np.allclose(measured.rest_qpos[7:], known.rest_qpos[7:])
    assert np.allclose(measured.closed_qpos[7:], known.closed_qpos[7:])
    assert np.allclose(measured.rest_qpos[:7], known.rest_qpos[:7], atol=0.5)  # ManiSkill's own posture


def test_any_link_of_the_hand_and_any_axis_will_do():
    by_hand = CustomRobot(WHEEL, "panda/panda_v2.urdf", "panda_hand", FINGERS).robot()
    assert np.array(by_hand.arm.ee_from_tcp)[:3, 3] == pytest.approx([0, 0, 0.1034], abs=1e-3)
    fetch = CustomRobot(
        WHEEL, "fetch", "gripper_link", ROBOTS["fetch"].gripper.links, approach_axis="x", stands=True
    ).robot()
    assert np.allclose(fetch.arm.ee_from_tcp, ROBOTS["fetch"].arm.ee_from_tcp, atol=1e-3)


def test_a_hand_opens_where_its_fingers_are_apart(toy):
    robot = toy.robot()
    ends = {"prismatic": ([0.045, 0.045], [0, 0]), "revolute": ([0, 0], [0.75, -0.75])}[
        "revolute" if robot.gripper.tcp_closing_offset > 0.01 else "prismatic"
    ]
    assert (
        np.allclose(robot.rest_qpos[6:], ends[0])
        and np.allclose(robot.closed_qpos[6:], ends[1])
        and robot.rest_qpos[:6] == robot.closed_qpos[:6]
    )


@pytest.mark.parametrize(
    "action, object", [("pick up", "cube"), ("hold", "can"), ("push", "box"), ("touch", "ball"), ("open", "fridge")]
)
def test_it_acts_by_contact(toy, action, object):
    world, _, failure = perform(Scene(action=action, object=object, custom_robot=toy), seed=0)
    assert not failure and world.contacts and world.subject == "toy arm"


def test_with_an_open_hand_it_picks_nothing_up(toy):
    assert "not held" in perform(Scene(custom_robot=toy), seed=0, close=False).failure


def test_it_is_seen_and_named_and_its_scene_is_kept(simulator, toy):
    scene = Scene(custom_robot=toy, room="workshop")
    recording = simulator.record(scene, SMALL)
    assert recording.subject.tolist() == ["toy arm"] * 4 and recording.subject_masks.mean((1, 2)).min() > 0.05
    assert Scene(**scene.to_json()) == recording.scene == scene


def test_a_robot_without_fingers_is_offered_what_a_stick_can_do():
    stick = CustomRobot(WHEEL, "panda/panda_stick.urdf", "panda_hand_tcp")
    assert not perform(Scene(action="push", object="box", custom_robot=stick), seed=0).failure
    with pytest.raises(
        InteractiveActionError,
        match="has not the hands to 'pick up'. Choose one of: push, pull, tip over, strike, touch, press",
    ):
        Scene(custom_robot=stick)


def test_its_posture_is_as_asked_for(toy):
    asked = (0.1, 0.3, 1.7, 0.0, 1.1, 0.2)
    assert CustomRobot(toy.folder, toy.urdf, "palm", rest_qpos=asked).robot().rest_qpos[:6] == asked


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("</robot>", "", "is no XML"),
        ("robot", "sdf", "begins with <sdf> instead of <robot>"),
        ('link="upper"', 'link="nobody"', "joint 'shoulder' whose child link is 'nobody'"),
        ('parent link="foot"', 'parent link="fore"', "ring of joints through the link"),
        ('child link="fore"', 'child link="upper"', "no single tree: 9 links need 8 joints"),
        ('type="continuous"', 'type="floating"', "joint 'forearm' of the type 'floating'"),
        ('lower="-2.9"', 'lower="nan"', "<limit> whose lower is 'nan' and not 1 number"),
        ('xyz="0 0 0.42"', 'xyz="0 0"', "<origin> whose xyz is '0 0' and not 3 numbers"),
        ("foot.stl", "boot.stl", "names the file 'package://toy_arm/meshes/boot.stl', which is not there"),
        (MESH, '<mesh filename="../../secret.stl"/>', "file of toy.urdf 'toy_arm/../../secret.stl' leads out of"),
        (MESH, '<mesh filename="/etc/passwd"/>', "file of toy.urdf '/etc/passwd' leads out of the folder"),
        ("<collision>", "<ghost>", "is no XML"),
        ("<robot", '<?xml version="1.0" encoding="foo"?><robot', "is no XML: unknown encoding"),
        ("<robot", '<?xml version="1.0" encoding="shift_jis"?><robot', "is no XML: multi-byte encodings"),
        ('joint name="elbow"', "joint", "has a joint without a name"),
        ('joint name="elbow"', 'joint name=""', "has a joint without a name"),
        ('link name="fore"', "link", "has links without a name"),
        ("foot.stl", "a" * 5000, "file of toy.urdf '.*' cannot be the name of a file: File name too long"),
        (MESH, "<mesh/>", "has a <mesh> without filename"),
        (MESH, '<mesh filename="package://"/>', "names the file 'package://', which is not there"),
        (MESH, "", "has a <geometry> without mesh or box or sphere or cylinder"),
        ("<geometry>", "<geometry><sphere/>", "has a <sphere> without radius"),
        ("<collision>", "<inertial><mass value='1'/></inertial><collision>", "has a <inertial> without inertia"),
        ('rgba="0.8 0.8 0.78 1"', 'rgba="white"', "<color> whose rgba is 'white' and not 4 numbers"),
        ('xyz="0 0 0.42"', 'xyz="0 0 1e308"', "<origin> whose xyz is '0 0 1e308', which is more than 1000000"),
        ("</robot>", "<link>" + "<b>" * 9999 + "</b>" * 9999 + "</link></robot>", "elements in elements, too deep"),
        ('lower="-2.9"', 'lower="3.9"', "joint 'yaw' .* has the limits 3.9 and 2.9, the lower one above the upper"),
    ],
)
def test_a_urdf_that_is_wrong_is_a_sentence(tmp_path, old, new, sentence):
    own = CustomRobot(str(tmp_path), arm(tmp_path), "palm", ("left", "right"))
    path = tmp_path / own.urdf
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InteractiveActionError, match=sentence):
        own.robot()


def test_the_next_run_works_after_a_urdf_without_its_mesh_and_after_one_with_a_broken_mesh(simulator, tmp_path):
    own = CustomRobot(str(tmp_path), arm(tmp_path), "palm", ("left", "right"))
    (tmp_path / "toy_arm" / "meshes" / "foot.stl").unlink()
    with pytest.raises(InteractiveActionError, match="foot.stl', which is not there"):
        simulator.record(Scene(custom_robot=own), SMALL)
    (tmp_path / "toy_arm" / "meshes" / "foot.stl").write_bytes(b"solid nonsense")
    with pytest.raises(InteractiveActionError, match="Something cannot be drawn.*foot.stl. Export the mesh"):
        simulator.record(Scene(custom_robot=own), SMALL)
    assert len(simulator.record(Scene(), Plan(num_episodes=1, frames_per_episode=1, width=32, height=32))) == 4


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"ee_link": "thumb"}, "no link 'thumb'. It has: foot, turret, upper"),
        ({"gripper_links": ("left", "pinky")}, "no link 'pinky'"),
        ({"ee_link": "foot", "gripper_links": ()}, "No joint of 'toy_arm/toy.urdf' moves the link 'foot'"),
        ({"gripper_links": ("left",)}, "needs two fingers or more"),
        ({"rest_qpos": (0.0, 1.0)}, "6 joints lead to 'palm' .yaw, shoulder.*but rest_qpos has 2 numbers"),
        ({"urdf": "../toy.urdf"}, "'../toy.urdf' leads out of"),
        ({"urdf": "/etc"}, "'/etc' leads out of"),
        ({"urdf": "no_arm"}, "no URDF 'no_arm'"),
        ({"urdf": "a\0b.urdf"}, "cannot be the name of a file: embedded null"),
        ({"urdf": "a" * 5000}, "cannot be the name of a file: File name too long"),
        ({"gripper_links": ("left", "left")}, "needs two fingers or more"),
        ({"rest_qpos": (float("nan"),) * 6}, "rest_qpos must be numbers of radians and meters, but is .nan"),
        ({"base_offset": -1.5}, "cannot be held 0.2 m above the object.*Move the robot"),
    ],
)
def test_a_robot_that_cannot_be_is_a_sentence(tmp_path, changes, sentence):
    settings = {"urdf": arm(tmp_path), "ee_link": "palm", "gripper_links": ("left", "right"), **changes}
    with pytest.raises(InteractiveActionError, match=sentence):
        CustomRobot(str(tmp_path), **settings).robot()


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"approach_axis": "up"}, "approach_axis must be one of x, y, z"),
        ({"caption_name": " "}, "what the robot is called"),
        ({"base_offset": 9.0}, "base_offset must be from"),
    ],
)
def test_impossible_settings_are_refused_at_once(changes, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        CustomRobot("", "robot.urdf", "tool", **changes)


def test_the_node_reads_the_input_folder_alone_and_tells_what_it_found(tmp_path, monkeypatch):
    monkeypatch.setattr(nodes.folder_paths, "get_input_directory", lambda: str(tmp_path))
    settings = {
        "urdf": arm(tmp_path),
        "ee_link": "palm",
        "gripper_links": "left, right",
        "approach_axis": "z",
        "name": "toy arm",
        "stands_on": "floor",
    }
    output = nodes.LoadRobot.execute(**settings)
    assert output.result[0].stands and "6 joints lead to palm: yaw, shoulder" in str(output.ui.as_dict())
    with pytest.raises(InteractiveActionError, match="leads out of"):
        nodes.LoadRobot.execute(**{**settings, "urdf": "../robot.urdf"})
    with pytest.raises(InteractiveActionError, match="rest_qpos must be numbers"):
        nodes.LoadRobot.execute(**settings, rest_qpos="up")
    with pytest.raises(
        InteractiveActionError, match="A toy arm stands on the floor, and things in the kitchen on a table"
    ):
        Scene(custom_robot=output.result[0], room="kitchen")


def test_a_mesh_that_was_exported_again_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(nodes.folder_paths, "get_input_directory", lambda: str(tmp_path))
    settings = {"urdf": arm(tmp_path)}
    before = nodes.LoadRobot.fingerprint_inputs(**settings)
    assert nodes.LoadRobot.fingerprint_inputs(**settings) == before
    trimesh.creation.cylinder(0.2, 0.06).export(tmp_path / "toy_arm" / "meshes" / "foot.stl")
    assert nodes.LoadRobot.fingerprint_inputs(**settings) != before
