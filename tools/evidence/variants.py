"""What is compared, as data: methods, what holds a token, and plain words of the base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...captions.words import ACTION_WORDS


class Action(NamedTuple):
    """Names of an action: the miniature world's relation, the key of our word lists, and what CLIP looks for."""

    relation: str
    words: str
    phrase: str


ACTIONS = {
    "lift overhead": Action("lift", "pick up", "lifting"),
    "hold in both hands": Action("hold", "hold", "holding"),
    "push with both hands": Action("push", "push", "pushing"),
    "press with both hands": Action("press", "press down", "pressing"),
}
"""The simulator's name of an action -> its other names. All that is chosen is chosen by the first."""


@dataclass(frozen=True)
class Variant:
    """One line of the comparison.

    Args:
        name: the line's, and of its files.
        method: a key of ``trainers.methods.METHODS``; "" where nothing is trained.
        settings: hyperparameters that differ from the world's for the method.
        steers_to_action: whether the steering words are the action's own, whatever the settings say.
        as_published: whether all hyperparameters are the method's defaults, which are its paper's.
        in_domain: whether it learns from the world's own images of the action instead of the simulator's.
        images: what it learns from, a name of ``datasets.IMAGES``.
        teacher_word: joins subject and object in the teacher's prompts.
        words: action -> the base model's own word for it; then nothing is trained. Actions without one are left out.
    """

    name: str
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    steers_to_action: bool = False
    as_published: bool = False
    in_domain: bool = False
    images: str = "one room"
    teacher_word: str = "and"
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        """Whether something is trained."""
        return not self.words

    def settings_for(self, action: str) -> dict[str, Any]:
        """Returns the hyperparameters that differ from the world's, for an action."""
        steering = {"steering_words": ACTION_WORDS[ACTIONS[action].words]} if self.steers_to_action else {}
        return {**self.settings, **steering}


METHODS = {
    name: Variant(name, name)
    for name in (
        "textual-inversion",
        "reversion",
        "p-plus",
        "adi",
        "dreambooth",
        "custom-diffusion",
        "interactive-action",
        "noise-gated",
    )
}
OURS = METHODS["noise-gated"]
CURVES = ("textual-inversion", "reversion", "interactive-action", "noise-gated")
"""Methods whose figures are followed over steps and learning rates."""


def as_published(variant: Variant) -> Variant:
    """Returns a method with its paper's hyperparameters, under a name of its own."""
    return Variant(f"{variant.name}, as published", variant.method, as_published=True)


def _changed(change: str, **options: Any) -> Variant:
    return Variant(f"{OURS.name}, {change}", OURS.method, **options)


ABLATIONS = (
    OURS,
    *(_changed(f"steering {weight:g}", settings={"lambda_steer": weight}) for weight in (0.0, 0.01, 0.1, 3.0)),
    _changed("steering words of the action", steers_to_action=True),
    *(_changed(f"initializer token {word}", settings={"initializer_token": word}) for word in ("and", "with")),
    _changed("acts everywhere", settings={"end_percent": 1.0}),
    _changed("free length", settings={"keep_norm": False}),
    _changed("average of steps", settings={"ema_decay": 0.99}),
    _changed("12 images", images="12 images"),
    _changed("furnished rooms", images="furnished rooms"),
    _changed("weights by masks", images="masks"),
    *(
        Variant(f"interactive-action, distillation {weight:g}", "interactive-action", {"lambda_distill": weight})
        for weight in (0.0, 0.2, 1.0)
    ),
    Variant("interactive-action, teacher's word with", "interactive-action", teacher_word="with"),
)
"""Our method, whole and with one choice changed at a time, and the paper's with its teacher weighing less and more."""
