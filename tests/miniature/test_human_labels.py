"""What a person sees in the base model's images, beside what the judges do."""

import hashlib
import json

import numpy as np
import pytest
import torch
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.factory import human_labels
from interactive_action.miniature.judges import RELATIONS
from interactive_action.miniature.weights import CHECKPOINT


def test_agreement_by_hand():
    # 3 of 4 alike; by chance (2 * 1 + 2 * 3) / 16 = 1/2: kappa = (3/4 - 1/2) / (1 - 1/2)
    assert human_labels.agreement(["lift", "lift", "and", "and"], ["lift", "and", "and", "and"]) == (0.75, 0.5)


def test_a_hundred_images_have_labels():
    assert sum(human_labels.IMAGES_PER_WORD.values()) == 100


def test_sheets_hold_all_images_with_their_numbers(tmp_path):
    images = [torch.full((12, 12, 3), n / 50) for n in range(23)]
    human_labels.write_sheets(images, tmp_path)
    first, last = (np.asarray(Image.open(tmp_path / name)) for name in ("000.png", "020.png"))
    assert first.shape == (4 * 24, 5 * 24, 3) and last.shape == (24, 5 * 24, 3)
    below_the_numbers = last[16, 15::24, 0].tolist()
    assert below_the_numbers == pytest.approx([*(n / 50 * 255 for n in (20, 21, 22)), 255, 255], abs=2)


def test_labels_are_read_line_by_line(tmp_path):
    (tmp_path / "labels.txt").write_text("lift\nand broken\n\nsit\n")
    assert human_labels.read_labels(tmp_path / "labels.txt", 3) == {"relations": ["lift", "and", "sit"], "broken": [1]}


@pytest.mark.parametrize(
    ("text", "sentence"), [("lift\n", "It has 1"), ("lift\nfly\n", "'fly'"), ("lift\nand blurred\n", "'and blurred'")]
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path, text, sentence):
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(InteractiveActionError, match=sentence):
        human_labels.read_labels(tmp_path / "labels.txt", 2)


def test_the_shipped_labels_are_about_the_shipped_model():
    labels = json.loads(human_labels.LABELS.read_text())
    assert labels["checkpoint"] == hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    assert len(labels["relations"]) == 100 and set(labels["relations"]) <= set(RELATIONS)
