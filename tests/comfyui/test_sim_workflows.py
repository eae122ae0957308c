"""Recording on the real server: progress, Cancel, and a simulator that aborts while the server lives on."""

import io
import signal

import numpy as np
import psutil
import pytest
import trimesh
from PIL import Image

from interactive_action.client import Cancelled
from interactive_action.errors import InteractiveActionError
from interactive_action.tests.sim.toys import arm, cupboard, export
from interactive_action.tools.dev.prompts import load_prompt, node


def recording(num_episodes=1, **changes):
    """A graph that records small images: nodes "scene", "record", "draw"."""
    scene = {
        "robot": "panda",
        "action": "pick up",
        "object": "cube",
        "object_color": "red",
        "ground": "sand",
        "background": "sky",
    }
    plan = {
        "num_episodes": num_episodes,
        "cameras": 4,
        "key_frames": "held",
        "frames_per_episode": 1,
        "width": 64,
        "height": 64,
    }
    return {
        "scene": {
            "class_type": "InteractiveActionScene",
            "inputs": {**scene, "size_jitter": 0.1, "seed": num_episodes, **changes},
        },
        "record": {"class_type": "InteractiveActionRecord", "inputs": {"scene": ["scene", 0], **plan}},
        "draw": {"class_type": "InteractiveActionVisualizeAnnotations", "inputs": {"recording": ["record", 6]}},
    }


def at_the_second_image(client, prompt, act):
    for kind, data in client.follow(prompt):
        if kind == "progress" and data["node"] == "record" and data["value"] == 2:
            act(data["prompt_id"])


def test_recording_tells_its_progress_obeys_cancel_and_survives_an_abort(client, server):
    seen = []
    outputs = client.run(recording(), lambda node, value, maximum: node == "record" and seen.append((value, maximum)))
    assert seen[-1] == (4, 4) and len(seen) >= 4
    assert "'pick up' succeeded with 1 of 1 seeds" in outputs["record"]["text"][0]
    assert len(outputs["draw"]["images"]) == 4

    with pytest.raises(Cancelled):
        at_the_second_image(client, recording(num_episodes=50), client.interrupt)

    (worker,) = [
        process
        for process in psutil.Process(server._process.pid).children(recursive=True)
        if "sim.worker" in process.cmdline()
    ]
    with pytest.raises(InteractiveActionError, match=r"Record.*ended in the middle of its work .SIGABRT"):
        at_the_second_image(client, recording(num_episodes=51), lambda _: worker.send_signal(signal.SIGABRT))
    assert len(client.run(recording(num_episodes=2))["draw"]["images"]) == 8


def test_an_unknown_action_is_refused_before_anything_runs(client):
    with pytest.raises(InteractiveActionError, match="InteractiveActionScene.*dance"):
        client.run(recording(action="dance"))


def test_an_action_is_recorded_kept_and_read_again(client, server):
    """The two shipped workflows, one after the other, with fewer and smaller images."""
    prompt = load_prompt("record-an-action")
    node(prompt, "Record Interaction")[1]["inputs"].update(num_episodes=1, width=64, height=64)
    outputs = client.run(prompt)
    assert "16 images written to" in outputs[node(prompt, "Save Recording")[0]]["text"][0]
    prompt = load_prompt("import-a-recording")
    outputs = client.run(prompt)
    assert "16 images of 1 episodes; 'place into'" in outputs[node(prompt, "Load Recording")[0]]["text"][0]
    assert len(outputs[node(prompt, "Visualize Annotations")[0]]["images"]) == 16


def test_a_robot_acts_in_a_room_that_was_made(client):
    """The shipped workflow, with fewer and smaller images."""
    prompt = load_prompt("record-an-action-in-a-generated-room")
    node(prompt, "Record Interaction")[1]["inputs"].update(frames_per_episode=1, width=64, height=64)
    outputs = client.run(prompt)
    assert "oven" in outputs[node(prompt, "Room to Scene")[0]]["text"][0]
    assert "4 images written to" in outputs[node(prompt, "Save Recording")[0]]["text"][0]
    assert len(outputs[node(prompt, "The plan")[0]]["images"]) == 1


def test_a_mesh_that_was_exported_again_under_its_name_is_drawn_anew(client, server):
    def drawn(mesh, name):
        export(mesh, server.base / "input" / name)
        outputs = client.run(recording(action="touch", mesh=name, mesh_size=0.07))
        return [np.array(Image.open(io.BytesIO(client.view(file)))) for file in outputs["draw"]["images"]]

    flat = trimesh.creation.cylinder(0.5, 0.3)
    cube, again = drawn(trimesh.creation.box(), "thing.glb"), drawn(flat, "thing.glb")
    assert np.array_equal(again, drawn(flat, "elsewhere/thing.glb"))
    assert not np.array_equal(again, cube)


def test_a_robot_and_an_object_of_ones_own_act_and_a_missing_mesh_is_a_sentence(client, server):
    """The shipped workflow, with fewer and smaller images."""
    given = server.base / "input"
    prompt = load_prompt("act-with-your-own-robot")
    node(prompt, "Load Robot (URDF)")[1]["inputs"].update(urdf=arm(given), ee_link="palm", gripper_links="left, right")
    node(prompt, "Load Articulated Object (URDF)")[1]["inputs"].update(urdf=cupboard(given))
    node(prompt, "Record Interaction")[1]["inputs"].update(num_episodes=1, frames_per_episode=1, width=64, height=64)
    outputs = client.run(prompt)
    assert "'open' succeeded with 1 of" in outputs[node(prompt, "Record Interaction")[0]]["text"][0]
    assert len(outputs[node(prompt, "Visualize Annotations")[0]]["images"]) == 4
    (given / "toy_arm" / "meshes" / "foot.stl").unlink()
    node(prompt, "Load Robot (URDF)")[1]["inputs"].update(name="arm")
    with pytest.raises(InteractiveActionError, match="LoadRobot.*foot.stl', which is not there"):
        client.run(prompt)
    assert len(client.run(recording(num_episodes=3))["draw"]["images"]) == 12


def test_a_data_set_of_triples_is_made_kept_and_taught(client, server):
    """The shipped workflow, with fewer images and steps."""
    prompt = load_prompt("make-a-dataset-of-triples")
    node(prompt, "Record Triples")[1]["inputs"].update(num_episodes=2, frames_per_episode=1)
    node(prompt, "Train Token (ADI)")[1]["inputs"].update(steps=2, batch_size=2)
    node(prompt, "Save Interactive Token")[1]["inputs"].update(name="of-triples")
    outputs = client.run(prompt)
    for title, lines in (("Save the anchors", 1), ("Save the other actions", 2)):
        assert "".join(outputs[node(prompt, title)[0]]["text"]).count("8 images written to") == lines
    assert len(outputs[node(prompt, "The same action in other contexts")[0]]["images"]) == 8
    assert (server.base / "models" / "interactive_tokens" / "of-triples.safetensors").is_file()


def test_an_action_becomes_a_film(client):
    """The shipped workflow, with fewer and smaller images."""
    prompt = load_prompt("film-an-action")
    node(prompt, "Record Interaction")[1]["inputs"].update(frames_per_episode=4, width=64, height=64)
    (film,) = client.run(prompt)[node(prompt, "Save Video")[0]]["images"]
    assert film["filename"].endswith(".mp4")
