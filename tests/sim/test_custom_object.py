"""Things of one's own that open and close: PartNet-Mobility folders and other URDFs."""

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import load_urdf as nodes
from interactive_action.sim.custom_object import CustomObject
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import perform
from interactive_action.sim.scene import Scene
from interactive_action.sim.triples import others_of
from interactive_action.tests.sim.toys import cupboard, drawer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("things")
    cupboard(folder)
    drawer(folder)
    return str(folder)


@pytest.fixture(scope="module")
def partnet(folder):
    return CustomObject(folder, "44853", "white cupboard")


def test_a_partnet_folder_is_brought_to_size_with_its_front_to_the_robot(partnet):
    spec = partnet.spec()
    assert np.allclose(2 * spec.half, [0.294, 0.32, 0.4]) and spec.joint.kind == "hinge"
    assert np.allclose(spec.joint.axis, [0, 0, -1], atol=1e-6) and spec.joint.at[1] == pytest.approx(0.16)
    place, forward, closing = spec.joint.handle
    assert place == pytest.approx((-0.141, -0.12, 0.24), abs=1e-3) and (forward, closing) == ((1, 0, 0), (0, 1, 0))


def test_a_door_may_be_shut_at_its_upper_limit(partnet, tmp_path):
    upper = CustomObject(str(tmp_path), cupboard(tmp_path, "upper"), "cupboard").spec().joint
    assert np.allclose(upper.axis, partnet.spec().joint.axis, atol=1e-6) and np.allclose(
        upper.at, partnet.spec().joint.at, atol=1e-6
    )


def test_what_urdf_lets_one_leave_out_is_taken_as_it_says(partnet, tmp_path):
    own = CustomObject(str(tmp_path), cupboard(tmp_path), "cupboard")
    path = tmp_path / "44853" / "mobility.urdf"
    path.write_text(path.read_text().replace(' lower="0"', ""))
    assert own.spec().joint == partnet.spec().joint
    path.write_text(path.read_text().replace('<axis xyz="0 -1 0"/>', "<axis/>"))  # its own x, which looks at the robot
    assert np.allclose(np.abs(own.spec().joint.axis), [0, 1, 0], atol=1e-6)


def test_any_side_can_be_the_front_and_a_link_the_handle(folder):
    spec = CustomObject(folder, "drawer.urdf", "drawer", handle="knob", size=0.3, front="y").spec()
    assert np.allclose(spec.joint.axis, [-1, 0, 0], atol=1e-6) and spec.joint.range == pytest.approx(0.16)
    assert spec.joint.handle[0][0] < -0.12 and spec.joint.handle[2] == (0, 0, 1)


@pytest.mark.parametrize("action", ["open", "close"])
@pytest.mark.parametrize(
    "settings", [{"urdf": "44853"}, {"urdf": "drawer.urdf", "handle": "knob", "size": 0.3, "front": "y"}]
)
def test_the_robot_opens_and_closes_it(folder, settings, action):
    world, _, failure = perform(
        Scene(action=action, custom_object=CustomObject(folder, caption_name="thing", **settings)), seed=0
    )
    assert not failure and world.contacts and world.caption_name == "thing"


def test_an_open_hand_does_not_open_it(partnet):
    world, _, failure = perform(Scene(action="open", custom_object=partnet), seed=0, close=False)
    assert failure and world.item.opening < 0.5 * world.item.joint_range


def test_it_is_seen_and_named_and_its_scene_is_kept(simulator, partnet):
    scene = Scene(action="open", custom_object=partnet)
    recording = simulator.record(scene, Plan(num_episodes=1, frames_per_episode=1, width=64, height=64))
    assert recording.object.tolist() == ["white cupboard"] * 4 and recording.object_masks.mean((1, 2)).min() > 0.05
    assert Scene(**scene.to_json()) == recording.scene == scene


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"joint": "lid"}, "no joint 'lid' that opens. Its joints with limits are: joint_2, joint_0"),
        ({"handle": "grip"}, "no joint that carries a part with 'grip' in its name"),
        ({"handle": "grip", "joint": "joint_0"}, "Nothing that the joint 'joint_0' .* carries has 'grip'"),
        ({"handle": "board", "size": 0.9}, "the handle of '44853' is .* cm wide, and a hand opens 8. Make it smaller"),
        ({"urdf": "../44853"}, "'../44853' leads out of"),
        ({"urdf": "44854"}, "no URDF '44854'"),
    ],
)
def test_a_thing_that_cannot_be_opened_is_a_sentence(folder, changes, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        CustomObject(folder, **{"urdf": "44853", "caption_name": "cupboard", **changes}).spec()


def test_what_its_meshes_lack_is_a_sentence(tmp_path):
    own = CustomObject(str(tmp_path), cupboard(tmp_path), "cupboard")
    mesh = tmp_path / "44853" / "textured_objs" / "board.obj"
    for text, sentence in (
        ("# nothing", "board.obj' (cannot be read|is empty)"),
        ("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "corners that are no numbers"),
    ):
        mesh.write_text(text)
        with pytest.raises(InteractiveActionError, match=sentence):
            own.spec()
    mesh.unlink()
    with pytest.raises(InteractiveActionError, match="board.obj', which is not there"):
        own.spec()


def test_impossible_settings_are_refused_at_once(partnet):
    for changes, sentence in (
        ({"size": 3.0}, "from 0.1 to 1.0 meters"),
        ({"front": "z"}, "The front is one of"),
        ({"caption_name": ""}, "what the object is called"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            CustomObject(**{"folder": "", "urdf": "a", "caption_name": "b", **changes})
    with pytest.raises(InteractiveActionError, match="is offered for: open, close"):
        Scene(custom_object=partnet)
    assert others_of(Scene(action="open", custom_object=partnet)) == []


def test_the_node_tells_what_it_found(tmp_path, monkeypatch):
    monkeypatch.setattr(nodes.folder_paths, "get_input_directory", lambda: str(tmp_path))
    output = nodes.LoadArticulatedObject.execute(cupboard(tmp_path), "cupboard")
    assert "joint_0" in str(output.ui.as_dict()) and output.result[0].caption_name == "cupboard"
    with pytest.raises(InteractiveActionError, match="leads out of"):
        nodes.LoadArticulatedObject.execute("../44853", "cupboard")
