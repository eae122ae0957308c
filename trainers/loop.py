"""The one training loop: AdamW on one tensor, exact to the bit across interruptions.

Every step samples from a generator seeded by (seed, step), so nothing but the parameters, their average, AdamW's two
moments and the losses so far need to be kept for a run to go on as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import safetensors
import torch

from ..errors import InteractiveActionError
from ..files import write_atomically
from ..tensor_files import safetensors_bytes
from .objective import Gradient, Objective


@dataclass
class TrainingState:
    """Where a run stands after ``step`` steps.

    Args:
        parameters: what is trained, as the objective's ``trainable`` understands it; float32.
        average: their running average.
        exp_avg: AdamW's first moment.
        exp_avg_sq: AdamW's second moment; all four of one shape.
        step: steps done.
        losses: name -> one float a step.
        scores: step (as text) -> how good the average was then.
        best: the average that scored best, where any did.
    """

    parameters: torch.Tensor
    average: torch.Tensor
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor
    step: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    best: torch.Tensor | None = None

    @property
    def result(self) -> torch.Tensor:
        """What was learned: the best average by score, or without scores the last."""
        return self.average if self.best is None else self.best

    @property
    def best_step(self) -> str | None:
        """The step (as text) whose average scored best, or None without scores."""
        return max(self.scores, key=self.scores.__getitem__, default=None)

    def rate(self, score: float) -> None:
        """Keeps the present average if no earlier one scored as much."""
        if score > max(self.scores.values(), default=-float("inf")):
            self.best = self.average.clone()
        self.scores[str(self.step)] = score

    @classmethod
    def begin(cls, parameters: torch.Tensor) -> TrainingState:
        """Returns the state before the first step."""
        return cls(parameters, parameters.clone(), torch.zeros_like(parameters), torch.zeros_like(parameters))

    def save(self, path: str | pathlib.Path, run: str) -> None:
        """Writes the state to ``path`` in one piece; ``run`` names the run that may go on from here (``run_key``)."""
        names = ("parameters", "average", "exp_avg", "exp_avg_sq", "best")
        tensors = {name: tensor for name in names if (tensor := getattr(self, name)) is not None}
        metadata = {
            "run": run,
            "step": str(self.step),
            "losses": json.dumps(self.losses),
            "scores": json.dumps(self.scores),
        }
        write_atomically(path, safetensors_bytes(tensors, metadata))

    @classmethod
    def load(cls, path: str | pathlib.Path, run: str) -> TrainingState | None:
        """Returns the state that ``run`` left at ``path``, or None if there is none or it belongs to another run.

        Raises:
            InteractiveActionError: the file is none of this pack's, or broken.
        """
        path = pathlib.Path(path)
        if not path.is_file():
            return None
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("run") != run:
                    return None
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        except (safetensors.SafetensorError, OSError) as error:
            raise InteractiveActionError(
                f"The state {path} of this run could not be read: {error}. Remove the file to begin anew."
            ) from error
        return cls(
            **tensors,
            step=int(metadata["step"]),
            losses=json.loads(metadata["losses"]),
            scores=json.loads(metadata["scores"]),
        )


def run_key(base_model: str, dataset: Any, config: Any, *others: Any) -> str:
    """Returns a name for a run: equal only if model, data and every hyperparameter are, so that no two runs mix.

    Args:
        base_model: the model's fingerprint.
        dataset: with ``sha256()``.
        config: the method's hyperparameters.
        others: what else the objective was given: tensors, such as masks, and whatever has ``sha256()``.
    """
    parts = [base_model, dataset.sha256(), type(config).__name__, json.dumps(config.as_dict(), sort_keys=True)]
    for other in others:
        parts.append(
            hashlib.sha256(other.cpu().contiguous().numpy().tobytes()).hexdigest()
            if torch.is_tensor(other)
            else other.sha256()
        )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def training_steps(objective: Objective, state: TrainingState) -> Iterator[TrainingState]:
    """Trains ``state`` in place, one step an iteration, until ``objective.config.steps`` are done.

    Args:
        objective: of one of the methods, or anything with its ``config``, ``engine``, ``trainable`` and ``gradient``.
        state: where to go on from.

    Yields:
        The state after each step.

    Raises:
        InteractiveActionError: a step gave a number that is not finite; ``state`` is as it was before that step.
    """
    config = objective.config
    parameters = torch.nn.Parameter(state.parameters.to(objective.engine.device, copy=True))
    optimizer = torch.optim.AdamW([parameters], lr=config.learning_rate, weight_decay=config.weight_decay)
    optimizer.state[parameters] = {
        "step": torch.tensor(float(state.step)),
        "exp_avg": state.exp_avg.to(parameters.device, copy=True),
        "exp_avg_sq": state.exp_avg_sq.to(parameters.device, copy=True),
    }
    while state.step < config.steps:
        losses, gradient, movable = _accumulated_gradient(
            objective, parameters, step_generator(config.seed, state.step)
        )
        parameters.grad = gradient
        if not np.isfinite(losses["total"]) or not torch.isfinite(gradient).all():
            raise InteractiveActionError(
                f"Training broke down at step {state.step + 1}: the loss is {losses['total']}. Lower the learning rate "
                f"({config.learning_rate}), or run the model in float32 or bfloat16."
            )
        before = parameters.detach().clone()
        optimizer.step()
        with torch.no_grad():
            # AdamW's momentum and decay move channels without a gradient, too
            parameters.copy_(torch.where(movable, parameters, before))
            objective.trainable.limit_norm_(parameters)
        moments = optimizer.state[parameters]
        state.parameters = parameters.detach().cpu().clone()
        state.exp_avg, state.exp_avg_sq = moments["exp_avg"].cpu().clone(), moments["exp_avg_sq"].cpu().clone()
        state.step += 1
        decay = min(config.ema_decay, state.step / (10 + state.step))  # so that a short run forgets its start, too
        state.average = state.parameters.lerp(state.average, decay)
        for name, value in losses.items():
            state.losses.setdefault(name, []).append(value)
        yield state


def _accumulated_gradient(
    objective: Objective, parameters: torch.Tensor, generator: torch.Generator
) -> tuple[dict[str, float], torch.Tensor, torch.Tensor]:
    """(losses, gradient, which elements may move) of one step: means over ``grad_accumulation_steps`` batches."""
    count = objective.config.grad_accumulation_steps
    losses: dict[str, float] = {}
    gradient, movable = torch.zeros_like(parameters), torch.zeros_like(parameters, dtype=torch.bool)
    for _ in range(count):
        part: Gradient = objective.gradient(parameters, generator)
        terms, part_gradient, part_movable = part
        gradient += part_gradient / count
        movable |= part_movable
        for name, value in terms.items():
            losses[name] = losses.get(name, 0.0) + value.item() / count
    return losses, gradient, movable


def step_generator(seed: int, step: int) -> torch.Generator:
    """Returns a CPU generator that depends on (seed, step) alone."""
    state = np.random.SeedSequence([seed, step]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
