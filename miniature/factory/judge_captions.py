"""The words that the judges learn: captions with natural names ("picking up") for what renders show.

A caption claims some facts and leaves others open; it fits every image that has the facts it claims.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from ...captions.templates import with_article
from ..judges import INTERACTIONS
from .everyday_render import PLACES, Facts
from .figures import SUBJECTS
from .objects import OBJECTS

SYNONYMS = {"box": ("box", "box", "cube")}  # as often as they stand here
JOINT_RELATIONS = ("and", *INTERACTIONS)  # of a subject and an object
RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "and": ("and",),
    "next to": ("and",),
    "beside": ("and",),
    **dict.fromkeys(("lifting", "picking up", "lifting up", "raising", "holding up", "lifts", "picks up"), ("lift",)),
    **dict.fromkeys(("pushing", "shoving", "pushes", "pushing away"), ("push",)),
    **dict.fromkeys(("holding", "carrying", "holds", "hugging"), ("hold",)),
    **dict.fromkeys(("pressing", "pressing down", "presses", "leaning on"), ("press",)),
    **dict.fromkeys(("sitting on", "sits on", "seated on"), ("sit",)),
    "with": JOINT_RELATIONS,
    "handling": ("lift", "push", "hold", "press"),
    "touching": tuple(INTERACTIONS),
}
"""words -> the relations that they may mean."""

EXACT_PHRASES = {
    "and": ("and", "next to"),
    "lift": ("lifting", "picking up"),
    "push": ("pushing",),
    "hold": ("holding",),
    "press": ("pressing",),
    "sit": ("sitting on",),
}
"""relation -> words that mean nothing else."""


class Claim(NamedTuple):
    """The facts that a caption claims; "" where it leaves one open. ``relations``: those that its words may mean."""

    subject: str
    object: str
    color: str
    place: str
    relations: tuple[str, ...]

    def holds(self, facts: Facts) -> bool:
        """Tells whether an image has all that the caption claims."""
        return (
            self.subject == facts["subject"]
            and self.object == facts["object"]
            and self.color in ("", facts["color"])
            and self.place in ("", facts["place"])
            and facts["relation"] in self.relations
        )


class Name(NamedTuple):
    """What a detector's label stands for: a subject, or an object of a color; "" where it leaves one open."""

    subject: str = ""
    object: str = ""
    color: str = ""

    def covers(self, name: Name) -> bool:
        """Tells whether this name also names what another one does: a red ball is a "ball" and a "red ball"."""
        alike = all(part in ("", fact) for part, fact in zip(self, name))
        return alike and bool(self.subject) == bool(name.subject)


def detector_labels() -> dict[str, Name]:
    """Lists every label that the detector is taught, with what it stands for."""
    names = {subject: Name(subject=subject) for subject in SUBJECTS}
    for object, spec in OBJECTS.items():
        for noun in dict.fromkeys(SYNONYMS.get(object, (object,))):
            names[noun] = Name(object=object)
            names.update({f"{color} {noun}": Name(object=object, color=color) for color in spec.colors if color})
    return names


def caption(facts: Facts, rng: np.random.Generator, words: str | None = None, full: bool = False) -> tuple[str, Claim]:
    """Samples a caption in natural words.

    Args:
        facts: of the image.
        rng: decides what the caption leaves open and which words it has.
        words: one of ``RELATION_PHRASES``, for the relation; None samples one.
        full: nothing is left open.

    Returns:
        The caption, and what it claims.
    """
    subject, object, color, place = facts["subject"], facts["object"], facts["color"], facts["place"]
    color = color if color and (full or rng.random() < 0.8) else ""
    place = place if place in PLACES and (full or rng.random() < 0.5) else ""
    relations: tuple[str, ...] = JOINT_RELATIONS if subject and object else ("alone",)
    nouns = SYNONYMS.get(object, (object,))
    noun = f"{color} {nouns[rng.integers(len(nouns))]}".strip()
    if subject and object:
        phrase = words or _sample_phrase(facts["relation"], rng, full)
        relations = RELATION_PHRASES[phrase]
        text = f"{with_article(subject)} {phrase} {with_article(noun)}"
    else:
        text = with_article(subject or noun)
    text = f"a photo of {text}" if rng.random() < 0.15 else text
    return f"{text} {place}".strip(), Claim(subject, object, color, place, relations)


def _sample_phrase(relation: str, rng: np.random.Generator, full: bool) -> str:
    """Samples words that mean a relation, or, unless ``full``, may mean it."""
    vague = tuple(phrase for phrase, relations in RELATION_PHRASES.items() if relation in relations)
    phrases = EXACT_PHRASES[relation] if full else vague
    return phrases[rng.integers(len(phrases))]


def perturb_facts(facts: Facts, rng: np.random.Generator) -> Facts:
    """Changes one of the facts of an image: what a caption that is nearly right would say."""
    values = dict(facts)
    joint = facts["subject"] and facts["object"]
    kinds = ["relation", "subject", "object", "place"]
    kind = str(rng.choice(kinds, p=[0.6, 0.15, 0.15, 0.1] if joint else [0, 0, 0, 1]))
    options = {
        "relation": JOINT_RELATIONS,
        "subject": tuple(SUBJECTS),
        "object": tuple(OBJECTS),
        "place": tuple(PLACES),
    }
    values[kind] = str(rng.choice([option for option in options[kind] if option != values[kind]]))
    if kind == "object":
        values["color"] = str(rng.choice(OBJECTS[str(values["object"])].colors))
    return cast(Facts, values)
