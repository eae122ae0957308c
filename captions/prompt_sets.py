"""Evaluation prompts and their seeds, which stay the same while the word for the action changes.

* ``interactions``: 136 prompts for one action, as many as Interactive-Action (anonymous, 2025, section 4.2)
  uses. It names their kinds only (people, celebrities, animals; objects with and without joints); these are our own:
  17 subjects times 8 objects.
* ``action_bench``: the shape of ActionBench (Huang et al. 2023, A.1 and A.2): 8 actions, 23 subjects, 4 images a pair.
* ``custom``: the user's lines.

Seeds belong to places in the whole set: a part of a set has the same noise as the whole, and so has every method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InteractiveActionError
from ..files import filled_lines
from .templates import with_article
from .words import ACTION_WORDS

WORD = "{word}"
IMAGES_OF_A_PAIR = 4  # ActionBench's

KINDS = (
    "nurse",
    "cook",
    "boy",
    "girl",
    "farmer",
    "dancer",
    "old man",
    "old woman",
    "teacher",
    "firefighter",
)
ANIMALS = ("panda", "monkey", "penguin", "elephant", "cat", "bear", "rabbit")
NAMES = ("Charlie Chaplin", "Sherlock Holmes", "Cleopatra")  # the user's own take their place

# Four things without joints, then four with.
PORTABLE = ("box", "strawberry", "lamp", "ball", "laptop", "umbrella", "suitcase", "folding chair")
HEAVY = ("box", "barrel", "sofa", "rock", "shopping cart", "wheelbarrow", "bicycle", "drawer")
CLOSED = ("box", "bottle", "jar", "envelope", "refrigerator", "door", "laptop", "suitcase")
WORKED = ("ball", "drum", "pillow", "bell", "light switch", "water tap", "steering wheel", "keyboard")
VESSELS = ("cup", "bottle", "bucket", "bowl", "teapot", "watering can", "blender", "trash can")
SEATS = ("box", "rock", "log", "barrel", "swing", "rocking chair", "bicycle", "sofa bed")
OBJECTS = {
    **dict.fromkeys(("push", "pull", "slide"), HEAVY),
    **dict.fromkeys(("open", "close"), CLOSED),
    **dict.fromkeys(("press", "turn", "strike"), WORKED),
    "pour": VESSELS,
    "sit on": SEATS,
}
OBJECTS = {action: OBJECTS.get(action, PORTABLE) for action in ACTION_WORDS}

MINIATURE_SUBJECTS = ("panda", "penguin", "frog", "monkey", "man", "woman", "elephant", "robot")
MINIATURE_OBJECTS = ("strawberry", "lemon", "cup", "red ball", "lamp", "blue box", "cart", "chair")

# ActionBench's actions, said in our words.
ACTIONS_ALONE = {
    "salute": "saluting",
    "gesture": "raising one finger",
    "cheer": "cheering with both arms up",
    "pray": "praying with folded hands",
    "sit": "sitting",
    "squat": "squatting",
    "meditate": "meditating",
    "handstand": "doing a handstand",
}
PEOPLE_ALONE = ("boy", "girl", "man", "woman", "old man")
NAMES_ALONE = (*NAMES, "Albert Einstein", "Robin Hood", "Napoleon", "Mona Lisa")
ANIMALS_ALONE = ("dog", "cat", "lion", "tiger", "bear", "polar bear", "fox", "cheetah", "monkey", "gorilla", "panda")


@dataclass(frozen=True)
class Prompt:
    """What to generate, and what to judge it by.

    Args:
        prompt: with the method's word in it.
        text: the same in plain language, for CLIP and for people.
        subject: the name a detector looks for.
        object: likewise; empty if there is none.
        seed: of the noise.
    """

    prompt: str
    text: str
    subject: str
    object: str
    seed: int = 0


def interactions(action: str, word: str, phrase: str, names: Sequence[str] = NAMES) -> list[Prompt]:
    """Returns 136 prompts "subject word object".

    Args:
        action: one of ``ACTION_WORDS``; decides the objects.
        word: the method's word.
        phrase: the action in plain language.
        names: people by name, at most 10; each takes the place of one of ``KINDS``, from the end.

    Raises:
        InteractiveActionError: there are too many names.
    """
    if len(names) > len(KINDS):
        raise InteractiveActionError(
            f"There are places for {len(KINDS)} people by name, and {len(names)} were given. Leave some out."
        )
    subjects = (*KINDS[: len(KINDS) - len(names)], *names, *ANIMALS)
    return _pairs(subjects, OBJECTS[action], word, phrase)


def miniature(word: str, phrase: str) -> list[Prompt]:
    """Returns 64 prompts about the embedded world; a detector looks for a "ball", not a "red ball"."""
    return _pairs(MINIATURE_SUBJECTS, MINIATURE_OBJECTS, word, phrase)


def _pairs(subjects: Sequence[str], objects: Sequence[str], word: str, phrase: str) -> list[Prompt]:
    return [
        Prompt(
            f"{with_article(subject)} {word} {with_article(object)}",
            f"{with_article(subject)} {phrase} {with_article(object)}",
            subject,
            object.removeprefix("red ").removeprefix("blue "),
        )
        for subject in subjects
        for object in objects
    ]


def action_bench(actions: Sequence[str], word: str, names: Sequence[str] = NAMES_ALONE) -> list[Prompt]:
    """Returns one prompt "subject word" for each action and subject: 23 subjects with ActionBench's seven names.

    Args:
        actions: of ``ACTIONS_ALONE``.
        word: the new word; {action} in it stands for the action's name. Empty for plain words.
        names: people by name, at most seven.

    Raises:
        InteractiveActionError: there are too many names.
    """
    if len(names) > len(NAMES_ALONE):
        raise InteractiveActionError(
            f"ActionBench has {len(NAMES_ALONE)} people by name, and {len(names)} were given. Leave some out."
        )
    subjects = (*PEOPLE_ALONE, *names, *ANIMALS_ALONE)
    prompts = []
    for action in actions:
        words = word.strip().replace("{action}", action) or ACTIONS_ALONE[action]
        prompts += [
            Prompt(f"{with_article(subject)} {words}", f"{with_article(subject)} {ACTIONS_ALONE[action]}", subject, "")
            for subject in subjects
        ]
    return prompts


def custom(text: str, word: str, phrase: str) -> list[Prompt]:
    """Returns the user's prompts.

    Args:
        text: lines of a prompt with {word} in it and, if it is to be scored, " | subject | object".
        word: the method's word.
        phrase: the action in plain language.

    Raises:
        InteractiveActionError: a line makes no prompt, or there is none.
    """
    prompts = []
    for number, line in enumerate(filled_lines(text), 1):
        prompt, *names = (part.strip() for part in line.split("|"))
        if not prompt or len(names) > 2:
            raise InteractiveActionError(
                f"Line {number} of the prompts is {line!r}. Write a prompt, and behind it, if you like, the names of "
                f"subject and object: 'a panda {WORD} a lemon | panda | lemon'."
            )
        subject, object = [*names, "", ""][:2]
        prompts.append(Prompt(prompt.replace(WORD, word), prompt.replace(WORD, phrase), subject, object))
    if not prompts:
        raise InteractiveActionError(f"There are no prompts. Write one a line, with {WORD} where the word belongs.")
    return prompts


def seeded(prompts: Sequence[Prompt], images: int, seed: int, first: int = 0, count: int = 0) -> list[Prompt]:
    """Returns each prompt ``images`` times in a row, the k-th image of the whole set with ``seed + k``.

    Args:
        prompts: the whole set.
        images: of each prompt.
        seed: of the first image.
        first: number of the first prompt to return.
        count: how many prompts to return; 0: all that follow.

    Raises:
        InteractiveActionError: ``first`` is not a number of the set.
    """
    if not 0 <= first < len(prompts):
        raise InteractiveActionError(
            f"The first prompt wanted is number {first}, and the set has the numbers 0 to {len(prompts) - 1}."
        )
    return [
        Prompt(prompt.prompt, prompt.text, prompt.subject, prompt.object, (seed + place * images + k) % 2**64)
        for place, prompt in list(enumerate(prompts))[first : first + count if count else None]
        for k in range(images)
    ]
