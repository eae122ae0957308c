"""IAScore of a folder in the graph: sizes may differ, and a broken image loses no other."""

import json
import pathlib
import random

import pytest
import torch
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED
from interactive_action.nodes.iascore_folder import IAScoreFolder
from interactive_action.nodes.load_scorers import EMBEDDED, LoadClipScorer, LoadDetector

JUDGES = (object(), object())  # of whom nothing is asked
WORDS = ("panda", "strawberry", "a panda picking up a strawberry")


@pytest.fixture
def folder():
    import folder_paths

    name = f"images-{random.randrange(10**9)}"
    path = pathlib.Path(folder_paths.get_input_directory(), name)
    path.mkdir(parents=True)
    for file, relation, size in (("a", "lift", 96), ("b", "and", 128)):
        shot = render(sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True)).image
        Image.fromarray(shot).resize((size, size)).save(path / f"{file}.png")
    (path / "c.png").write_bytes(b"no image")
    return name


def test_every_readable_image_is_judged_and_the_broken_one_named(folder):
    judges = LoadClipScorer.execute(EMBEDDED).result[0], LoadDetector.execute(EMBEDDED, 0.3).result[0]
    iascore, pass_rate, report, overlays = IAScoreFolder.execute(folder, *judges, *WORDS).result
    told = json.loads(report)
    assert [(row["image"], row["passed"]) for row in told["images"]] == [("a.png", True), ("b.png", False)]
    assert pass_rate == 0.5 and iascore == pytest.approx(told["images"][0]["cosine"] / 2)
    assert list(told["could not be read"]) == ["c.png"]
    assert [overlay.shape[1] for overlay in overlays] == [384, 384]
    assert all(torch.is_tensor(overlay) for overlay in overlays)


def test_a_new_image_is_noticed_and_a_folder_that_is_not_there_is_a_sentence(folder):
    import folder_paths

    before = IAScoreFolder.fingerprint_inputs(folder=folder)
    Image.new("RGB", (8, 8)).save(f"{folder_paths.get_input_directory()}/{folder}/d.png")
    assert IAScoreFolder.fingerprint_inputs(folder=folder) != before
    with pytest.raises(InteractiveActionError, match=f"no folder nobody.*Found: .*{folder}"):
        IAScoreFolder.execute("nobody", *JUDGES, *WORDS)
    with pytest.raises(InteractiveActionError, match="cannot be called"):
        IAScoreFolder.execute("../elsewhere", *JUDGES, *WORDS)
