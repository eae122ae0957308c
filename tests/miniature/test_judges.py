"""The shipped judges know the miniature world: measured on renders that they were not trained on."""

import numpy as np
import pytest
import torch

from interactive_action.miniature.factory.check_judges import average_precision, check, right, truths
from interactive_action.miniature.factory.everyday_world import render, sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED, Claim, caption, fits, labels, spoil, twist
from interactive_action.miniature.judges import (
    CLIP,
    DETECTOR,
    JUDGE,
    load_clip_scorer,
    load_detector,
    load_interaction_judge,
)
from interactive_action.scoring.iascore import closest_pair, score_images, summarize


def shot(relation, subject="panda", thing="strawberry", seed=CHECK_SEED + 77):
    return render(sample_scene(seed, subject, thing, relation, held_out=True))


def tensor(*shots):
    return torch.from_numpy(np.stack([one.image for one in shots])).float() / 255


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture(scope="module")
def scorer():
    return load_clip_scorer()


def test_the_detector_finds_panda_and_strawberry_where_they_are(detector):
    for relation in ("and", "lift", "push", "hold", "press"):
        one = shot(relation)
        [found] = detector.detect(tensor(one), ["panda", "strawberry"])
        for truth in truths(one.facts()):
            assert right(found, truth), (relation, truth, found)


def test_the_detector_does_not_see_what_is_not_there(detector):
    [found] = detector.detect(tensor(shot("and")), ["elephant", "lamp", "xylophone"])
    assert found == []


def test_the_detector_tells_colors_apart(detector):
    scene = sample_scene(CHECK_SEED + 5, "frog", "ball", "and", color="red")
    images = tensor(render(scene))
    assert detector.detect(images, ["red ball"])[0]
    assert not detector.detect(images, ["blue ball"])[0]


def test_boxes_overlap_in_a_lift_and_not_when_things_stand_apart(detector):
    images = tensor(shot("and"), shot("lift"))
    apart, lifted = detector.detect(images, ["panda", "strawberry"])
    assert closest_pair(apart, "panda", "strawberry")[0] == 0
    assert closest_pair(lifted, "panda", "strawberry")[0] > 0


def test_clip_prefers_the_right_caption(scorer):
    images = tensor(*(shot(relation) for relation in ("and", "lift", "push", "hold", "press", "sit")))
    texts = [
        f"a panda {words} a strawberry"
        for words in ("and", "picking up", "pushing", "holding", "pressing", "sitting on")
    ]
    cosines = scorer.encode_image(images) @ scorer.encode_text(texts).T
    assert cosines.argmax(1).tolist() == [0, 1, 2, 3, 4, 5]
    wrong = scorer.encode_text(["a penguin picking up a strawberry", "a panda picking up a lamp"])
    assert (cosines[1, 1] > scorer.encode_image(images[1:2]) @ wrong.T).all()


def test_iascore_is_higher_where_the_panda_picks_the_strawberry_up(detector, scorer):
    def judged(relation):
        images = tensor(*(shot(relation, seed=CHECK_SEED + k) for k in range(4)))
        rows = score_images(images, "panda", "strawberry", "a panda picking up a strawberry", detector, scorer)
        return summarize(rows)

    lifted, apart = judged("lift"), judged("and")
    assert lifted["pass_rate"] == 1 and apart["pass_rate"] == 0
    assert lifted["iascore_cosine"] > 0.3 and apart["iascore_cosine"] == 0


def test_the_classifier_names_what_happens():
    judge = load_interaction_judge()
    relations = ("and", "lift", "push", "hold", "press", "sit")
    assert judge.classify(tensor(*(shot(relation) for relation in relations))) == list(relations)
    assert judge.probabilities(torch.rand(2, 128, 64, 3)).sum(1).tolist() == pytest.approx([1, 1])


def test_the_judges_keep_their_figures():
    figures = check(100)
    assert figures["detector_ap50"] >= 0.95
    assert figures["detector_right_boxes"] >= 0.95
    assert figures["clip_retrieval_32"] >= 0.9
    assert figures["judge_accuracy"] >= 0.97
    assert figures["detector_one_box_a_thing"] >= 0.9
    assert figures["pass_rate_and"] <= 0.1
    assert figures["pass_rate_interactions"] >= 0.9


def test_the_files_are_small_and_safe():
    files = [file for folder in (DETECTOR, CLIP, JUDGE) for file in folder.iterdir()]
    assert {file.suffix for file in files} <= {".safetensors", ".json"}
    assert sum(file.stat().st_size for file in files) <= 12e6


def test_average_precision_of_a_hand_worked_case():
    """Two things; the best box is right, the second wrong, the third right: AP = (1/1 + 2/3) / 2."""
    facts = [{"subject": "panda", "object": "lemon", "subject_box": (0, 0, 10, 10), "object_box": (20, 0, 10, 10)}]
    thing = {"y": 0, "width": 10, "height": 10}
    found = [
        [
            {**thing, "x": 0, "label": "panda", "score": 0.9},
            {**thing, "x": 40, "label": "lemon", "score": 0.8},
            {**thing, "x": 21, "label": "lemon", "score": 0.7},
        ]
    ]
    assert average_precision(found, facts) == pytest.approx((1 + 2 / 3) / 2)


class TestWords:
    @pytest.fixture
    def facts(self):
        return {"subject": "panda", "object": "ball", "color": "red", "place": "in a kitchen", "relation": "lift"}

    def test_a_caption_fits_its_own_image(self, facts):
        rng = np.random.default_rng(0)
        for _ in range(50):
            assert fits(caption(facts, rng)[1], facts)

    def test_a_twisted_caption_that_tells_all_does_not_fit(self, facts):
        rng = np.random.default_rng(0)
        for _ in range(50):
            assert not fits(caption(twist(facts, rng), rng, full=True)[1], facts)

    def test_what_is_left_open_fits_everything(self, facts):
        claim = Claim("panda", "ball", "", "", ("and", "lift", "push", "sit"))
        assert fits(claim, facts) and fits(claim, {**facts, "color": "blue", "relation": "and"})
        assert not fits(claim, {**facts, "object": "box"})

    def test_a_box_is_also_a_cube_and_has_a_color(self):
        names = labels()
        assert names["red cube"] == ("", "box", "red") and names["cube"] == names["box"] == ("", "box", "")


def test_spoiling_is_repeatable_and_leaves_half_of_the_images_nearly_alone():
    images = torch.randint(0, 256, (16, 3, 96, 96), dtype=torch.uint8)
    once, again = spoil(images, 3), spoil(images, 3)
    assert torch.equal(once, again) and 0 <= once.min() and once.max() <= 1
    changed = (once - images.float() / 255).abs().mean((1, 2, 3))
    assert 4 <= (changed < 0.035).sum() <= 14
