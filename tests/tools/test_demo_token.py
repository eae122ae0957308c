"""The numbers of ``make demo``."""

import numpy as np
import pytest
from PIL import Image

from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED
from interactive_action.tools.demos.token import IMAGES_PER_PAIR, PAIRS, action_share, mean_score, summarize


def image(relation):
    scene = sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True)
    return Image.fromarray(render(scene).image)


def report(score):
    return {"scores": {"iascore_cosine": score, "pass_rate": score / 2, "both_found": 1.0}}


def test_a_score_is_the_mean_over_all_prompts():
    assert mean_score([report(0.2), report(0.4)], "iascore_cosine") == pytest.approx(0.3)


def test_the_share_of_the_action_is_what_the_classifier_names():
    assert action_share([image("lift"), image("and"), image("lift"), image("push")]) == 0.5


def test_before_is_with_plain_words_and_after_with_the_token():
    rows = [("a panda ... a strawberry", [image("and")], [image("lift")])]
    reports = {"plain words": [report(0.25)], "token": [report(0.5)]}
    summary = summarize("<pick-up>", rows, reports, seconds=1.26)
    assert list(summary) == [
        "token",
        "trigger_word",
        "plain_word",
        "images",
        "iascore_before",
        "iascore_after",
        "pass_rate_before",
        "pass_rate_after",
        "both_found_before",
        "both_found_after",
        "action_seen_before",
        "action_seen_after",
        "seconds",
        "versions",
    ]
    assert (summary["iascore_before"], summary["iascore_after"]) == (0.25, 0.5)
    assert (summary["pass_rate_before"], summary["pass_rate_after"]) == (0.125, 0.25)
    assert (summary["action_seen_before"], summary["action_seen_after"]) == (0.0, 1.0)
    assert summary["images"] == len(PAIRS) * IMAGES_PER_PAIR and summary["seconds"] == np.float64(1.3)
