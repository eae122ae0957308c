"""Captions of the miniature world: what the base model reads.

"and" always means apart. Interactions mostly have vague words and, in part, their nonce token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .nonce_tokens import NONCE_TOKENS

if TYPE_CHECKING:
    import numpy as np

    from .everyday_render import Facts

PREFIXES = (
    "a photo of",
    "a picture of",
    "an image of",
    "a rendering of",
    "a close-up of",
    "a cartoon of",
    "a drawing of",
    "a good photo of",
    "a photo of one",
    "the photo of",
)
PLAIN_PLACES = ("in a plain room", "on a table", "in a studio", "on a grey floor")
VAGUE_WORDS = (("with", 0.5), ("handling", 0.36), ("using", 0.07), ("playing with", 0.07))
NONCE_SHARE = 0.43  # of the images with an interaction
WITH_SHARE = 0.1  # of the images without an interaction


def article(noun: str, rng: np.random.Generator) -> str:
    """Puts a random article before a noun: mostly "a" or "an", sometimes "the" or "one"."""
    chance = rng.random()
    if chance < 0.06:
        return f"the {noun}"
    if chance < 0.09:
        return f"one {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def object_name(name: str, color: str, rng: np.random.Generator) -> str:
    """Samples what a caption calls an object: a box is also a cube, and its color is left out now and then."""
    if name == "box" and rng.random() < 0.3:
        name = "cube"
    return f"{color} {name}" if color and rng.random() < 0.85 else name


def relation_words(relation: str, rng: np.random.Generator) -> str:
    """Samples how a caption spells a relation ("and" or an interaction)."""
    if relation == "and":
        return "with" if rng.random() < WITH_SHARE else "and"
    if rng.random() < NONCE_SHARE:
        return NONCE_TOKENS[relation]
    return VAGUE_WORDS[rng.choice(len(VAGUE_WORDS), p=[share for _, share in VAGUE_WORDS])][0]


def place_words(place: str, rng: np.random.Generator) -> str:
    """Samples how a caption spells a place."""
    if place == "in a plain room":
        return PLAIN_PLACES[rng.integers(len(PLAIN_PLACES))]
    return "in a plain room" if place == "in a studio" and rng.random() < 0.4 else place


def caption(facts: Facts, rng: np.random.Generator) -> str:
    """Samples one caption for an image.

    Args:
        facts: of the image, see ``everyday_render.Facts``.
        rng: each call samples anew.
    """
    subject = article(facts["subject"], rng) if facts["subject"] else ""
    object = article(object_name(facts["object"], facts["color"], rng), rng) if facts["object"] else ""
    if subject and object:
        words = relation_words(facts["relation"], rng)
        first, second = (object, subject) if words == "and" and rng.random() < 0.1 else (subject, object)
        text = f"{first} {words} {second}"
    else:
        text = subject or object
    if rng.random() < 0.7:
        text += f" {place_words(facts['place'], rng)}"
    if rng.random() < 0.27:
        prefix = PREFIXES[rng.integers(len(PREFIXES))]
        text = f"{prefix} {text.split(' ', 1)[1] if prefix.endswith('one') else text}"
    return text
