"""What is compared, as data: methods, Interactive Action's ablations, and plain words of the base model."""

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
}
"""The simulator's name of an action -> its other names."""


@dataclass(frozen=True)
class Variant:
    """One line of the comparison.

    Args:
        name: the line's, and of its files.
        method: a key of ``trainers.methods.METHODS``; "" where nothing is trained.
        settings: hyperparameters that differ from the world's for the method.
        steers_to_action: whether the steering words are the action's own, whatever the settings say.
        in_domain: whether it learns from the world's own images of the action instead of the simulator's.
        words: action -> the base model's own word for it; then nothing is trained.
    """

    name: str
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    steers_to_action: bool = False
    in_domain: bool = False
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
    )
}


def _ablation(change: str, **options: Any) -> Variant:
    return Variant(f"interactive-action, {change}", "interactive-action", **options)


ABLATIONS = (
    METHODS["interactive-action"],
    _ablation("initializer token and", settings={"initializer_token": "and"}),  # the public code's
    _ablation("timestep sampling cosine", settings={"timestep_sampling": "cosine"}),  # ReVersion's
    _ablation("timestep sampling uniform", settings={"timestep_sampling": "uniform"}),  # Textual Inversion's
    _ablation("steering words of any interaction", settings={"steering_words": ACTION_WORDS["any interaction"]}),
    _ablation("steering words of the action", steers_to_action=True),
    _ablation("no steering", settings={"lambda_steer": 0.0}),
    _ablation("no distillation", settings={"lambda_distill": 0.0}),
    _ablation("distillation of the paper's weight", settings={"lambda_distill": 0.2}),
)
"""Interactive Action, whole and with one choice changed at a time."""
