"""Teaches an editor with judges in the place of people: online reinforcement learning from AI feedback (004, section 3).

Each step edits some images twice from the same x_T with the editor as it is by then, lets a reward choose the better edit
of each pair, and takes one D3PO step. The reference policy is the editor as it began, which is the same weights while the
adapter is not active. Style images take turns. A tie teaches nothing and is left out.

Everything is drawn from a generator seeded by (seed, step), so that weights, AdamW's moments and the history are all that a
run needs to go on from.
"""

import hashlib
import math
from dataclasses import asdict, dataclass

import numpy
import torch

from ..errors import InteractiveActionError
from ..models.style_editor.guidance import S_IN, S_STY, S_T, check_scale, guided_noise
from ..models.style_editor.images import checked_images, fit_style
from ..scoring.semantics import checked_mask
from .d3po import BETA, CLIP, DDIM, d3po_loss, log_ratio
from .loop import TrainingState, step_generator

TIE = 1e-6  # totals are about 1; this is their rounding


@dataclass(frozen=True)
class D3POConfig:
    """Hyperparameters; the defaults are those of D3PO's public code, which the paper keeps, and the paper's scales.

    pairs: a step; the paper has 128. batch_size: how many images the network sees at once, for memory alone. rank: of LoRA on
    attention; 0 trains every weight.
    """

    steps: int = 6
    pairs: int = 16
    batch_size: int = 8
    denoising_steps: int = 20
    learning_rate: float = 3e-5
    weight_decay: float = 1e-4
    rank: int = 4
    beta: float = BETA
    clip_ratio: float = CLIP
    max_embedding_norm: float = 1.0
    s_in: float = S_IN
    s_sty: float = S_STY
    s_T: float = S_T
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "pairs", "batch_size", "denoising_steps"):
            if getattr(self, name) < 1:
                raise InteractiveActionError(f"{name} is {getattr(self, name)}. It must be at least 1.")
        for name in ("learning_rate", "beta", "max_embedding_norm"):
            if not getattr(self, name) > 0:
                raise InteractiveActionError(f"{name} is {getattr(self, name)}. It must be above 0.")
        if not 0 < self.clip_ratio < 1:
            raise InteractiveActionError(f"clip_ratio is {self.clip_ratio}. It must lie between 0 and 1.")
        if min(self.weight_decay, self.rank) < 0:
            raise InteractiveActionError("weight_decay and rank cannot be negative.")
        for name in ("s_in", "s_sty", "s_T"):
            check_scale(name, getattr(self, name))

    def as_dict(self):
        return asdict(self)


