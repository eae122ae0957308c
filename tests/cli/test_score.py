"""``interactive-action score`` on a folder in which one image is broken, with the embedded judges."""

import json

import pytest
from PIL import Image

from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED

WORDS = ("--subject", "panda", "--object", "strawberry", "--text", "a panda picking up a strawberry")


@pytest.fixture
def folder(tmp_path):
    for name, relation in (("a", "lift"), ("b", "and"), ("c", "lift")):
        scene = sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True)
        Image.fromarray(render(scene).image).save(tmp_path / f"{name}.png")
    (tmp_path / "d.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    return tmp_path


@pytest.mark.slow
def test_the_command_prints_the_scores_and_writes_the_rows(folder, interactive_action):
    result = interactive_action("score", folder, "--save", folder / "out" / "scores", *WORDS)
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["scores"]["pass_rate"] == pytest.approx(2 / 3)
    assert list(summary["could not be read"]) == ["d.png"]
    assert {path.name for path in (folder / "out").iterdir()} == {"scores.csv", "scores.jsonl", "scores.png"}


@pytest.mark.slow
def test_a_folder_without_images_is_a_sentence_and_status_2(tmp_path, interactive_action):
    result = interactive_action("score", tmp_path, *WORDS)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("There is no image in")
    assert "Traceback" not in result.stderr
