"""The sets of prompts that every method is asked to draw."""

import pytest

from interactive_action.captions import prompt_sets
from interactive_action.captions.words import ACTION_WORDS
from interactive_action.errors import InteractiveActionError
from interactive_action.nodes.prompt_sets import (
    ALL,
    EMBEDDED,
    EVERYDAY,
    ActionBenchPrompts,
    CustomPrompts,
    InteractionPrompts,
)


@pytest.mark.parametrize("action", ACTION_WORDS)
def test_an_action_has_136_different_prompts_half_of_them_about_things_with_joints(action):
    prompts = prompt_sets.interactions(action, "<v>", "doing")
    assert len({prompt.prompt for prompt in prompts}) == len(prompts) == 136
    assert len({prompt.subject for prompt in prompts}) == 17
    assert sum(prompt.object in prompt_sets.OBJECTS[action][4:] for prompt in prompts) == 68


def test_each_name_takes_the_place_of_a_kind_of_people():
    for names in ((), ("Ada Lovelace",), tuple(f"Person {number}" for number in range(10))):
        prompts = prompt_sets.interactions("pick up", "<v>", "lifting", names)
        assert len(prompts) == 136
        assert sum(prompt.subject in names for prompt in prompts) == 8 * len(names)
    assert "Person 0 <v> a box" in [prompt.prompt for prompt in prompts]  # a name has no article
    with pytest.raises(InteractiveActionError, match="places for 10 people.*11"):
        prompt_sets.interactions("pick up", "<v>", "lifting", ("X",) * 11)


def test_only_the_word_differs_between_methods():
    ours, plain = (
        prompt_sets.seeded(prompt_sets.interactions("push", word, "pushing"), 2, 5) for word in ("<push>", "pushing")
    )
    assert [(row.seed, row.subject, row.object, row.text) for row in ours] == [
        (row.seed, row.subject, row.object, row.text) for row in plain
    ]
    assert [row.prompt.replace("<push>", "pushing") for row in ours] == [row.prompt for row in plain]
    assert ours[0].text == "a nurse pushing a box"


def test_every_image_has_a_seed_of_its_own_and_a_part_has_those_of_the_whole():
    prompts = prompt_sets.miniature("<v>", "lifting")
    whole = prompt_sets.seeded(prompts, 3, 100)
    assert [row.seed for row in whole] == list(range(100, 100 + 3 * 64))
    assert [row.prompt for row in whole[:4]] == ["a panda <v> a strawberry"] * 3 + ["a panda <v> a lemon"]
    assert prompt_sets.seeded(prompts, 3, 100, first=10, count=2) == whole[30:36]
    assert prompt_sets.seeded(prompts, 3, 100, first=63) == whole[189:]
    assert prompt_sets.seeded(prompts, 1, 2**64 - 1)[1].seed == 0  # KSampler's largest seed, then its first
    with pytest.raises(InteractiveActionError, match="number 64, and the set has the numbers 0 to 63"):
        prompt_sets.seeded(prompts, 1, 0, first=64)


def test_the_miniatures_things_are_looked_for_without_their_color():
    prompts = prompt_sets.miniature("<v>", "lifting")
    assert {prompt.object for prompt in prompts} == {
        "strawberry",
        "lemon",
        "cup",
        "ball",
        "lamp",
        "box",
        "cart",
        "chair",
    }
    assert "a frog <v> a red ball" in [prompt.prompt for prompt in prompts]


def test_action_bench_is_eight_actions_by_23_subjects_by_four_images():
    prompts, seeds, subjects, objects, texts = ActionBenchPrompts.execute(
        ALL, "<{action}>", "\n".join(prompt_sets.NAMES_ALONE), 4, 0
    ).result
    assert len(prompts) == len(set(seeds)) == 8 * 23 * 4
    assert (prompts[0], prompts[-1]) == ("a boy <salute>", "a panda <handstand>")
    assert texts.splitlines()[-1] == "a panda doing a handstand"
    assert len(set(subjects.splitlines())) == 23 and not objects.strip()
    plain = ActionBenchPrompts.execute("sit", " ", "", 1, 0).result[0]
    assert len(plain) == 16 and plain[0] == "a boy sitting"
    with pytest.raises(InteractiveActionError, match="7 people by name, and 8"):
        ActionBenchPrompts.execute(ALL, "", "A\n" * 8, 1, 0)


def test_own_lines_may_say_whom_to_look_for():
    lines = "a panda {word} a lemon | panda | lemon\n\n a portrait of a <frog> "
    prompts, seeds, subjects, objects, texts = CustomPrompts.execute(lines, "<v>", "lifting", 2, 7).result
    assert prompts == ["a panda <v> a lemon"] * 2 + ["a portrait of a <frog>"] * 2
    assert seeds == [7, 8, 9, 10]
    assert texts.splitlines()[0] == "a panda lifting a lemon"
    assert subjects.split("\n") == ["panda", "panda", "", ""] and objects.split("\n") == ["lemon", "lemon", "", ""]
    for wrong in ("a panda | a | b | c", "| panda"):
        with pytest.raises(InteractiveActionError, match="Line 1 of the prompts"):
            CustomPrompts.execute(wrong, "<v>", "lifting", 1, 0)
    with pytest.raises(InteractiveActionError, match="no prompts"):
        CustomPrompts.execute(" \n", "<v>", "lifting", 1, 0)


def test_the_node_chooses_the_world():
    everyday = InteractionPrompts.execute(EVERYDAY, "open", "<open>", "opening", "Ada Lovelace", 1, 0).result
    assert len(everyday[0]) == 136 and "Ada Lovelace <open> a refrigerator" in everyday[0]
    embedded = InteractionPrompts.execute(EMBEDDED, "open", "<open>", "opening", "Ada Lovelace", 1, 3, 2, 1).result
    assert embedded == (["a panda <open> a cup"], [5], "panda", "cup", "a panda opening a cup")
