"""The nodes of this room, run as ComfyUI runs them."""

import pathlib

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import sim
from interactive_action.sim.client import ROOT


def scene(**changes):
    settings = {"robot": "panda", "action": "pick up", "object": "ball", "object_colour": "green", "ground": "sand", "background": "sky"}
    return sim.InteractionScene.execute(**{**settings, "size_jitter": 0.1, "seed": 5, **changes}).result[0]


def test_record_gives_what_the_rest_of_the_pack_and_comfyui_take(simulator, monkeypatch):
    monkeypatch.setattr(sim, "SIMULATOR", simulator)  # the one that is running already
    settings = {"takes": 1, "cameras": 5, "moments": "held", "frames_per_take": 1, "width": 64, "height": 96}
    output = sim.RecordInteraction.execute(scene(), **settings)
    pictures, subject, object, subject_boxes, object_boxes, depth, recording = output.result
    assert pictures.shape == depth.shape == (5, 96, 64, 3) and pictures.dtype == depth.dtype == torch.float32
    assert 0 <= pictures.min() and pictures.max() <= 1 and depth.max() == 1
    assert subject.shape == object.shape == (5, 96, 64) and set(object.unique().tolist()) == {0.0, 1.0}
    for boxes, masks, label in ((subject_boxes, subject, "robot arm"), (object_boxes, object, "green ball")):
        assert [[box["label"] for box in found] for found in boxes] == [[label]] * 5
        x, y, width, height = (boxes[0][0][side] for side in ("x", "y", "width", "height"))
        assert masks[0].sum() == masks[0, y : y + height, x : x + width].sum()
    assert list(recording.object) == ["green ball"] * 5 and recording.scene.ground == "sand"
    assert "succeeded with 1 of 1 seeds" in str(output.ui.as_dict())
    (overlay,) = sim.DrawRecording.execute(recording).result
    assert overlay.shape == pictures.shape and not torch.equal(overlay, pictures)


def test_bad_settings_are_refused_before_anything_runs():
    with pytest.raises(InteractiveActionError, match="no object 'moon'"):
        scene(object="moon")
    with pytest.raises(InteractiveActionError, match="cameras must be"):
        sim.RecordInteraction.execute(scene(), takes=1, cameras=2, moments="held", frames_per_take=1, width=64, height=64)


@pytest.mark.parametrize("node", sim.NODES)
def test_every_input_is_explained_and_every_node_has_a_page(node):
    schema = node.define_schema()
    assert all(given.tooltip for given in schema.inputs)
    assert pathlib.Path(ROOT, "web", "docs", f"{schema.node_id}.md").is_file()
