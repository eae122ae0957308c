"""Trains the miniature autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from .autoencoder import LATENT_CHANNELS, Autoencoder, to_tensor
from .cache import load_state, save_state
from .everyday_render import Facts
from .training import LOG_EVERY, average_gradients, best_device, learning_rate, rank_and_count, set_learning_rate

CROP = 48  # training sees crops: the model is convolutional, and a crop about a face teaches more than a wall
SAVE_EVERY = 400  # steps


def reconstruction_loss(model: Autoencoder, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes the loss on images (B, 3, H, W) in 0..1.

    It is L1 and squared error, more where there is detail, and the error of edges; latents are held near unit variance
    and made robust to small noise.

    Returns:
        The loss, and the mean squared error without gradient.
    """
    latents = model.encode(images)
    reconstruction = model.decode(latents + 0.04 * torch.randn_like(latents)).float()
    mean, variance = latents.float().mean((0, 2, 3)), latents.float().var((0, 2, 3))
    error = reconstruction - images
    detail = (images - F.avg_pool2d(images, 7, 1, 3)).abs().mean(1, keepdim=True)  # an eye is few pixels, and a face
    weight = 1 + 8 * detail
    edges = [error.diff(dim=d).abs().mean() for d in (2, 3)]
    loss = (
        (weight * (error.abs() + 2 * error**2)).mean()
        + 0.7 * sum(edges)
        + 0.02 * (mean**2 + (variance - 1) ** 2).mean()
    )
    return loss, (error.detach() ** 2).mean()


def _optimizers(model: Autoencoder, rate: float) -> tuple[list[torch.optim.Optimizer], Callable[[], None]]:
    """Builds Muon (Jordan et al. 2024) for the inner convolutions as matrices and AdamW for the rest.

    Returns:
        The optimizers, and a function that copies to Muon its gradients (its matrices are views of the kernels).
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    kernels = [p for p in parameters if p.dim() == 4 and min(p.shape[:2]) > LATENT_CHANNELS]
    others = [p for p in parameters if not any(p is kernel for kernel in kernels)]
    matrices = [nn.Parameter(p.data.permute(0, 2, 3, 1).view(len(p), -1)) for p in kernels]  # a view: no rearrange

    def copy_gradients() -> None:
        for matrix, kernel in zip(matrices, kernels):
            assert kernel.grad is not None
            matrix.grad = rearrange(kernel.grad, "o i h w -> o (h w i)")

    return [
        torch.optim.Muon(matrices, rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, rate, betas=(0.9, 0.99), weight_decay=0.0),
    ], copy_gradients


def _crop(image: np.ndarray, facts: Facts, rng: np.random.Generator) -> np.ndarray:
    """Samples a crop about a random point of the subject's or the object's box: details matter more than walls."""
    boxes = [box for box in (facts.get("subject_box"), facts.get("object_box")) if box]
    size = len(image)
    middle: Sequence[float] | np.ndarray
    if boxes and rng.random() < 0.85:
        x, y, width, height = boxes[rng.integers(len(boxes))]
        middle = x + rng.random() * width, y + rng.random() * height
    else:
        middle = rng.random(2) * size
    left, top = (int(np.clip(round(m - CROP / 2 + rng.normal() * 4), 0, size - CROP)) for m in middle)
    return image[top : top + CROP, left : left + CROP]


def _batch(images: np.ndarray, facts: Sequence[Facts], size: int, rng: np.random.Generator) -> torch.Tensor:
    """Samples crops (size, 3, CROP, CROP) in 0..1, all of them mirrored one time in two."""
    rows = rng.integers(len(images), size=size)
    crops = to_tensor(np.stack([_crop(images[row], facts[row], rng) for row in rows]))
    return crops if rng.random() < 0.5 else crops.flip(3)


@dataclass(frozen=True)
class Settings:
    """How an autoencoder is trained."""

    steps: int
    """Of the whole training."""
    rate: float = 1.5e-3
    """The highest learning rate."""
    batch_size: int = 32
    """Crops a step, of all processes together."""
    seed: int = 0
    """Decides everything."""


class Training:
    """A training that stands after ``step`` steps.

    Args:
        settings: how it trains.
        state_path: where its state is kept; it goes on from there.
        start: a model to begin with, of which only the decoder is trained; None: an untrained one.
    """

    def __init__(self, settings: Settings, state_path: Path, start: Autoencoder | None = None) -> None:
        self.settings, self.state_path, self.step = settings, state_path, 0
        torch.manual_seed(settings.seed)
        self.device = best_device()
        self.model: Autoencoder = Autoencoder().to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if start is not None:
            self.model.load_state_dict(start.state_dict())
            self.model.encoder.requires_grad_(False)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizers, self.copy_gradients = _optimizers(self.model, settings.rate)
        if state := load_state(state_path, self.device):
            self.model.load_state_dict(state["model"])
            for optimizer, its_state in zip(self.optimizers, state["optimizers"]):
                optimizer.load_state_dict(its_state)
            self.step = state["step"]

    def advance(self, images: np.ndarray, facts: Sequence[Facts]) -> float:
        """Trains one step.

        Args:
            images: uint8 (N, H, W, 3).
            facts: of each image.

        Returns:
            The mean squared error.
        """
        settings, (rank, processes) = self.settings, rank_and_count()
        rng = np.random.default_rng((settings.seed, self.step, rank))
        torch.manual_seed(rng.integers(2**31))
        for optimizer in self.optimizers:
            rate = learning_rate(settings.rate, self.step, settings.steps, warmup=50, floor=0.02)
            set_learning_rate(optimizer, rate)
        crops = _batch(images, facts, settings.batch_size // processes, rng).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, error = reconstruction_loss(self.model, crops.to(memory_format=torch.channels_last))
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        [mean_error] = average_gradients(self.parameters, [error.item()])
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.copy_gradients()
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        return mean_error

    def save(self) -> None:
        """Writes the state."""
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        save_state(self.state_path, dict(model=self.model.state_dict(), optimizers=states, step=self.step))


def train(
    images: np.ndarray,
    facts: Sequence[Facts],
    state_path: Path,
    settings: Settings,
    start: Autoencoder | None = None,
    log: Callable[[str], None] = print,
) -> Autoencoder:
    """Trains an autoencoder; goes on from where it stopped. Under torch.distributed each process has a part of a batch.

    Args:
        images: uint8 (N, H, W, 3).
        facts: of each image; boxes say where its details are.
        state_path: where the state is kept.
        settings: how it is trained.
        start: a model to go on from, of which only the decoder is trained, so that its latents stay what they are.
        log: gets a line every hundred steps.

    Returns:
        The model on the CPU.
    """
    training, (rank, _) = Training(settings, state_path, start), rank_and_count()
    total = 0.0
    while training.step < settings.steps:
        total += training.advance(images, facts)
        if training.step % LOG_EVERY == 0:
            if rank == 0:
                decibel = -10 * math.log10(total / LOG_EVERY)
                log(f"{state_path.stem}: step {training.step} of {settings.steps}, {decibel:.2f} dB")
            total = 0.0
        if (training.step % SAVE_EVERY == 0 or training.step == settings.steps) and rank == 0:
            training.save()
    return training.model.cpu()
