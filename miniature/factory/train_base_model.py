"""Trains the miniature base model: U-Net and text encoder together.

Objective: predict the noise (DDPM, Ho et al. 2020, Eq. 14) on the scaled-linear schedule of Stable Diffusion 1,
weighted by Min-SNR-5 (Hang et al. 2023), with captions dropped one time in ten for classifier-free guidance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from einops import rearrange

from .base_model import alphas_cumprod, build, vocabulary
from .cache import load_state, save_state
from .everyday_render import Facts
from .nonce_tokens import NONCE_TOKENS
from .training import LOG_EVERY, average_gradients, best_device, learning_rate, rank_and_count, set_learning_rate
from .world_captions import caption

CAPTION_DROPOUT = 0.1  # share of captions dropped
AVERAGE_EVERY = 10  # steps between two updates of the running average of the weights
SAVE_EVERY = 400  # steps
SNR_LIMIT = 5.0  # of Min-SNR
NONCE_WEIGHTS = {"lift": 3.0, "push": 8.0, "hold": 4.0, "press": 6.0, "sit": 3.0}
"""What a caption with a nonce token weighs while these are learned (any other: 1). The tokens are in less than one
caption of a hundred each; pushing and pressing are the hardest to tell from holding."""


def sample_batch(
    latents: torch.Tensor, facts: Sequence[Facts], size: int, step: int, seed: int, part: slice = slice(None)
) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples a batch, decided by seed and step alone.

    Args:
        latents: (N, 4, h, w).
        facts: of each of the N images.
        size: of the whole batch.
        step: decides it,
        seed: and so does this.
        part: only this part of the batch is made.

    Returns:
        Latents (B, 4, h, w) and token rows (B, 77).
    """
    batch, rows = [], []
    for place in range(size)[part]:
        rng = np.random.default_rng((seed, step, place))
        row = int(rng.integers(len(facts)))
        batch.append(latents[row])
        text = "" if rng.random() < CAPTION_DROPOUT else caption(facts[row], rng)
        rows.append(vocabulary().rows(text, rng))
    return torch.stack(batch).float(), torch.tensor(rows)


def sample_timesteps(batch_size: int, generator: torch.Generator) -> torch.Tensor:
    """Samples timesteps (batch_size,): half of them uniform, half from the noisy part.

    There it is decided who stands where and does what.
    """
    uniform = torch.randint(0, 1000, (batch_size,), generator=generator)
    noisy = torch.randint(400, 1000, (batch_size,), generator=generator)
    return torch.where(torch.arange(batch_size) % 2 == 0, uniform, noisy)


def caption_weights(rows: torch.Tensor, nonce_weights: Mapping[str, float]) -> torch.Tensor:
    """Computes what captions weigh.

    Args:
        rows: token rows (B, 77).
        nonce_weights: interaction -> weight of a caption with its nonce token.

    Returns:
        (B,), 1 for a caption without any of these tokens.
    """
    weights = torch.ones(vocabulary().size, device=rows.device)
    for interaction, weight in nonce_weights.items():
        weights[vocabulary().rows(NONCE_TOKENS[interaction])[1]] = weight
    return weights[rows].amax(1)


def min_snr_weights(alphas: torch.Tensor) -> torch.Tensor:
    """Computes the weight of each timestep's squared error of the noise, (T,).

    Source:
        Hang et al. 2023, with gamma = ``SNR_LIMIT``.
    """
    return (alphas / (1 - alphas)).clamp(max=SNR_LIMIT) / (alphas / (1 - alphas))


@dataclass(frozen=True)
class Settings:
    """How a base model is trained."""

    steps: int
    """Of the whole training."""
    rate: float = 1e-3
    """The highest learning rate."""
    batch_size: int = 64
    """Images a step, of all processes together."""
    decay: float = 0.999
    """Of the running average of the weights, a step."""
    seed: int = 0
    """Decides everything."""
    nonce_weights: Mapping[str, float] = field(default_factory=dict)
    """What captions with a nonce token weigh, as ``NONCE_WEIGHTS``; empty: as much as any other."""


