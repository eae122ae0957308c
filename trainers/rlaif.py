"""Teaches an editor with judges in the place of people: online reinforcement learning from AI feedback.

Each step edits some images twice from the same x_T with the editor as it is by then, lets a reward choose the better
edit of each pair, and takes one D3PO step. The reference policy is the editor as it began, which is the same weights
while the adapter is not active. Style images take turns. A tie teaches nothing and is left out.

Random numbers follow from (seed, step): weights, AdamW's moments and the history are all that a run goes on from.
Source: Benarous et al. 2025, section 3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from einops import rearrange, repeat

from ..errors import InteractiveActionError
from ..models.adapters import Adapter
from ..models.sampling import DDIM, NoisePredictor
from ..models.style_editor.guidance import guided_noise
from ..models.style_editor.images import fit_style
from ..models.style_editor.protocol import EditingEngine
from ..scoring.editing import EditingReward
from .d3po import D3POConfig, d3po_loss, log_ratio
from .edit_task import EditBatch, EditTask, Pair
from .loop import TrainingState, step_generator

TIE = 1e-6  # totals are about 1; this is their rounding


class Progress(Protocol):
    """How far a run is."""

    def __call__(self, done: int, total: int, preview: Any = None, /) -> Any:
        """Shows calls of the network, of ``total``; may raise to stop."""


def _ignore(done: int, total: int, preview: Any = None) -> None:
    """Shows nothing."""


class D3POTraining:
    """The steps of a run: what they learn and how they are rated.

    Args:
        engine: the editor.
        adapter: of ``engine.module``.
        task: images, styles and the instruction.
        reward: chooses the better of two edits.
        config: hyperparameters.
    """

    def __init__(
        self, engine: EditingEngine, adapter: Adapter, task: EditTask, reward: EditingReward, config: D3POConfig
    ) -> None:
        self.engine, self.adapter, self.task, self.reward, self.config = engine, adapter, task, reward, config
        self.ddim = DDIM.leading(engine.alphas_cumprod.double().cpu(), config.denoising_steps, eta=1.0)
        height, width = task.images.shape[1:3]
        self.image = engine.encode_images(task.images)
        self.style = engine.encode_images(fit_style(task.style_images, height, width))
        self.text, self.null = engine.encode_prompts([task.instruction, ""]).split(1)
        self.depth = reward.depth_model.depth(task.images)

    def initial(self) -> torch.Tensor:
        """Returns the weights (P,) that training starts from."""
        return self.adapter.start(torch.Generator().manual_seed(self.config.seed))

    @property
    def calls_per_step(self) -> int:
        """How many calls of the network a step has at most, as progress counts them."""
        chunks = -(-self.config.pairs // self._pairs_at_once)
        return 2 * chunks * len(self.ddim)

    def step(
        self, weights: torch.Tensor, index: int, progress: Progress = _ignore
    ) -> tuple[torch.Tensor | None, dict[str, float], Pair]:
        """Edits, rates and learns once.

        Args:
            weights: (P,) the adapter's.
            index: of the step.
            progress: called after each denoising step with (calls, ``calls_per_step``); may raise to stop.

        Returns:
            (gradient (P,) or None if all pairs tie, numbers for the history, a ``Pair``).
        """
        generator, count, calls = step_generator(self.config.seed, index), self.config.pairs, itertools.count(1)

        def advance() -> None:
            progress(next(calls), self.calls_per_step)

        images = torch.randint(len(self.task.images), (count,), generator=generator)
        styles = (index * count + torch.arange(count)) % len(self.task.style_images)
        edits = self.edit(weights, images, styles, generator, advance)
        winner = (edits.total[1] < edits.total[0]).long()
        tie = (edits.total[0] - edits.total[1]).abs() <= TIE
        gradient, learning = self.gradient(weights, edits.trajectories, images, styles, winner, tie, advance)
        numbers = {
            "structure": float(edits.structure.mean()),
            "semantics": float(edits.semantics.mean()),
            "ties": float(tie.float().mean()),
            "structure_deviation": float(edits.structure.std(unbiased=False)),
            "semantics_deviation": float(edits.semantics.std(unbiased=False)),
            **learning,
        }
        example = int((~tie).float().argmax())
        best = int(winner[example])
        originals = self.task.images[images[example]], self.task.style_images[styles[example]]
        pair = Pair(*originals, edits.rated(best, example), edits.rated(1 - best, example))
        return gradient, numbers, pair

    def edit(
        self,
        weights: torch.Tensor,
        images: torch.Tensor,
        styles: torch.Tensor,
        generator: torch.Generator,
        advance: Callable[[], None],
    ) -> EditBatch:
        """Edits images (P,) in styles (P,) twice each, and rates the edits."""
        x_T = torch.randn((len(images), *self.image.shape[1:]), generator=generator)
        trajectories: list[torch.Tensor] = []
        parts: tuple[list[torch.Tensor], ...] = ([], [], [])  # edits, structure, semantics
        for chunk in torch.arange(len(images)).split(self._pairs_at_once):
            trajectory = self.trajectories(weights, x_T[chunk], images[chunk], styles[chunk], generator, advance)
            latents = rearrange(trajectory[-1], "two p c h w -> (two p) c h w")
            edited = self.engine.decode_latents(latents.to(self.engine.device))
            scores = self.scores(edited, images[chunk].repeat(2), styles[chunk].repeat(2))
            trajectories.append(trajectory)
            for part, values in zip(parts, (edited, *scores)):
                part.append(rearrange(values, "(two p) ... -> two p ...", two=2))
        edits, structure, semantics = (torch.cat(part, 1) for part in parts)
        total = rearrange(self.reward.total(structure.flatten(), semantics.flatten()), "(two p) -> two p", two=2)
        return EditBatch(trajectories, edits, structure, semantics, total)

    @torch.no_grad()
    def trajectories(
        self,
        weights: torch.Tensor,
        x_T: torch.Tensor,
        images: torch.Tensor,
        styles: torch.Tensor,
        generator: torch.Generator,
        advance: Callable[[], None] = lambda: None,
    ) -> torch.Tensor:
        """Returns two trajectories from each x_T: (steps + 1, 2, P, 4, h, w) on the CPU.

        Args:
            weights: the adapter's.
            x_T: (P, 4, h, w) noise.
            images: (P,) indices.
            styles: (P,) indices.
            generator: of the steps' noise.
            advance: called after each step; may raise to stop.
        """
        noise = repeat(x_T, "p c h w -> (two p) c h w", two=2).to(self.engine.device)
        states, predict = [noise], self.predictor(images.repeat(2), styles.repeat(2))
        with self.adapter.active(weights):
            for x in self.ddim.trajectory(predict, noise, generator):
                states.append(x)
                advance()
        return rearrange(torch.stack(states), "k (two p) c h w -> k two p c h w", two=2).cpu()

    def scores(
        self, edited: torch.Tensor, images: torch.Tensor, styles: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (structure (B,), semantics (B,)) of edits (B, H, W, 3) of images (B,) in styles (B,)."""
        task = self.task
        structure, semantics = self.reward.scores(
            edited,
            task.images[images],
            task.style_images[styles],
            None if task.masks is None else task.masks[images],
            None if task.style_masks is None else task.style_masks[styles],
            (self.depth[images], self.reward.depth_model.depth(edited)),
        )
        return structure, semantics

    def gradient(
        self,
        weights: torch.Tensor,
        trajectories: Sequence[torch.Tensor],
        images: torch.Tensor,
        styles: torch.Tensor,
        winner: torch.Tensor,
        tie: torch.Tensor,
        advance: Callable[[], None] = lambda: None,
    ) -> tuple[torch.Tensor | None, dict[str, float]]:
        """Returns the gradient (P,) of the mean of Eq. 7 over timesteps and pairs without ties, None if all tie.

        With it comes that mean, ``loss``, and the share of ratios that are clipped, ``clipped``.

        Args:
            weights: (P,) the adapter's.
            trajectories: as ``trajectories`` gives them, in chunks.
            images: (P,) indices.
            styles: (P,) indices.
            winner: (P,) 0 or 1.
            tie: (P,) bool.
            advance: called after each timestep; may raise to stop.
        """
        if tie.all():
            return None, {"loss": math.log(2), "clipped": 0.0}
        weights = weights.detach().requires_grad_()
        gradient, loss, clipped = torch.zeros_like(weights), 0.0, 0.0
        share = 1 / (int((~tie).sum()) * len(self.ddim))
        for trajectory, chunk in zip(trajectories, torch.arange(len(tie)).split(self._pairs_at_once)):
            decided = ~tie[chunk]
            if not decided.any():
                continue
            pairs, rows = chunk[decided], torch.arange(len(chunk))[decided]
            x = torch.cat([trajectory[:, winner[pairs], rows], trajectory[:, 1 - winner[pairs], rows]], 1)
            predict = self.predictor(images[pairs].repeat(2), styles[pairs].repeat(2))
            for k in range(len(self.ddim)):
                x_k, x_next = x[k].to(self.engine.device), x[k + 1].to(self.engine.device)
                ratio = self.log_ratio(weights, predict, x_k, x_next, k)
                of_winner, of_loser = ratio.chunk(2)
                part = d3po_loss(of_winner, of_loser, self.config.beta, self.config.clip_ratio).sum()
                scale = x[k, 0].numel()  # undoes the mean over dimensions, whose gradient half precision would lose
                gradient += share / scale * torch.autograd.grad(scale * part, weights)[0]
                loss += share * part.item()
                clipped += share / 2 * int((ratio.detach().expm1().abs() > self.config.clip_ratio).sum())
                advance()
        return gradient, {"loss": loss, "clipped": clipped}

    def log_ratio(
        self, weights: torch.Tensor, predict: NoisePredictor, x: torch.Tensor, x_next: torch.Tensor, k: int
    ) -> torch.Tensor:
        """Returns log pi / pi_ref of step k of trajectories (B, 4, h, w): (B,)."""
        t = self.ddim.timesteps[k].expand(len(x)).to(x.device)
        with torch.no_grad():
            reference = self.ddim.mean(x, predict(x, t), k)
        with self.adapter.active(weights):
            mean = self.ddim.mean(x, predict(x, t), k)
        return log_ratio(x_next, mean, reference, self.ddim.sigma[k])

    def predictor(self, images: torch.Tensor, styles: torch.Tensor) -> NoisePredictor:
        """Returns the network with guidance by image, style and text, for images (B,) and styles (B,)."""
        image, style = self.image[images], self.style[styles]
        text, null = (context.expand(len(images), -1, -1) for context in (self.text, self.null))
        scales = self.config.s_in, self.config.s_sty, self.config.s_T
        return lambda x, t: guided_noise(self.engine.predict, x, t, image, style, text, null, *scales)

    @property
    def _pairs_at_once(self) -> int:
        return max(1, self.config.batch_size // 2)


def begin(training: D3POTraining) -> TrainingState:
    """Returns the state of a new run; there is no average of weights."""
    weights = training.initial()
    return TrainingState(weights, torch.zeros(0), torch.zeros_like(weights), torch.zeros_like(weights))


def training_steps(training: D3POTraining, state: TrainingState, progress: Progress = _ignore) -> Iterator[Pair]:
    """Trains ``state`` in place, one step an iteration, until ``config.steps`` are done. The history is in its losses.

    Args:
        training: the run.
        state: where to go on from.
        progress: called many times a step with (calls of the network, all calls); may raise to stop, after which
            ``state`` is as it was before that step.

    Yields:
        A ``Pair`` of each step.

    Raises:
        InteractiveActionError: a step gave a number that is not finite; ``state`` is as it was before that step.
    """
    config, calls = training.config, training.calls_per_step
    weights = torch.nn.Parameter(state.parameters.to(training.engine.device, copy=True))
    optimizer = torch.optim.AdamW([weights], lr=config.learning_rate, weight_decay=config.weight_decay)
    optimizer.state[weights] = {
        "step": torch.tensor(float(state.step - state.losses.get("ties", []).count(1.0))),
        "exp_avg": state.exp_avg.to(weights.device, copy=True),
        "exp_avg_sq": state.exp_avg_sq.to(weights.device, copy=True),
    }
    while state.step < config.steps:

        def step_progress(done: int, _total: int, preview: Any = None, before: int = state.step * calls) -> None:
            progress(before + done, config.steps * calls)

        weights.grad, numbers, pair = training.step(weights.detach(), state.step, step_progress)
        if weights.grad is not None:
            if not torch.isfinite(weights.grad).all() or not np.isfinite(list(numbers.values())).all():
                raise InteractiveActionError(
                    f"Training broke down at step {state.step + 1}: its gradient is not finite. Lower the learning "
                    f"rate ({config.learning_rate}) or the guidance scales, or run the model in float32 or bfloat16."
                )
            torch.nn.utils.clip_grad_norm_([weights], config.max_grad_norm)
            optimizer.step()
            moments = optimizer.state[weights]
            state.parameters = weights.detach().cpu().clone()
            state.exp_avg, state.exp_avg_sq = moments["exp_avg"].cpu().clone(), moments["exp_avg_sq"].cpu().clone()
        state.step += 1
        for name, value in numbers.items():
            state.losses.setdefault(name, []).append(value)
        yield pair


def reward_curve(history: dict[str, list[float]], alpha: float = 1.0) -> list[float]:
    """Returns how much better than at the first step the edits are: a float a step, up is better.

    It is the paper's total, which has mean 0 in every batch, with its sign turned and the first batch's mean and
    deviation.

    Args:
        history: ``TrainingState.losses``.
        alpha: how much semantics count beside structure.
    """
    curve = np.zeros(len(history["structure"]))
    for name, weight in (("structure", 1.0), ("semantics", alpha)):
        values = np.array(history[name])
        curve -= weight * (values - values[0]) / max(history[f"{name}_deviation"][0], 1e-8)
    return [float(value) for value in curve]
