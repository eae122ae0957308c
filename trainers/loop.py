"""The training loop of a token: AdamW on v* alone, exact to the bit across interruptions.

Every step draws from a generator seeded by (seed, step), so nothing but the vectors, AdamW's two moments and
the losses so far need to be kept for a run to go on as if it had never stopped.
"""

import hashlib
import json
import pathlib
from dataclasses import dataclass, field

import numpy
import safetensors
import torch

from ..errors import InteractiveActionError
from ..files import safetensors_bytes, write_atomically


@dataclass
class TrainingState:
    """Where a run stands after ``step`` steps. vectors and both moments: float32 (n, d); losses: name -> one float a step."""

    vectors: torch.Tensor
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor
    step: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def begin(cls, vectors):
        return cls(vectors, torch.zeros_like(vectors), torch.zeros_like(vectors))

    def save(self, path, run):
        """Write to ``path`` in one piece; ``run`` names the run that may go on from here (``run_key``)."""
        tensors = {"vectors": self.vectors, "exp_avg": self.exp_avg, "exp_avg_sq": self.exp_avg_sq}
        metadata = {"run": run, "step": str(self.step), "losses": json.dumps(self.losses)}
        write_atomically(path, safetensors_bytes(tensors, metadata))

    @classmethod
    def load(cls, path, run):
        """The state that ``run`` left at ``path``, or None where there is none or it belongs to another run."""
        if not pathlib.Path(path).is_file():
            return None
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            if metadata.get("run") != run:
                return None
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        return cls(**tensors, step=int(metadata["step"]), losses=json.loads(metadata["losses"]))


def run_key(base_model, dataset, config):
    """A name for a run: equal only if model, data and every hyperparameter are, so that resuming cannot mix two runs."""
    parts = [base_model, dataset.sha256(), json.dumps(config.as_dict(), sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def training_steps(loss, state):
    """Train ``state`` in place, one step an iteration, until ``loss.config.steps`` are done; yields it after each step.

    loss: an ``InteractiveActionLoss`` or any callable (v, generator) -> dict with ``total``, with ``config`` and ``engine``.
    A step that gives a number that is not finite raises and leaves ``state`` as it was before that step.
    """
    config = loss.config
    v = torch.nn.Parameter(state.vectors.to(loss.engine.device))
    optimizer = torch.optim.AdamW([v], lr=config.learning_rate, weight_decay=config.weight_decay)
    optimizer.state[v] = {
        "step": torch.tensor(float(state.step)),
        "exp_avg": state.exp_avg.to(v.device),
        "exp_avg_sq": state.exp_avg_sq.to(v.device),
    }
    while state.step < config.steps:
        losses = loss(v, step_generator(config.seed, state.step))
        (v.grad,) = torch.autograd.grad(losses["total"], [v])
        if not torch.isfinite(losses["total"]) or not torch.isfinite(v.grad).all():
            raise InteractiveActionError(
                f"Training broke down at step {state.step + 1}: the loss is {losses['total'].item()}. Lower the learning rate "
                f"({config.learning_rate}), or run the model in float32 or bfloat16."
            )
        optimizer.step()
        moments = optimizer.state[v]
        state.vectors = v.detach().cpu().clone()
        state.exp_avg, state.exp_avg_sq = moments["exp_avg"].cpu().clone(), moments["exp_avg_sq"].cpu().clone()
        state.step += 1
        for name, value in losses.items():
            state.losses.setdefault(name, []).append(value.item())
        yield state


def step_generator(seed, step):
    """A CPU generator that depends on (seed, step) alone."""
    state = numpy.random.SeedSequence([seed, step]).generate_state(2, numpy.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
