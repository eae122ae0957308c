"""A folder of images, some of another size, some broken, judged by the embedded models."""

import json

import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature import judges
from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED
from interactive_action.scoring.image_folder import score_folder

WORDS = ("panda", "strawberry", "a panda picking up a strawberry")


@pytest.fixture(scope="module")
def models():
    return judges.load_detector(), judges.load_clip_scorer()


@pytest.fixture
def folder(tmp_path):
    for name, relation in (("a", "lift"), ("c", "and"), ("d", "lift")):
        shot = render(sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True)).image
        Image.fromarray(shot).save(tmp_path / f"{name}.png")
    image = Image.open(tmp_path / "d.png")
    image.resize((image.width * 2, image.height * 2)).save(tmp_path / "d.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_a_broken_image_loses_no_other_and_sizes_may_differ(folder, models):
    seen = []
    rows, names, broken = score_folder(folder, *WORDS, *models, progress=lambda *done: seen.append(done))
    assert names == ["a.png", "c.png", "d.png"]
    assert [row.passed for row in rows] == [True, False, True]
    assert list(broken) == ["b.png"] and broken["b.png"].endswith(".")
    assert seen[-1] == (3, 4)


def test_the_result_does_not_depend_on_the_batch(folder, models):
    by_one, by_many = (score_folder(folder, *WORDS, *models, batch_size=size)[0] for size in (1, 16))
    assert [row.iou for row in by_one] == pytest.approx([row.iou for row in by_many], abs=1e-4)
    assert [row.cosine for row in by_one] == pytest.approx([row.cosine for row in by_many], abs=1e-5)


def test_single_images_may_show_something_else(folder, models):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "c.png", "object": "lemon"}))
    rows, _, _ = score_folder(folder, "panda", "strawberry", "a panda <v> a strawberry", *models, phrase="lifting")
    assert [row.object for row in rows] == ["strawberry", "lemon", "strawberry"]
    assert rows[0].text == "a panda lifting a strawberry"
    (folder / "metadata.jsonl").write_text("{}")
    with pytest.raises(InteractiveActionError, match="Line 1 of .*file_name"):
        score_folder(folder, *WORDS, *models)


def test_a_image_that_is_only_named_is_told(folder, models):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "e.png", "object": "lemon"}))
    _, names, broken = score_folder(folder, *WORDS, *models)
    assert names == ["a.png", "c.png", "d.png"]
    assert set(broken) == {"b.png", "e.png"} and "no such image" in broken["e.png"]


def test_empty_and_unreadable_folders_are_sentences(tmp_path, models):
    with pytest.raises(InteractiveActionError, match="There is no image"):
        score_folder(tmp_path, *WORDS, *models)
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(InteractiveActionError, match="None of the 1 images"):
        score_folder(tmp_path, *WORDS, *models)
