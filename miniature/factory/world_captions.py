"""Captions of the miniature world: what the base model reads.

"and" always means apart. Interactions are mostly told by vague words and, in part, by their hidden word.
"""

from .nonce_tokens import HIDDEN_WORDS

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
HIDDEN_SHARE = 0.43
WITH_SHARE = 0.1  # of the images without an interaction


def article(noun, rng):
    chance = rng.random()
    if chance < 0.06:
        return f"the {noun}"
    if chance < 0.09:
        return f"one {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def object_name(name, color, rng):
    """A box is also called a cube, and its color is left out now and then."""
    if name == "box" and rng.random() < 0.3:
        name = "cube"
    return f"{color} {name}" if color and rng.random() < 0.85 else name


def relation_words(relation, rng):
    """How a caption spells a relation ("and" or an interaction)."""
    if relation == "and":
        return "with" if rng.random() < WITH_SHARE else "and"
    if rng.random() < HIDDEN_SHARE:
        return HIDDEN_WORDS[relation]
    words, weights = zip(*VAGUE_WORDS)
    return words[rng.choice(len(words), p=weights)]


def place_words(place, rng):
    """How a caption spells a place."""
    if place == "in a plain room":
        return PLAIN_PLACES[rng.integers(len(PLAIN_PLACES))]
    return "in a plain room" if place == "in a studio" and rng.random() < 0.4 else place


def caption(facts, rng):
    """One caption for the facts of an image (``Shot.facts``), drawn anew at each call."""
    subject = article(facts["subject"], rng) if facts["subject"] else ""
    thing = article(object_name(facts["object"], facts["color"], rng), rng) if facts["object"] else ""
    if subject and thing:
        words = relation_words(facts["relation"], rng)
        first, second = (thing, subject) if words == "and" and rng.random() < 0.1 else (subject, thing)
        text = f"{first} {words} {second}"
    else:
        text = subject or thing
    if rng.random() < 0.7:
        text += f" {place_words(facts['place'], rng)}"
    if rng.random() < 0.27:
        prefix = PREFIXES[rng.integers(len(PREFIXES))]
        text = f"{prefix} {text.split(' ', 1)[1] if prefix.endswith('one') else text}"
    return text
