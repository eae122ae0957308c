"""Eq. 9 of Interactive-Action (anonymous, 2025) against numbers worked out by hand."""

import json

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.scoring.box_overlay import overlay_boxes
from interactive_action.scoring.iascore import (
    ImageScore,
    broadcast,
    closest_pair,
    intervals,
    replace_placeholder,
    report,
    score_images,
    summarize,
)


def box(x, y, width, height, label, score=1.0):
    return {"x": x, "y": y, "width": width, "height": height, "label": label, "score": score}


def row(iou, cosine, found=True):
    thing = box(0, 0, 10, 10, "panda") if found else None
    return ImageScore("panda", "lemon", "a panda and a lemon", thing, thing, iou, cosine)


class TestClosestPair:
    def test_iou_of_two_squares_that_share_a_quarter(self):
        iou, subject, thing = closest_pair([box(0, 0, 10, 10, "panda"), box(5, 5, 10, 10, "lemon")], "panda", "lemon")
        assert iou == pytest.approx(25 / (100 + 100 - 25))
        assert (subject["label"], thing["label"]) == ("panda", "lemon")

    def test_boxes_that_share_only_an_edge_do_not_overlap(self):
        assert closest_pair([box(0, 0, 10, 10, "panda"), box(10, 0, 10, 10, "lemon")], "panda", "lemon")[0] == 0

    def test_any_pair_of_subject_and_object_may_overlap(self):
        boxes = [box(0, 0, 10, 10, "panda", 0.9), box(50, 50, 10, 10, "panda", 0.4), box(55, 50, 10, 10, "lemon", 0.8)]
        iou, subject, _ = closest_pair(boxes, "panda", "lemon")
        assert iou == pytest.approx(50 / 150)
        assert subject["x"] == 50

    def test_without_overlap_the_likeliest_boxes_are_shown(self):
        boxes = [box(0, 0, 5, 5, "panda", 0.4), box(20, 0, 5, 5, "panda", 0.9), box(50, 50, 5, 5, "lemon", 0.8)]
        iou, subject, _ = closest_pair(boxes, "panda", "lemon")
        assert (iou, subject["score"]) == (0, 0.9)

    def test_nothing_found_is_iou_zero(self):
        assert closest_pair([], "panda", "lemon") == (0.0, None, None)
        lone = box(0, 0, 5, 5, "lemon")
        assert closest_pair([lone], "panda", "lemon") == (0.0, None, lone)

    def test_one_class_acting_on_itself_needs_two_boxes(self):
        first, second = box(0, 0, 10, 10, "man", 0.9), box(5, 0, 10, 10, "man", 0.8)
        assert closest_pair([first], "man", "man") == (0.0, first, None)
        iou, subject, thing = closest_pair([first, second], "man", "man")
        assert iou == pytest.approx(50 / 150)
        assert subject != thing
        assert closest_pair([first, box(40, 0, 10, 10, "man")], "man", "man")[0] == 0

    def test_one_pixel_is_an_area_and_no_width_is_none(self):
        panda = box(0, 0, 10, 10, "panda")
        assert closest_pair([panda, box(3, 3, 1, 1, "lemon")], "panda", "lemon")[0] == pytest.approx(1 / 100)
        assert closest_pair([box(3, 3, 1, 1, "panda"), box(3, 3, 1, 1, "lemon")], "panda", "lemon")[0] == 1
        assert closest_pair([panda, box(3, 3, 0, 0, "lemon")], "panda", "lemon")[0] == 0
        assert closest_pair([box(3, 3, 0, 0, "panda"), box(3, 3, 0, 0, "lemon")], "panda", "lemon")[0] == 0

    def test_a_box_inside_out_is_no_box(self):
        panda = box(0, 0, 10, 10, "panda")
        assert closest_pair([panda, box(5, 5, -3, 4, "lemon")], "panda", "lemon") == (0.0, panda, None)

    def test_labels_are_compared_without_case(self):
        assert closest_pair([box(0, 0, 9, 9, "Panda"), box(0, 0, 9, 9, "lemon ")], "panda", "Lemon")[0] == 1


class TestSummarize:
    def test_scores_of_four_images_worked_out_by_hand(self):
        scores = summarize([row(0.5, 0.3), row(0.0, 0.4), row(0.1, -0.2), row(0.0, 0.1, found=False)])
        assert scores == pytest.approx(
            {
                "n": 4,
                "subject_found": 0.75,
                "object_found": 0.75,
                "both_found": 0.75,
                "pass_rate": 0.5,
                "mean_iou": (0.5 + 0.1) / 4,
                "iascore_cosine": (0.3 - 0.2) / 4,
                "iascore_2_5": 2.5 * 0.3 / 4,
                "cosine_of_passed": (0.3 - 0.2) / 2,
                "cosine_of_all": (0.3 + 0.4 - 0.2 + 0.1) / 4,
            }
        )

    def test_nothing_passed_is_zero_and_the_mean_of_none_is_none(self):
        scores = summarize([row(0.0, 0.3)])
        assert (scores["iascore_cosine"], scores["pass_rate"], scores["cosine_of_passed"]) == (0, 0, None)

    def test_the_order_of_the_images_does_not_matter(self):
        rows = [row(0.5, 0.3), row(0.0, 0.4), row(0.2, 0.1)]
        assert summarize(rows) == pytest.approx(summarize(rows[::-1]))

    def test_no_images_is_an_error(self):
        with pytest.raises(InteractiveActionError, match="no images"):
            summarize([])

    def test_the_report_is_json_with_every_image(self):
        told = json.loads(json.dumps(report([row(0.5, 0.3), row(0.0, 0.4)], clip="a clip")))
        assert told["how"] == {"clip": "a clip"}
        assert [image["passed"] for image in told["images"]] == [True, False]
        assert told["scores"]["n"] == 2


