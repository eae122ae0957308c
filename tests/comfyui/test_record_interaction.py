"""The nodes of this room, run as ComfyUI runs them."""

import pathlib

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.nodes import record_interaction as sim
from interactive_action.nodes import record_triples as triples
from interactive_action.nodes import recording_to_video as film
from interactive_action.sim.client import ROOT


def scene(**changes):
    settings = {
        "robot": "panda",
        "action": "pick up",
        "object": "ball",
        "object_color": "green",
        "ground": "sand",
        "background": "sky",
    }
    return sim.InteractionScene.execute(**{**settings, "size_jitter": 0.1, "seed": 5, **changes}).result[0]


def test_record_gives_what_the_rest_of_the_pack_and_comfyui_take(simulator, monkeypatch):
    monkeypatch.setattr(sim, "SIMULATOR", simulator)  # the one that is running already
    settings = {
        "num_episodes": 1,
        "cameras": 5,
        "key_frames": "held",
        "frames_per_episode": 1,
        "width": 64,
        "height": 96,
    }
    output = sim.RecordInteraction.execute(scene(), **settings)
    images, subject, object, subject_boxes, object_boxes, depth, recording = output.result
    assert images.shape == depth.shape == (5, 96, 64, 3) and images.dtype == depth.dtype == torch.float32
    assert 0 <= images.min() and images.max() <= 1 and depth.max() == 1
    assert subject.shape == object.shape == (5, 96, 64) and set(object.unique().tolist()) == {0.0, 1.0}
    for boxes, masks, label in ((subject_boxes, subject, "robot arm"), (object_boxes, object, "green ball")):
        assert [[box["label"] for box in found] for found in boxes] == [[label]] * 5
        x, y, width, height = (boxes[0][0][side] for side in ("x", "y", "width", "height"))
        assert masks[0].sum() == masks[0, y : y + height, x : x + width].sum()
    assert list(recording.object) == ["green ball"] * 5 and recording.scene.ground == "sand"
    assert "succeeded with 1 of 1 seeds" in str(output.ui.as_dict())
    (overlay,) = sim.VisualizeAnnotations.execute(recording).result
    assert overlay.shape == images.shape and not torch.equal(overlay, images)


def test_bad_settings_are_refused_before_anything_runs():
    with pytest.raises(InteractiveActionError, match="object must be one of those offered, but is 'moon'"):
        scene(object="moon")
    with pytest.raises(InteractiveActionError, match="cameras must be"):
        sim.RecordInteraction.execute(
            scene(), num_episodes=1, cameras=2, key_frames="held", frames_per_episode=1, width=64, height=64
        )


def test_triples_come_in_the_order_in_which_adi_takes_them(simulator, monkeypatch):
    monkeypatch.setattr(triples, "SIMULATOR", simulator)
    settings = {
        "num_episodes": 2,
        "cameras": 4,
        "key_frames": "held",
        "frames_per_episode": 1,
        "width": 64,
        "height": 64,
    }
    output = triples.RecordTriples.execute(scene(), other_actions="push, touch,", **settings)
    anchors, same, others, recording, other_recordings = output.result
    assert anchors.shape == same.shape == (8, 64, 64, 3) and others.shape == (16, 64, 64, 3)
    assert [other.action for other in other_recordings] == ["push", "touch"] and recording.action == "pick up"
    assert torch.equal(others[8:], torch.from_numpy(other_recordings[1].images).float() / 255)
    assert torch.equal(same[:4], anchors[4:])


def test_a_recording_becomes_a_video_at_its_own_speed(whole):
    video, frames = film.RecordingToVideo.execute(whole, camera=-1, masks_and_boxes=False).result
    assert frames.shape == (5, 96, 4 * 128, 3)
    seen = video.get_components()
    assert torch.equal(seen.images, frames)
    times = whole.time[whole.camera == 0]
    assert 4 / float(seen.frame_rate) == pytest.approx(times[-1] - times[0], rel=0.02)
    _, alone = film.RecordingToVideo.execute(whole, camera=2, masks_and_boxes=True).result
    assert alone.shape == (5, 96, 128, 3) and not torch.equal(alone, frames[:, :, 256:384])
    with pytest.raises(InteractiveActionError, match=r"no camera 7 .* has: \[0, 1, 2, 3\]"):
        film.RecordingToVideo.execute(whole, camera=7, masks_and_boxes=False)


@pytest.mark.parametrize("node", [*sim.NODES, *triples.NODES, *film.NODES])
def test_every_input_is_explained_and_every_node_has_a_page(node):
    schema = node.define_schema()
    assert all(given.tooltip for given in schema.inputs)
    assert pathlib.Path(ROOT, "web", "docs", f"{schema.node_id}.md").is_file()
