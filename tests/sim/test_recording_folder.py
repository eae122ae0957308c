"""A recording on disk: it loads back equal, and one made by hand is as good."""

import json

import numpy as np
import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.recording_folder import load, save


@pytest.fixture
def by_hand(tmp_path):
    """Two images, as someone puts them into a folder: the first with a box and a mask, the second with nothing."""
    (tmp_path / "0.png").parent.mkdir(exist_ok=True)
    for index in range(2):
        Image.new("RGB", (8, 6), (40 * index, 0, 0)).save(tmp_path / f"{index}.png")
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:6] = 255
    Image.fromarray(mask).save(tmp_path / "who.png")
    line = {"subject": "woman", "object": "blue cup", "action": "hold"}
    lines = [
        {**line, "file_name": "0.png", "subject_mask": "who.png", "object_box": [1, 2, 3, 2]},
        {**line, "file_name": "1.png"},
    ]
    write(tmp_path, *lines)
    return tmp_path


def write(folder, *lines):
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_recording_loads_as_it_was_saved(held, tmp_path):
    save(held, tmp_path / "episode")
    loaded = load(tmp_path / "episode")
    assert loaded.scene == held.scene
    for name, array in held.arrays().items():
        assert array.dtype.kind == loaded.arrays()[name].dtype.kind and np.array_equal(array, loaded.arrays()[name]), (
            name
        )
    assert sorted(path.name for path in (tmp_path / "episode").iterdir()) == [
        "images",
        "masks",
        "metadata.jsonl",
        "scene.json",
        "trajectories.npz",
    ]
    with pytest.raises(InteractiveActionError, match="already a recording called 'episode'"):
        save(held, tmp_path / "episode")


def test_images_of_another_engine_are_a_recording(by_hand):
    recording = load(by_hand)
    assert recording.action == "hold" and recording.subject.tolist() == ["woman", "woman"]
    assert recording.images[1, 0, 0].tolist() == [40, 0, 0]
    assert [(box["x"], box["y"], box["width"], box["height"]) for box in recording.subject_boxes[0]] == [(3, 2, 3, 2)]
    assert [(box["x"], box["y"], box["width"], box["height"]) for box in recording.object_boxes[0]] == [(1, 2, 3, 2)]
    assert recording.subject_boxes[1] == recording.object_boxes[1] == []
    assert "2 images of 2 episodes" in recording.summary() and recording.overlay().shape == (2, 6, 8, 3)
    assert recording.depth_images().max() == 0


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"file_name": "../secret.png"}, "leads out of the folder"),
        ({"file_name": "2.png"}, "Line 1.*There is no image '2.png'"),
        ({"subject_mask": "1.png", "file_name": "who.png", "object_mask": "big.png"}, "another size than its image"),
        ({"intrinsics": [1, 2]}, "Line 1.*cannot reshape"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(by_hand, wrong, sentence):
    Image.new("L", (9, 9)).save(by_hand / "big.png")
    write(by_hand, {"file_name": "0.png", "subject": "woman", "object": "cup", "action": "hold", **wrong})
    with pytest.raises(InteractiveActionError, match=sentence):
        load(by_hand)


def test_a_folder_without_lines_or_with_two_actions_is_refused(by_hand, tmp_path):
    line = {"file_name": "0.png", "subject": "woman", "object": "cup"}
    write(by_hand, {**line, "action": "hold"}, {**line, "action": "drop"})
    with pytest.raises(InteractiveActionError, match="one action, but holds 1 sizes and the actions drop, hold"):
        load(by_hand)
    (by_hand / "metadata.jsonl").unlink()
    with pytest.raises(InteractiveActionError, match="not a recording: it has no metadata.jsonl"):
        load(by_hand)
