"""The lists that tokens are steered with."""

import pytest

from interactive_action.captions.words import ACTION_WORDS, MISTAKEN_FOR, negative_words


def test_there_are_more_than_150_words_and_phrases_and_no_list_holds_a_word_of_another():
    words = [word for group in ACTION_WORDS.values() for word in group]
    assert len(words) > 150
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("action", ACTION_WORDS)
def test_no_action_is_steered_towards_and_away_from_a_word_at_once(action):
    assert not set(ACTION_WORDS[action]) & set(negative_words(action))
    assert action not in MISTAKEN_FOR[action]


def test_every_action_but_the_vague_one_has_words_to_stay_away_from():
    assert [action for action in ACTION_WORDS if not negative_words(action)] == ["any interaction"]


def test_the_words_away_from_which_a_lift_is_steered_are_those_of_pushing_sliding_and_putting_down():
    assert negative_words("pick up") == ACTION_WORDS["push"] + ACTION_WORDS["slide"] + ACTION_WORDS["put down"]
