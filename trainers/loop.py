"""The training loop of every method's token: AdamW, exact to the bit across interruptions.

Every step draws from a generator seeded by (seed, step), so nothing but the vectors, their average, AdamW's two
moments and the losses so far need to be kept for a run to go on as if it had never stopped.
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
    """Where a run stands after ``step`` steps.

    vectors (what the loss's ``start`` gives: v*, and what is trained with it), their running average and AdamW's two moments:
    float32, all of one shape. losses: name -> one float a step. scores: step (as text) -> how good its average was; best: the
    average that scored best, where any did.
    """

    vectors: torch.Tensor
    average: torch.Tensor
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor
    step: int = 0
    losses: dict[str, list[float]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    best: torch.Tensor | None = None

    @property
    def result(self):
        """What was learned: the best average by score, or without scores the last."""
        return self.average if self.best is None else self.best

    def rate(self, score):
        """Keep the present average if no earlier one scored as much."""
        if score > max(self.scores.values(), default=-float("inf")):
            self.best = self.average.clone()
        self.scores[str(self.step)] = score

    @classmethod
    def begin(cls, vectors):
        return cls(vectors, vectors.clone(), torch.zeros_like(vectors), torch.zeros_like(vectors))

    def save(self, path, run):
        """Write to ``path`` in one piece; ``run`` names the run that may go on from here (``run_key``)."""
        names = ("vectors", "average", "exp_avg", "exp_avg_sq", "best")
        tensors = {name: tensor for name in names if (tensor := getattr(self, name)) is not None}
        metadata = {
            "run": run,
            "step": str(self.step),
            "losses": json.dumps(self.losses),
            "scores": json.dumps(self.scores),
        }
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
        return cls(
            **tensors,
            step=int(metadata["step"]),
            losses=json.loads(metadata["losses"]),
            scores=json.loads(metadata["scores"]),
        )


def run_key(base_model, dataset, config, *more):
    """A name for a run: equal only if model, data and every hyperparameter are, so that resuming cannot mix two runs.

    more: what else the loss was given: tensors, such as masks, and datasets.
    """
    parts = [base_model, dataset.sha256(), type(config).__name__, json.dumps(config.as_dict(), sort_keys=True)]
    for given in more:
        parts.append(
            hashlib.sha256(given.cpu().contiguous().numpy().tobytes()).hexdigest()
            if torch.is_tensor(given)
            else given.sha256()
        )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def training_steps(loss, state):
    """Train ``state`` in place, one step an iteration, until ``loss.config.steps`` are done; yields it after each step.

    The token is ``loss.token(state.result)``.

    loss: of one of the methods, or anything with ``config``, ``engine`` and ``textual_inversion``'s ``start`` and ``gradient``.
    A step that gives a number that is not finite raises and leaves ``state`` as it was before that step.
    """
    config = loss.config
    v = torch.nn.Parameter(state.vectors.to(loss.engine.device, copy=True))
    longest = config.max_embedding_norm * loss.start().norm(dim=-1).mean().item() or float("inf")
    optimizer = torch.optim.AdamW([v], lr=config.learning_rate, weight_decay=config.weight_decay)
    optimizer.state[v] = {
        "step": torch.tensor(float(state.step)),
        "exp_avg": state.exp_avg.to(v.device, copy=True),
        "exp_avg_sq": state.exp_avg_sq.to(v.device, copy=True),
    }
    while state.step < config.steps:
        losses, v.grad, movable = _gradient(loss, v, step_generator(config.seed, state.step))
        if not numpy.isfinite(losses["total"]) or not torch.isfinite(v.grad).all():
            raise InteractiveActionError(
                f"Training broke down at step {state.step + 1}: the loss is {losses['total']}. Lower the learning rate "
                f"({config.learning_rate}), or run the model in float32 or bfloat16."
            )
        before = v.detach().clone()
        optimizer.step()
        with torch.no_grad():
            v.copy_(torch.where(movable, v, before))  # AdamW's momentum and decay move channels without a gradient, too
            if v.norm(dim=-1).max() > longest:
                v.mul_((longest / v.norm(dim=-1, keepdim=True)).clamp(max=1))
        moments = optimizer.state[v]
        state.vectors = v.detach().cpu().clone()
        state.exp_avg, state.exp_avg_sq = moments["exp_avg"].cpu().clone(), moments["exp_avg_sq"].cpu().clone()
        state.step += 1
        decay = min(config.ema_decay, state.step / (10 + state.step))  # so that a short run forgets its start, too
        state.average = state.vectors.lerp(state.average, decay)
        for name, value in losses.items():
            state.losses.setdefault(name, []).append(value)
        yield state


def _gradient(loss, v, generator):
    """(losses as floats, gradient, which channels may move) of one step: means over ``accumulation`` batches."""
    count = loss.config.grad_accumulation_steps
    losses, gradient, movable = {}, torch.zeros_like(v), torch.zeros_like(v, dtype=torch.bool)
    for _ in range(count):
        terms, part, kept = loss.gradient(v, generator)
        gradient += part / count
        movable |= kept
        for name, value in terms.items():
            losses[name] = losses.get(name, 0.0) + value.item() / count
    return losses, gradient, movable


def step_generator(seed, step):
    """A CPU generator that depends on (seed, step) alone."""
    state = numpy.random.SeedSequence([seed, step]).generate_state(2, numpy.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
