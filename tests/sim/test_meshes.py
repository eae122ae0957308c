"""Things of one's own: they are brought to size, collide as they look, and what cannot be used is a sentence."""

import os

import numpy as np
import pytest
import trimesh

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import interaction_scene as scene
from interactive_action.nodes import record_interaction as sim
from interactive_action.sim.client import ROOT
from interactive_action.sim.meshes import mesh_object
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import perform
from interactive_action.sim.scene import Scene
from interactive_action.tests.sim.toys import export


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A brick that lies along z, y up, an open tray, and files that are no use."""
    folder = tmp_path_factory.mktemp("meshes")
    trimesh.creation.box((2, 1, 4)).export(folder / "toy_brick.glb")
    walls = [trimesh.creation.box((10, 10, 1))]
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        wall = trimesh.creation.box((1 if x else 10, 1 if y else 10, 6))
        walls.append(wall.apply_translation((4.5 * x, 4.5 * y, 2.5)))
    trimesh.util.concatenate(walls).export(folder / "tray.obj")
    trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 0, 1]], [[0, 1, 2]]).export(folder / "sheet.obj")
    (folder / "broken.glb").write_bytes(b"glTF, but not really")
    (folder / "empty.obj").write_text("# nothing\n")
    return folder


def test_a_mesh_is_brought_to_size_upright_with_its_narrow_side_across(folder):
    thing = mesh_object(folder / "toy_brick.glb", 0.08, "y")
    assert np.allclose(2 * thing.half, [0.08, 0.04, 0.02]) and thing.bounds[0, 2] == 0
    (piece,) = thing.parts[0].pieces
    assert np.allclose(np.ptp(piece, axis=0), [0.08, 0.04, 0.02])
    assert np.allclose(2 * mesh_object(folder / "toy_brick.glb", 0.08, "z").half, [0.04, 0.02, 0.08])


@pytest.mark.parametrize("name, up", [("a.glb", "y"), ("a.gltf", "y"), ("a.OBJ", "y"), ("a.stl", "z"), ("a.PLY", "z")])
def test_what_is_tall_stands_as_its_format_has_it_unless_one_says_otherwise(tmp_path, name, up):
    tower = trimesh.creation.cylinder(0.5, 4)  # along z
    if up == "y":
        tower.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0)))
    export(tower, tmp_path / name)
    assert np.allclose(2 * mesh_object(tmp_path / name, 0.2, "auto").half, [0.05, 0.05, 0.2], atol=1e-3)
    other = {"y": "z", "z": "y"}[up]
    assert 2 * mesh_object(tmp_path / name, 0.2, other).half[2] == pytest.approx(0.05, abs=1e-3)
    assert Scene(mesh=str(tmp_path / name)).mesh_up == "auto"


def test_a_hollow_mesh_collides_in_convex_pieces_and_stays_hollow(folder):
    pieces = mesh_object(folder / "tray.obj", 0.2, "z").parts[0].pieces
    assert len(pieces) > 1
    inside = np.array([0, 0, 0.06])
    assert not any(trimesh.convex.convex_hull(piece).contains([inside])[0] for piece in pieces)


@pytest.mark.parametrize("action", ["pick up", "push", "touch"])
def test_the_robot_acts_on_it(folder, action):
    world, _, failure = perform(Scene(action=action, mesh=str(folder / "toy_brick.glb"), mesh_size=0.07), seed=0)
    assert not failure and world.caption_name == "toy brick" and world.contacts


def test_it_is_seen_and_named(simulator, folder):
    recording = simulator.record(
        Scene(mesh=str(folder / "toy_brick.glb")), Plan(num_episodes=1, frames_per_episode=1, width=64, height=64)
    )
    assert recording.object.tolist() == ["toy brick"] * 4 and recording.object_masks.mean((1, 2)).min() > 0.01


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("nowhere.glb", "no mesh 'nowhere.glb'.*Put it there"),
        ("broken.glb", "'broken.glb' cannot be read.*Export it again"),
        ("empty.obj", "'empty.obj' (cannot be read|has no faces)"),
        ("sheet.obj", "'sheet.obj' has no volume.*Give it thickness"),
    ],
)
def test_a_mesh_that_cannot_be_used_is_a_sentence_and_the_next_run_works(simulator, folder, name, sentence):
    plan = Plan(num_episodes=1, frames_per_episode=1, width=32, height=32)
    with pytest.raises(InteractiveActionError, match=sentence):
        simulator.record(Scene(mesh=str(folder / name)), plan)
    assert len(simulator.record(Scene(), plan)) == 4


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"mesh": "thing.exe"}, "'thing.exe' is no mesh.*.glb"),
        ({"mesh": "thing.glb", "mesh_size": 3.0}, "mesh_size must be from 0.02 to 0.5 meters, but is 3.0"),
        ({"mesh": "thing.glb", "mesh_up": "x"}, "no mesh up 'x'"),
        (
            {"mesh": "thing.glb", "action": "open", "object": "fridge"},
            "'open' is not offered for a thing of one's own, but: pick up",
        ),
    ],
)
def test_an_impossible_mesh_is_refused_before_anything_runs(wrong, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        Scene(**wrong)


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("../secret.glb", "leads out of the folder input"),
        (str(ROOT / "thing.glb"), "leads out of the folder input"),
        ("nowhere.glb", "no mesh 'nowhere.glb'"),
        ("a\0b.glb", "cannot be the name of a file: embedded null"),
        ("a" * 5000 + ".glb", "cannot be the name of a file: File name too long"),
    ],
)
def test_a_path_that_is_no_file_of_the_input_folder_is_refused(name, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        sim.InteractionScene.execute(mesh=name)


def test_a_mesh_in_the_input_folder_whose_texture_is_outside_is_refused(tmp_path, monkeypatch):
    (tmp_path / "input").mkdir()
    monkeypatch.setattr(scene.folder_paths, "get_input_directory", lambda: str(tmp_path / "input"))
    (tmp_path / "secret.png").write_bytes(b"")
    (tmp_path / "input" / "a.obj").write_text("mtllib a.mtl\n")
    (tmp_path / "input" / "a.mtl").write_text("newmtl x\nmap_Kd ../secret.png\n")
    with pytest.raises(InteractiveActionError, match="file that a.obj names, .*secret.png' leads out of the folder"):
        sim.InteractionScene.execute(mesh="a.obj")


def test_links_that_lead_in_a_ring_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scene.folder_paths, "get_input_directory", lambda: str(tmp_path))
    try:
        (tmp_path / "ring.glb").symlink_to(tmp_path / "ring.glb")
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(InteractiveActionError, match="'ring.glb'"):
        sim.InteractionScene.execute(mesh="ring.glb")


def test_a_mesh_that_was_exported_again_is_noticed(folder, monkeypatch):
    monkeypatch.setattr(scene.folder_paths, "get_input_directory", lambda: str(folder))
    before = scene.InteractionScene.fingerprint_inputs(mesh="toy_brick.glb")
    os.utime(folder / "toy_brick.glb", ns=(0, 0))
    assert scene.InteractionScene.fingerprint_inputs(mesh="toy_brick.glb") == before
    trimesh.creation.icosphere().export(folder / "toy_brick.glb")
    assert scene.InteractionScene.fingerprint_inputs(mesh="toy_brick.glb") != before
    assert scene.InteractionScene.fingerprint_inputs(mesh="") == scene.InteractionScene.fingerprint_inputs()
