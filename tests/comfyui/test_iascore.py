"""The scoring nodes, run as ComfyUI runs them, on the embedded models."""

import json
import sys

import pytest
import torch

from interactive_action.errors import InteractiveActionError, MissingExtraError
from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED
from interactive_action.nodes.iascore import IAScore
from interactive_action.nodes.load_scorers import EMBEDDED, LoadClipScorer, LoadDetector


@pytest.fixture(scope="module")
def clip_scorer():
    return LoadClipScorer.execute(EMBEDDED).result[0]


@pytest.fixture(scope="module")
def detector():
    return LoadDetector.execute(EMBEDDED, 0.3).result[0]


@pytest.fixture(scope="module")
def images():
    shots = [
        render(sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True))
        for relation in ("lift", "and")
    ]
    return torch.stack([torch.from_numpy(shot.image) for shot in shots]).float() / 255


def judge(
    images,
    clip_scorer,
    detector=None,
    subject="panda",
    object="strawberry",
    text="a panda picking up a strawberry",
    **more,
):
    return IAScore.execute(images, clip_scorer, subject, object, text, detector=detector, **more)


def test_a_lift_passes_and_an_and_does_not(images, clip_scorer, detector):
    iascore, pass_rate, report, overlay = judge(images, clip_scorer, detector).result
    told = json.loads(report)
    assert pass_rate == 0.5
    assert [image["passed"] for image in told["images"]] == [True, False]
    assert iascore == told["scores"]["iascore_cosine"] == pytest.approx(told["images"][0]["cosine"] / 2)
    assert told["how"] == {"detector": "miniature", "threshold": 0.3, "clip": "miniature"}
    assert overlay.shape == (2, 384, 384, 3)


def test_the_result_does_not_depend_on_the_batch_size(images, clip_scorer, detector):
    once = judge(images, clip_scorer, detector, batch_size=1).result[0]
    assert once == pytest.approx(judge(images, clip_scorer, detector, batch_size=2).result[0], abs=1e-5)


def test_the_prompt_itself_may_be_given_with_a_phrase_for_the_learned_word(images, clip_scorer, detector):
    text = "a panda <pick-up> a strawberry"
    spoken = judge(images, clip_scorer, detector, text=text, phrase="picking up").result[0]
    assert spoken == judge(images, clip_scorer, detector).result[0]
    with pytest.raises(InteractiveActionError, match="<pick-up>"):
        judge(images, clip_scorer, detector, text=text)


def test_boxes_from_elsewhere_take_the_place_of_the_detector(images, clip_scorer):
    box = {"x": 0, "y": 0, "width": 10, "height": 10, "score": 1.0}
    boxes = [[{**box, "label": "panda"}, {**box, "label": "strawberry"}], [{**box, "label": "panda"}]]
    _, pass_rate, report, _ = judge(images, clip_scorer, boxes=boxes).result
    assert pass_rate == 0.5
    assert json.loads(report)["scores"]["mean_iou"] == 0.5
    assert json.loads(report)["how"]["detector"] == "connected boxes"


def test_rows_and_a_plot_are_written_under_a_name_that_stays_in_its_folder(
    images, clip_scorer, detector, tmp_path, monkeypatch
):
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_output_directory", lambda: str(tmp_path))
    for _ in range(2):
        judge(images, clip_scorer, detector, save_as="pandas")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"pandas{number}{suffix}" for number in ("", "-2") for suffix in (".csv", ".jsonl", ".png")
    }
    with pytest.raises(InteractiveActionError, match="cannot be called"):
        judge(images, clip_scorer, detector, save_as="../elsewhere")
    assert len(list(tmp_path.iterdir())) == 6


def test_boxes_under_the_class_names_of_comfyuis_own_detector(images, clip_scorer):
    from comfy_extras.nodes_rtdetr import COCO_CLASSES

    boxes = [[{"x": 0, "y": 0, "width": 20, "height": 20, "label": label, "score": 0.9} for label in COCO_CLASSES]] * 2
    report = judge(images, clip_scorer, boxes=boxes, subject="person", object="sports ball").result[2]
    assert [image["iou"] for image in json.loads(report)["images"]] == [1, 1]


def test_one_line_a_image(images, clip_scorer, detector):
    report = json.loads(judge(images, clip_scorer, detector, subject="panda\nelephant").result[2])
    assert [image["subject"] for image in report["images"]] == ["panda", "elephant"]
    assert report["images"][1]["subject_box"] is None
    with pytest.raises(InteractiveActionError, match="2 images but 3 lines of object"):
        judge(images, clip_scorer, detector, object="lemon\nlamp\ncup")


def test_empty_names_and_sources_are_sentences(images, clip_scorer, detector):
    with pytest.raises(InteractiveActionError, match="subject is empty"):
        judge(images, clip_scorer, detector, subject=" ")
    with pytest.raises(InteractiveActionError, match="No detector is named"):
        LoadDetector.execute("folder or hub name", 0.3, " ")
    with pytest.raises(InteractiveActionError, match="No CLIP is named"):
        LoadClipScorer.execute("open_clip name", " ", "")
    with pytest.raises(InteractiveActionError, match="could not be loaded"):
        LoadClipScorer.execute("open_clip name", "ViT-B-32", "no-such-tag")
    with pytest.raises(InteractiveActionError, match="not found.*Give an"):
        LoadClipScorer.execute("open_clip name", "local-dir:/nowhere/at/all", "")


def test_without_the_extra_the_loader_says_which_command_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match=r"pip install -e \"\.\[score\]\""):
        LoadClipScorer.execute(EMBEDDED)


def test_every_input_has_a_tooltip():
    for node in (LoadDetector, LoadClipScorer, IAScore):
        for given in node.define_schema().inputs:
            assert given.tooltip, (node.__name__, given.id)
