"""A token's word in texts, and vectors that nothing can be generated with."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.tokens.token import InteractiveToken, unknown_words


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a panda <pick-up> a cup", ["<pick-up>"]),
        ("a panda <pick-up-2> a cup", []),
        ("<b>, (<pick-up>:1.2) and <b> again", ["<b>", "<pick-up>"]),
        ("<捡起><pick-up-2><v1.2_b>", ["<捡起>", "<v1.2_b>"]),
        ("I <3 you, a<b and c>d, <lora:x:1>, </b>, <>, <v*>, <- left, < pick-up >, <two words>", []),
        ("a panda <my style> a cup", []),
    ],
)
def test_what_looks_like_a_trigger_word_and_is_not_taught_is_named_once(text, unknown):
    assert unknown_words(text, ["<pick-up-2>", "<my style>"]) == unknown


def vectors(*changes):
    numbers = torch.ones(2, 3)
    for place, number in changes:
        numbers[place] = number
    return numbers


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (
            vectors(((0, 1), float("nan"))),
            r"^<lift> cannot be used: 1 of its 6 numbers are NaN or infinite.*learning rate",
        ),
        (vectors(((0, 1), float("inf")), ((1, 2), float("-inf"))), "2 of its 6 numbers"),
        (vectors().expand(4, 2, 3).clone().fill_(float("nan")), "24 of its 24 numbers"),
        (torch.zeros(0, 3), "^<lift> holds no vectors"),
        (torch.zeros(3, 0), "^<lift> holds no vectors"),
    ],
)
def test_broken_vectors_are_refused_with_a_sentence(numbers, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        InteractiveToken("lift", numbers).require_usable()


def test_ordinary_vectors_are_usable():
    InteractiveToken("lift", vectors()).require_usable()
