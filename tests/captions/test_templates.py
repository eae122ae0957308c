"""Paired prompts."""

import pytest

from interactive_action.captions.templates import TEMPLATES, paired_prompts, parse_templates
from interactive_action.captions.words import ACTION_WORDS
from interactive_action.errors import InteractiveActionError


def test_each_prompt_with_v_has_its_twin_with_and():
    y, y_and = paired_prompts(("a photo of {subject} <v*> {object}",), "robot arm", "orange cube")
    assert y == ("a photo of a robot arm <v*> an orange cube",)
    assert y_and == ("a photo of a robot arm and an orange cube",)


def test_names_with_an_article_and_peoples_names_are_left_alone():
    y, _ = paired_prompts(("{subject} <v*> {object}",), "Ada", "the fridge")
    assert y == ("Ada <v*> the fridge",)


def test_a_name_that_looks_like_a_field_is_taken_literally():
    y, _ = paired_prompts(("{subject} <v*> {object}",), "{0.__class__}", "cube")
    assert y == ("a {0.__class__} <v*> a cube",)


def test_there_are_ten_to_twelve_templates_as_in_the_paper():
    assert 10 <= len(TEMPLATES) <= 12
    assert parse_templates("\n".join(TEMPLATES)) == TEMPLATES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no prompt templates"),
        ("{subject} lifts {object}", r"holds <v\*> 0 times"),
        ("{subject} <v*> <v*> {object}", r"holds <v\*> 2 times"),
        ("a robot <v*> {object}", "does not name {subject}"),
        ("it <v*> that", "does not name {subject} and {object}"),
    ],
)
def test_a_template_that_cannot_teach_is_refused(text, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        parse_templates(text)


def test_there_are_at_least_150_steering_words_and_none_belongs_to_two_actions():
    words = [word for group in ACTION_WORDS.values() for word in group]
    assert len(words) >= 150
    assert len(words) == len(set(words))
