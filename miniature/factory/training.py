"""What the factory's trainings share: the device, the learning rate, the average of gradients, a resumable loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist

from .cache import CACHE, load_state, save_state

LOG_EVERY = 100  # steps
MADE_BY = "Trained from nothing by the Interactive Action project on its own rendered images (miniature/factory)."
"""For the header of a file of weights."""

Model = TypeVar("Model", bound=torch.nn.Module)


def best_device() -> torch.device:
    """Returns a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def rank_and_count() -> tuple[int, int]:
    """Returns this process's rank under torch.distributed and how many processes there are; (0, 1) without."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def learning_rate(peak: float, step: int, steps: int, warmup: int, floor: float = 0.0) -> float:
    """Computes a step's learning rate: a linear warm-up and a cosine down to ``floor`` times the peak.

    Args:
        peak: the highest.
        step: from 0.
        steps: of the whole training.
        warmup: steps.
        floor: share of the peak at the end.
    """
    return peak * min(1, (step + 1) / warmup) * (floor + (1 - floor) / 2 * (1 + math.cos(math.pi * step / steps)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of all parameters of an optimizer."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def average_gradients(parameters: Sequence[torch.nn.Parameter], values: list[float]) -> list[float]:
    """Averages gradients, in place, and a few numbers beside them over all processes; returns the averaged numbers."""
    if not dist.is_initialized():
        return values
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat(
        [gradient.flatten() for gradient in gradients] + [torch.tensor(values, device=gradients[0].device)]
    )
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()
    averages: list[float] = flat[at:].tolist()
    return averages


def fit(
    name: str,
    model: Model,
    loss: Callable[[int, np.random.Generator], torch.Tensor],
    steps: int,
    rate: float,
    seed: int = 0,
    folder: Path = CACHE / "judges",
) -> Model:
    """Trains a model by AdamW with a cosine; goes on from where it stopped.

    Args:
        name: of the state's file, and for the log.
        model: trained in place.
        loss: (step, generator) -> scalar. It depends on the step alone, so that resuming changes nothing.
        steps: of the whole training.
        rate: the highest learning rate.
        seed: of the generators.
        folder: where the state is kept.

    Returns:
        The model in evaluation mode.
    """
    state_path = folder / f"{name}.pt"
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.02)
    first = 0
    if state := load_state(state_path):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    model.train()
    mean = 0.0
    for step in range(first, steps):
        set_learning_rate(optimizer, learning_rate(rate, step, steps, warmup=100))
        value = loss(step, np.random.default_rng((seed, step)))
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean = value.item() if step == first else 0.98 * mean + 0.02 * value.item()
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            print(f"{name}: step {step + 1} of {steps}, loss {mean:.4f}", flush=True)
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            save_state(state_path, state)
    return model.eval()
