"""What the evaluation of the base model counts."""

import pytest
import torch

from interactive_action.miniature.factory import evaluation
from interactive_action.miniature.factory.everyday_world import HELD_OUT
from interactive_action.miniature.factory.figures import CREATURES


def test_every_creature_takes_part_and_a_quarter_of_an_interaction_was_never_seen():
    pairs = evaluation.eval_pairs(160, "lift")
    creatures = [pair.subject for pair in pairs]
    assert {creatures[40:].count(name) for name in CREATURES} == {15}
    assert all((pair.subject, pair.object, "lift") in HELD_OUT for pair in pairs[:40])
    assert pairs == evaluation.eval_pairs(160, "lift")


def test_a_prompt_names_color_and_object_behind_the_word():
    pairs = [evaluation.EvalPair("elephant", "ball", "red"), evaluation.EvalPair("man", "cup", "")]
    assert evaluation.format_prompts("handling", pairs) == ["an elephant handling a red ball", "a man handling a cup"]


def test_the_kernel_distance_is_the_sum_written_out():
    a, b = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]).double(), torch.tensor([[0.0, 1.0], [3.0, 1.0]]).double()

    def kernel(x, y):
        return (float(x @ y) / 2 + 1) ** 3

    within_a = sum(kernel(a[i], a[j]) for i in range(3) for j in range(3) if i != j) / 6
    within_b = sum(kernel(b[i], b[j]) for i in range(2) for j in range(2) if i != j) / 2
    between = sum(kernel(x, y) for x in a for y in b) / 6
    assert evaluation.kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * between)


def test_images_of_one_kind_are_nearer_than_images_of_two():
    generator = torch.Generator().manual_seed(0)
    here, also_here = torch.randn(2, 200, 8, generator=generator).double()
    assert abs(evaluation.kernel_distance(here, also_here)) < evaluation.kernel_distance(here, also_here + 1)


class FixedJudge:
    """Stands for a judge: boxes by image, and one relation."""

    def __init__(self, boxes=(), relation="lift"):
        self.boxes, self.relation = boxes, relation

    def detect(self, images, labels):
        return [[{"label": label} for label in of_image] for of_image in self.boxes]

    def classify(self, images):
        return [self.relation] * len(images)


def test_a_doubled_object_or_another_creature_is_not_right():
    pairs = [evaluation.EvalPair("panda", "cup", "")] * 4
    boxes = (["panda", "cup"], ["panda", "cup", "cup"], ["panda", "frog", "cup"], ["cup"])
    classifiers = [FixedJudge(), FixedJudge(relation="and")]
    rows = evaluation.evaluate(torch.zeros(4, 8, 8, 3), pairs, FixedJudge(boxes), classifiers)
    assert [row["subject_right"] for row in rows] == [True, True, False, False]
    assert [row["object_right"] for row in rows] == [True, False, True, True]
    figures = evaluation.summarize(rows, "lift")
    assert (figures["right"], figures["subject"], figures["object"]) == (0.25, 0.5, 0.75)
    assert (figures["lift"], figures["and"], figures["judges_agree"]) == (1.0, 0.0, 0.0)
    assert figures["unseen"] is None  # a panda and a cup were seen lifting
