"""Where a learned thing comes from, as strings in the file that holds it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..files import check_text
from ..tokens.token import FAMILY
from .loop import TrainingState
from .objective import Objective

ARCHITECTURES = {(768, 1280): "stable-diffusion-xl-v1-base", (1024,): "stable-diffusion-v2"}


@dataclass(frozen=True)
class Origin:
    """What a run is about, beside its objective.

    Args:
        method: a name of ``METHODS``.
        action: what is learned, in plain words.
        base_model: file name of the model.
        base_model_sha256: its fingerprint.
        processes: how many trained together.

    Raises:
        InteractiveActionError: the action is a text that no file can hold.
    """

    method: str
    action: str
    base_model: str
    base_model_sha256: str
    processes: int = 1

    def __post_init__(self) -> None:
        check_text(self.action, "action")


def provenance(objective: Objective, origin: Origin, state: TrainingState) -> dict[str, str]:
    """Returns what a token's or LoRA's file says of how, on which model and for how long it was learned."""
    best = state.best_step
    of_family = objective.engine.token_metadata(objective.dataset.prompts[0][0])
    architecture = of_family.get(FAMILY) or ARCHITECTURES.get(tuple(objective.engine.widths), "stable-diffusion-v1")
    return {
        "interactive_action.action": origin.action,
        "interactive_action.method": origin.method,
        "interactive_action.base_model": origin.base_model,
        "interactive_action.base_model_sha256": origin.base_model_sha256,
        "interactive_action.dataset_sha256": objective.dataset.sha256(),
        "interactive_action.images": str(len(objective.dataset)),
        "interactive_action.hyperparameters": json.dumps(objective.config.as_dict(), sort_keys=True),
        "interactive_action.seed": str(objective.config.seed),
        "interactive_action.step": str(state.step) if best is None else best,
        **({} if best is None else {"interactive_action.score": f"{state.scores[best]:.4f}"}),
        **({"interactive_action.processes": str(origin.processes)} if origin.processes > 1 else {}),
        **of_family,
        "modelspec.architecture": f"{architecture}/textual-inversion",
    }
