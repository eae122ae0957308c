"""``interactive-action caption``: a recording that was made by hand becomes a dataset."""

import json

import pytest
from PIL import Image

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.captions.templates import TEMPLATES


@pytest.fixture
def recording(tmp_path):
    folder = tmp_path / "recording"
    folder.mkdir()
    lines = []
    for number, thing in enumerate(("red cube", "apple")):
        Image.new("RGB", (64, 64), (255 * number, 0, 0)).save(folder / f"{number}.png")
        line = {"file_name": f"{number}.png", "subject": "robot arm", "object": thing, "action": "pick up"}
        lines.append(json.dumps(line))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def test_each_image_gets_a_pair_of_prompts_for_each_template(recording, tmp_path, interactive_action):
    result = interactive_action("caption", recording, tmp_path / "dataset")
    assert result.returncode == 0, result.stderr
    dataset = InteractionDataset.load(tmp_path / "dataset")
    assert [len(prompts) for prompts in dataset.prompts] == [len(TEMPLATES)] * 2
    assert dataset.prompts[0][0] == "a robot arm <v*> a red cube"
    assert dataset.prompts_and[1][0] == "a robot arm and an apple"
    assert float(dataset.images[1][..., 0].min()) == 1.0
    assert "a robot arm <v*> a red cube   |   a robot arm and a red cube" in result.stdout


@pytest.mark.slow
def test_names_and_templates_may_be_others(recording, tmp_path, interactive_action):
    (tmp_path / "templates.txt").write_text("{subject} <v*> {object}, at night\n")
    options = ("--object", "ball", "--templates", tmp_path / "templates.txt")
    assert interactive_action("caption", recording, tmp_path / "dataset", *options).returncode == 0
    dataset = InteractionDataset.load(tmp_path / "dataset")
    assert dataset.prompts == (("a robot arm <v*> a ball, at night",),) * 2


@pytest.mark.slow
def test_what_is_no_recording_or_no_template_is_a_sentence(recording, tmp_path, interactive_action):
    (tmp_path / "templates.txt").write_text("no word in it\n")
    options = ("--templates", tmp_path / "templates.txt")
    for arguments, sentence in (
        ((tmp_path, "new"), "is not a recording"),
        ((recording, "new", *options), "<v*> 0 times"),
    ):
        result = interactive_action("caption", *arguments)
        assert result.returncode == 2
        assert sentence in result.stderr
        assert "Traceback" not in result.stderr
