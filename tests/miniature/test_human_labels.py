"""What a person sees in the base model's images, beside what the judges do."""

import json

import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.factory import human_labels as eye


def test_agreement_by_hand():
    # 3 of 4 alike; by chance (2 * 1 + 2 * 3) / 16 = 1/2: kappa = (3/4 - 1/2) / (1 - 1/2)
    assert eye.agreement(["lift", "lift", "and", "and"], ["lift", "and", "and", "and"]) == (0.75, 0.5)


def test_a_hundred_images_are_asked_for():
    assert sum(eye.ASKED.values()) == 100


def test_answers_are_read_line_by_line(tmp_path):
    (tmp_path / "answers.txt").write_text("lift\nand broken\n\nsit\n")
    assert eye.read(tmp_path / "answers.txt", 3) == {"seen": ["lift", "and", "sit"], "broken": [1]}


@pytest.mark.parametrize(
    ("text", "said"), [("lift\n", "It has 1"), ("lift\nfly\n", "'fly'"), ("lift\nand blurred\n", "'and blurred'")]
)
def test_answers_that_cannot_be_meant_are_refused(tmp_path, text, said):
    (tmp_path / "answers.txt").write_text(text)
    with pytest.raises(InteractiveActionError, match=said):
        eye.read(tmp_path / "answers.txt", 2)


def test_the_shipped_answers_are_about_the_shipped_model():
    answers = json.loads(eye.ANSWERS.read_text())
    assert answers["checkpoint"] == eye.hashlib.sha256(eye.FILE.read_bytes()).hexdigest()
    assert len(answers["seen"]) == 100 and set(answers["seen"]) <= set(eye.RELATIONS)