class TestIntervals:
    def test_of_half_passing_images_the_interval_is_the_binomials(self):
        """Of 100 images 50 pass: resamples are Binomial(100, 0.5), whose 2.5 % and 97.5 % points are 0.40 and 0.60."""
        bounds = intervals([row(0.5, 0.3), row(0.0, 0.3)] * 50)
        assert bounds["pass_rate"] == pytest.approx([0.40, 0.60], abs=0.011)
        assert bounds["iascore_cosine"] == pytest.approx([0.3 * bound for bound in bounds["pass_rate"]])
        assert bounds["cosine_of_passed"] == pytest.approx([0.3, 0.3])

    def test_the_same_seed_gives_the_same_interval(self):
        rows = [row(0.5, 0.3), row(0.0, 0.4), row(0.2, 0.1)]
        assert intervals(rows) == intervals(rows)
        assert intervals(rows, seed=0).keys() == summarize(rows).keys() - {"n"}

    def test_resamples_in_which_nothing_passed_are_left_out(self):
        bounds = intervals([row(0.5, 0.3), row(0.0, 0.4), row(0.0, 0.4)])
        assert bounds["pass_rate"][0] == 0
        assert bounds["cosine_of_passed"] == pytest.approx([0.3, 0.3])

    def test_one_image_and_none_that_passed_say_nothing(self):
        assert set(intervals([row(0.5, 0.3)]).values()) == {None}
        assert intervals([row(0.0, 0.3)] * 3)["cosine_of_passed"] is None
        assert intervals([row(0.0, 0.3)] * 3)["pass_rate"] == [0, 0]


class TestInputs:
    def test_the_learned_word_gives_way_to_a_phrase(self):
        assert replace_placeholder("a panda <pick-up> a lemon", "picking up") == "a panda picking up a lemon"
        assert replace_placeholder("a panda and a lemon", "picking up") == "a panda and a lemon"

    def test_a_learned_word_in_the_text_is_an_error(self):
        with pytest.raises(InteractiveActionError, match="<pick-up>"):
            score_images(torch.zeros(1, 8, 8, 3), "panda", "lemon", "a panda <pick-up> a lemon", None, None, [[]])

    def test_one_line_serves_all_and_other_counts_are_errors(self):
        assert broadcast("panda", 3, "subject") == ["panda"] * 3
        assert broadcast(["panda", "frog"], 2, "subject") == ["panda", "frog"]
        with pytest.raises(InteractiveActionError, match="3 images but 2 lines of subject"):
            broadcast(["panda", "frog"], 3, "subject")
        with pytest.raises(InteractiveActionError, match="line of object is empty"):
            broadcast(["lemon", " "], 2, "object")

    def test_boxes_for_another_number_of_images_are_an_error(self):
        with pytest.raises(InteractiveActionError, match="2 images but boxes for 1"):
            score_images(torch.zeros(2, 8, 8, 3), "panda", "lemon", "a panda", None, None, boxes=[[]])

    def test_without_a_clip_scorer_nothing_is_judged(self):
        with pytest.raises(InteractiveActionError, match="no CLIP"):
            score_images(torch.zeros(1, 8, 8, 3), "panda", "lemon", "a panda", None, None, [[]])

    def test_neither_detector_nor_boxes_is_an_error(self):
        with pytest.raises(InteractiveActionError, match="neither a detector nor boxes"):
            score_images(torch.zeros(1, 8, 8, 3), "panda", "lemon", "a panda", None, None)


def test_a_fourth_channel_changes_neither_scores_nor_overlay():
    class Red:
        def cosine(self, images, texts):
            assert images.shape[-1] == 3
            return images[..., 0].mean((1, 2))

    images = torch.rand(2, 96, 96, 4, generator=torch.Generator().manual_seed(0))
    boxes = [[box(0, 0, 10, 10, "panda"), box(5, 5, 10, 10, "lemon")]] * 2
    rows = score_images(images, "panda", "lemon", "a panda", None, Red(), boxes)
    assert rows == score_images(images[..., :3], "panda", "lemon", "a panda", None, Red(), boxes)
    assert torch.equal(overlay_boxes(images, rows), overlay_boxes(images[..., :3], rows))
    assert overlay_boxes(images, rows).shape == (2, 384, 384, 3)


def test_the_overlay_frames_passed_images_green_and_others_red():
    drawn = overlay_boxes(torch.zeros(2, 96, 64, 3), [row(0.5, 0.3), row(0.0, 0.3, found=False)])
    assert drawn.shape == (2, 576, 384, 3)
    assert drawn[0, 0, 0].argmax() == 1 and drawn[1, 0, 0].argmax() == 0
    assert 0 <= drawn.min() and drawn.max() <= 1
