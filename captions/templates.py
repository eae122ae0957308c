"""Paired prompts: "Subject <v*> Object" for the student and "Subject and Object" for the teacher.

Each image is paired with two groups of typically 10 to 12 prompts; the second is the first with "and" for <v*>.
Source: Interactive-Action (anonymous, 2025), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InteractiveActionError
from ..files import filled_lines

PLACEHOLDER = "<v*>"

TEMPLATES = (
    "{subject} <v*> {object}",
    "a photo of {subject} <v*> {object}",
    "a picture of {subject} <v*> {object}",
    "an image of {subject} <v*> {object}",
    "a rendering of {subject} <v*> {object}",
    "a close-up of {subject} <v*> {object}",
    "{subject} <v*> {object} in a studio",
    "{subject} <v*> {object} in a plain room",
    "{subject} <v*> {object} on a grey floor",
    "a photo of {subject} <v*> {object} in a studio",
    "a picture of {subject} <v*> {object} in a plain room",
    "a rendering of {subject} <v*> {object} on a grey floor",
)


def parse_templates(text: str) -> tuple[str, ...]:
    """Returns the templates in ``text``, one a line.

    Raises:
        InteractiveActionError: one does not name {subject} and {object}, or does not hold <v*> exactly once.
    """
    templates = filled_lines(text)
    if not templates:
        raise InteractiveActionError(
            "There are no prompt templates. Write at least one line such as '{subject} <v*> {object}'."
        )
    for template in templates:
        if template.count(PLACEHOLDER) != 1:
            raise InteractiveActionError(
                f"The template {template!r} holds {PLACEHOLDER} {template.count(PLACEHOLDER)} times. Write it exactly "
                f"once, where the new word belongs: '{{subject}} {PLACEHOLDER} {{object}}'."
            )
        missing = [name for name in ("{subject}", "{object}") if name not in template]
        if missing:
            raise InteractiveActionError(
                f"The template {template!r} does not name {' and '.join(missing)}. Write both, as in "
                f"'{{subject}} {PLACEHOLDER} {{object}}'."
            )
    return templates


def paired_prompts(templates: Sequence[str], subject: str, object: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (prompts with <v*>, prompts with "and"), one a template, for one image.

    Args:
        templates: from ``parse_templates``.
        subject: who acts; gets an article if it has none: "robot arm" becomes "a robot arm".
        object: what is acted on; likewise.
    """
    names = {"{subject}": with_article(subject), "{object}": with_article(object)}
    prompts = []
    for template in templates:
        for field, name in names.items():
            template = template.replace(field, name)
        prompts.append(template)
    return tuple(prompts), tuple(prompt.replace(PLACEHOLDER, "and") for prompt in prompts)


def with_article(name: str) -> str:
    """Returns ``name`` with "a" or "an", unless it begins with an article or a capital letter (a person's name).

    Raises:
        InteractiveActionError: the name is empty.
    """
    name = name.strip()
    if not name:
        raise InteractiveActionError(
            "An image has no name for its subject or its object. Write both, for example 'robot arm' and 'cube'."
        )
    first = name.split()[0]
    if first in ("a", "an", "the", "one", "two", "some") or first[0].isupper():
        return name
    return f"{'an' if first[0] in 'aeiou' else 'a'} {name}"
