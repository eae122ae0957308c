"""Paired prompts: "Subject v* Object" for the student and "Subject and Object" for the teacher.

000, section 3.2: each image is paired with two groups of typically 10-12 prompts; the second group is the
first with v* replaced by "and".
"""

from ..errors import InteractiveActionError

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


def parse_templates(text):
    """Split ``text`` into templates, one a line; each must name ``{subject}``, ``{object}`` and hold ``<v*>`` once."""
    templates = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not templates:
        raise InteractiveActionError(
            "There are no prompt templates. Write at least one line such as '{subject} <v*> {object}'."
        )
    for template in templates:
        if template.count(PLACEHOLDER) != 1:
            raise InteractiveActionError(
                f"The template {template!r} holds {PLACEHOLDER} {template.count(PLACEHOLDER)} times. Write it exactly once, "
                f"where the interaction's word belongs: '{{subject}} {PLACEHOLDER} {{object}}'."
            )
        missing = [name for name in ("{subject}", "{object}") if name not in template]
        if missing:
            raise InteractiveActionError(
                f"The template {template!r} does not name {' and '.join(missing)}. Write both, as in "
                f"'{{subject}} {PLACEHOLDER} {{object}}'."
            )
    return templates


def paired_prompts(templates, subject, object):
    """Return (prompts with v*, prompts with "and"), both of len(templates), for one image's subject and object.

    An article is added where the name comes without one: "robot arm" -> "a robot arm".
    """
    names = {"{subject}": with_article(subject), "{object}": with_article(object)}
    prompts = []
    for template in templates:
        for field, name in names.items():
            template = template.replace(field, name)
        prompts.append(template)
    return tuple(prompts), tuple(prompt.replace(PLACEHOLDER, "and") for prompt in prompts)


def with_article(name):
    """Put "a" or "an" before ``name`` unless it begins with an article or a capital letter (a person's name)."""
    name = name.strip()
    if not name:
        raise InteractiveActionError(
            "An image has no name for its subject or its object. Write both, for example 'robot arm' and 'cube'."
        )
    first = name.split()[0]
    if first in ("a", "an", "the", "one", "two", "some") or first[0].isupper():
        return name
    return f"{'an' if first[0] in 'aeiou' else 'a'} {name}"