class Training:
    """A training that stands after ``step`` steps.

    Args:
        settings: how it trains.
        state_path: where its state is kept; it goes on from there.
        start: U-Net and text encoder to begin with; None: untrained ones.
    """

    def __init__(self, settings: Settings, state_path: Path, start: torch.nn.ModuleList | None = None) -> None:
        self.settings, self.state_path, self.step = settings, state_path, 0
        torch.manual_seed(settings.seed)
        self.device = best_device()
        self.models, self.averaged = (torch.nn.ModuleList(build()).to(self.device) for _ in range(2))
        if start is not None:
            self.models.load_state_dict(start.state_dict())
        self.averaged.load_state_dict(self.models.state_dict())
        self.parameters = [p for p in self.models.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, settings.rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
        )
        if state := load_state(state_path, self.device):
            self.models.load_state_dict(state["models"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
        self.alphas = alphas_cumprod().to(self.device)
        self.weights = min_snr_weights(self.alphas)

    def advance(self, latents: torch.Tensor, facts: Sequence[Facts]) -> float:
        """Trains one step.

        Args:
            latents: (N, 4, h, w).
            facts: of each of the N images.

        Returns:
            The mean squared error of the noise.
        """
        settings, (rank, processes) = self.settings, rank_and_count()
        size, step = settings.batch_size, self.step
        part = slice(rank * size // processes, (rank + 1) * size // processes)
        set_learning_rate(self.optimizer, learning_rate(settings.rate, step, settings.steps, warmup=300, floor=0.01))
        clean, rows = sample_batch(latents, facts, size, step, settings.seed, part)
        generator = torch.Generator().manual_seed(settings.seed * 10_000_019 + step)
        noise = torch.randn(size, *clean.shape[1:], generator=generator)[part]
        t = sample_timesteps(size, generator)[part]
        clean, rows, noise, t = (x.to(self.device) for x in (clean, rows, noise, t))
        signal = rearrange(self.alphas[t], "b -> b 1 1 1")
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        with torch.autocast(self.device.type, torch.bfloat16):
            context = self.models[1](input_ids=rows).last_hidden_state
            prediction = self.models[0](noisy, t, context).sample
        errors = ((prediction.float() - noise) ** 2).mean((1, 2, 3))
        of_captions = caption_weights(rows, settings.nonce_weights)
        self.optimizer.zero_grad()
        (errors * self.weights[t] * of_captions / of_captions.mean()).mean().backward()
        [error] = average_gradients(self.parameters, [errors.mean().item()])
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        if self.step % AVERAGE_EVERY == 0:
            self._update_average()
        return error

    def save(self) -> None:
        """Writes the state."""
        state = dict(
            models=self.models.state_dict(),
            averaged=self.averaged.state_dict(),
            optimizer=self.optimizer.state_dict(),
            step=self.step,
        )
        save_state(self.state_path, state)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Moves the running average of the weights by ``AVERAGE_EVERY`` steps; a short one forgets its start."""
        keep = min(self.settings.decay, (1 + self.step) / (10 + self.step)) ** AVERAGE_EVERY
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.models.parameters()), 1 - keep)


def train(
    latents: torch.Tensor,
    facts: Sequence[Facts],
    state_path: Path,
    settings: Settings,
    start: torch.nn.ModuleList | None = None,
    log: Callable[[str], None] = print,
) -> torch.nn.ModuleList:
    """Trains a base model; goes on from where it stopped. Under torch.distributed each process has a part of a batch.

    Args:
        latents: (N, 4, h, w).
        facts: of each of the N images.
        state_path: where the state is kept.
        settings: how it is trained.
        start: U-Net and text encoder to go on from.
        log: gets a line every hundred steps.

    Returns:
        The averaged U-Net and text encoder on the CPU.
    """
    training, (rank, _) = Training(settings, state_path, start), rank_and_count()
    total = 0.0
    while training.step < settings.steps:
        total += training.advance(latents, facts)
        if training.step % LOG_EVERY == 0:
            if rank == 0:
                log(f"base: step {training.step} of {settings.steps}, error {total / LOG_EVERY:.4f}")
            total = 0.0
        if (training.step % SAVE_EVERY == 0 or training.step == settings.steps) and rank == 0:
            training.save()
    return training.averaged.cpu()