@dataclass(frozen=True)
class EditTask:
    """What is to be learned. images (N, H, W, 3) and style_images (S, h, w, 3) in 0..1; five styles in the paper.

    masks (N or 1, H, W) and style_masks (S or 1, h, w): where the edit belongs, where the style is; None for the full frame.
    """

    images: torch.Tensor
    style_images: torch.Tensor
    instruction: str
    masks: torch.Tensor | None = None
    style_masks: torch.Tensor | None = None

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, value)

        put("images", checked_images(self.images, "image to edit"))
        put("style_images", checked_images(self.style_images, "style image"))
        height, width = self.images.shape[1:3]
        if height % 8 or width % 8:
            raise InteractiveActionError(
                f"The images are {width} x {height}. Scale or crop them to multiples of 8, such as 256 x 256."
            )
        if not self.instruction.strip():
            raise InteractiveActionError(
                "The instruction is empty. Say what to do, such as 'make the cabinet out of wood'."
            )
        if self.masks is not None:
            put("masks", checked_mask(self.masks, self.images, "mask"))
        if self.style_masks is not None:
            put("style_masks", checked_mask(self.style_masks, self.style_images, "style mask"))

    def sha256(self):
        digest = hashlib.sha256(self.instruction.encode())
        for tensor in (self.images, self.style_images, self.masks, self.style_masks):
            digest.update(b"none" if tensor is None else tensor.float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Pair:
    """One pair of a step. Images (H, W, 3); better, worse: (image, structure, semantics, total); of a tie, either."""

    original: torch.Tensor
    style: torch.Tensor
    better: tuple
    worse: tuple


class D3POTraining:
    """What a run needs: an ``engines.editor.EditingEngine``, an adapter of its module, an ``EditTask``, an ``EditingReward``, a ``D3POConfig``."""

    def __init__(self, engine, adapter, task, reward, config):
        self.engine, self.adapter, self.task, self.reward, self.config = engine, adapter, task, reward, config
        self.ddim = DDIM(engine.alphas_cumprod, config.denoising_steps)
        height, width = task.images.shape[1:3]
        self.image = engine.encode_images(task.images)
        self.style = engine.encode_images(fit_style(task.style_images, height, width))
        self.text, self.null = engine.encode_prompts([task.instruction, ""]).split(1)
        self.depth = reward.depth_model.depth(task.images)

    def start(self):
        """Where the weights begin: (P,)."""
        return self.adapter.start(torch.Generator().manual_seed(self.config.seed))

    @property
    def ticks(self):
        """How often a step ticks at most."""
        chunks = -(-self.config.pairs // self._at_once)
        return 2 * chunks * len(self.ddim)

    def step(self, weights, index, tick=lambda: None):
        """(gradient (P,) or None if all pairs tie, numbers for the history, a ``Pair``) of step ``index`` at ``weights`` (P,)."""
        generator = step_generator(self.config.seed, index)
        count = self.config.pairs
        images = torch.randint(len(self.task.images), (count,), generator=generator)
        styles = (index * count + torch.arange(count)) % len(self.task.style_images)
        x_T = torch.randn((count, *self.image.shape[1:]), generator=generator)
        chunks = torch.arange(count).split(self._at_once)
        trajectories, edits, structure, semantics = [], [], [], []
        for chunk in chunks:
            trajectory = self.trajectories(weights, x_T[chunk], images[chunk], styles[chunk], generator, tick)
            edited = self.engine.decode_latents(trajectory[-1].flatten(0, 1).to(self.engine.device))
            found = self.scores(edited, images[chunk].repeat(2), styles[chunk].repeat(2))
            trajectories.append(trajectory)
            edits.append(edited.unflatten(0, (2, -1)))
            for scores, new in zip((structure, semantics), found):
                scores.append(new.unflatten(0, (2, -1)))
        structure, semantics, edits = (torch.cat(parts, 1) for parts in (structure, semantics, edits))
        total = self.reward.total(structure.flatten(), semantics.flatten()).unflatten(0, (2, -1))
        winner = (total[1] < total[0]).long()
        tie = (total[0] - total[1]).abs() <= TIE
        gradient, learned = self.gradient(weights, trajectories, images, styles, winner, tie, tick)
        numbers = {
            "structure": structure.mean(), "semantics": semantics.mean(), "ties": tie.float().mean(),
            "structure_deviation": structure.std(unbiased=False), "semantics_deviation": semantics.std(unbiased=False), **learned,
        }  # fmt: skip
        shown = int((~tie).float().argmax())
        better, worse = (
            (edits[k, shown], *(float(scores[k, shown]) for scores in (structure, semantics, total)))
            for k in (int(winner[shown]), 1 - int(winner[shown]))
        )
        pair = Pair(self.task.images[images[shown]], self.task.style_images[styles[shown]], better, worse)
        return gradient, {name: float(value) for name, value in numbers.items()}, pair

    @torch.no_grad()
    def trajectories(self, weights, x_T, images, styles, generator, tick=lambda: None):
        """Two trajectories from each x_T (P, 4, h, w), for images and styles (P,): (steps + 1, 2, P, 4, h, w) on the CPU."""
        predict = self.predictor(images.repeat(2), styles.repeat(2))
        with self.adapter.active(weights):
            trajectory = torch.stack(
                self.ddim.sample(predict, x_T.repeat(2, 1, 1, 1).to(self.engine.device), generator, tick)
            )
        return trajectory.unflatten(1, (2, -1)).cpu()

    def scores(self, edited, images, styles):
        """Eq. 8 and 9 of edits (B, H, W, 3) of images in styles (B,)."""
        task = self.task
        return self.reward.scores(
            edited, task.images[images], task.style_images[styles],
            None if task.masks is None else task.masks[images], None if task.style_masks is None else task.style_masks[styles],
            (self.depth[images], self.reward.depth_model.depth(edited)),
        )  # fmt: skip

    def gradient(self, weights, trajectories, images, styles, winner, tie, tick=lambda: None):
        """(gradient of the mean of Eq. 7 over timesteps and pairs without ties, or None; that mean and the share of clipped ratios).

        trajectories: as ``trajectories`` gives them, in chunks. winner (P,): 0 or 1. tie (P,): bool.
        """
        if tie.all():
            return None, {"loss": math.log(2), "clipped": 0.0}
        weights = weights.detach().requires_grad_()
        gradient, loss, clipped = torch.zeros_like(weights), 0.0, 0.0
        share = 1 / (int((~tie).sum()) * len(self.ddim))
        for trajectory, chunk in zip(trajectories, torch.arange(len(tie)).split(self._at_once)):
            kept = ~tie[chunk]
            if not kept.any():
                continue
            chosen, here = chunk[kept], torch.arange(len(chunk))[kept]
            x = torch.cat([trajectory[:, winner[chosen], here], trajectory[:, 1 - winner[chosen], here]], 1)
            predict = self.predictor(images[chosen].repeat(2), styles[chosen].repeat(2))
            for k in range(len(self.ddim)):
                ratio = self.log_ratio(
                    weights, predict, x[k].to(self.engine.device), x[k + 1].to(self.engine.device), k
                )
                part = d3po_loss(*ratio.chunk(2), self.config.beta, self.config.clip_ratio).sum()
                scale = x[k, 0].numel()  # undoes the mean over dimensions, whose gradient half precision would lose
                gradient += share / scale * torch.autograd.grad(scale * part, weights)[0]
                loss += share * part.item()
                clipped += share / 2 * int((ratio.detach().expm1().abs() > self.config.clip_ratio).sum())
                tick()
        return gradient, {"loss": loss, "clipped": clipped}

    def log_ratio(self, weights, predict, x, x_next, k):
        """log pi / pi_ref of step k of trajectories (B, 4, h, w), each (B,)."""
        t = self.ddim.timesteps[k].expand(len(x)).to(x.device)
        with torch.no_grad():
            reference = self.ddim.mean(x, predict(x, t), k)
        with self.adapter.active(weights):
            mean = self.ddim.mean(x, predict(x, t), k)
        return log_ratio(x_next, mean, reference, self.ddim.sigma[k])

    def predictor(self, images, styles):
        """``predict(x, t)`` with guidance (Eq. 13) for images and styles (B,)."""
        image, style = self.image[images], self.style[styles]
        text, null = (context.expand(len(images), -1, -1) for context in (self.text, self.null))
        scales = self.config.s_in, self.config.s_sty, self.config.s_T
        return lambda x, t: guided_noise(self.engine.predict, x, t, image, style, text, null, *scales)

    @property
    def _at_once(self):
        return max(1, self.config.batch_size // 2)


def begin(training):
    """The ``TrainingState`` of a new run; there is no average of weights."""
    weights = training.start()
    return TrainingState(weights, torch.zeros(0), torch.zeros_like(weights), torch.zeros_like(weights))


def training_steps(training, state, progress=None):
    """Train ``state`` in place, one step an iteration, until ``config.steps`` are done; yields the ``Pair`` of each step.

    The history is in ``state.losses``. progress: called as ``progress(done, total)`` many times a step; may raise, after which
    ``state`` is as it was before that step, as it is after a step whose numbers are not finite.
    """
    config = training.config
    weights = torch.nn.Parameter(state.vectors.to(training.engine.device, copy=True))
    optimizer = torch.optim.AdamW([weights], lr=config.learning_rate, weight_decay=config.weight_decay)
    optimizer.state[weights] = {
        "step": torch.tensor(float(state.step - state.losses.get("ties", []).count(1.0))),
        "exp_avg": state.exp_avg.to(weights.device, copy=True),
        "exp_avg_sq": state.exp_avg_sq.to(weights.device, copy=True),
    }
    while state.step < config.steps:
        done = [state.step * training.ticks]

        def tick(done=done):
            done[0] += 1
            if progress:
                progress(done[0], config.steps * training.ticks)

        weights.grad, numbers, pair = training.step(weights.detach(), state.step, tick)
        if weights.grad is not None:
            if not torch.isfinite(weights.grad).all() or not numpy.isfinite(list(numbers.values())).all():
                raise InteractiveActionError(
                    f"Training broke down at step {state.step + 1}: its gradient is not finite. Lower the learning rate "
                    f"({config.learning_rate}) or the guidance scales, or run the model in float32 or bfloat16."
                )
            torch.nn.utils.clip_grad_norm_([weights], config.max_embedding_norm)
            optimizer.step()
            moments = optimizer.state[weights]
            state.vectors = weights.detach().cpu().clone()
            state.exp_avg, state.exp_avg_sq = moments["exp_avg"].cpu().clone(), moments["exp_avg_sq"].cpu().clone()
        state.step += 1
        for name, value in numbers.items():
            state.losses.setdefault(name, []).append(value)
        yield pair


def reward_curve(history, alpha=1.0):
    """How much better than at the first step the edits are on average, one float a step, in the first step's deviations; up is better.

    The paper's total has mean 0 in every batch; this is its sign turned, with the first batch's mean and deviation for all.
    """
    curve = numpy.zeros(len(history["structure"]))
    for name, weight in (("structure", 1.0), ("semantics", alpha)):
        values = numpy.array(history[name])
        curve -= weight * (values - values[0]) / max(history[f"{name}_deviation"][0], 1e-8)
    return curve.tolist()
