"""Which noise levels are trained.

What happens between things is decided at high noise, how they look at low noise. A token that is to learn the first and
not the second should therefore see mostly high timesteps. Levels are the model's own: where a flow's schedule is
shifted, so is what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..errors import InteractiveActionError

HIGH_NOISE_START = 0.55  # below this share of the schedule, images of lifting and of pushing cost the same loss


def _uniform(timesteps: int) -> torch.Tensor:
    """Every timestep alike, as Textual Inversion has it."""
    return torch.ones(timesteps)


def _high_noise(timesteps: int) -> torch.Tensor:
    """Only the upper 45 % of the schedule, alike."""
    return (torch.arange(timesteps) >= HIGH_NOISE_START * timesteps).float()


def _cosine(timesteps: int, alpha: float = 0.5) -> torch.Tensor:
    """p(t) ~ 1 - alpha cos(pi t / T): ReVersion's relation-focal importance sampling, 3 : 1 from end to end."""
    return 1 - alpha * torch.cos(math.pi * torch.arange(timesteps) / timesteps)


def _logit_normal(timesteps: int) -> torch.Tensor:
    """The logit of the level is standard normal: the middle of a flow, as Stable Diffusion 3 has it.

    Source: Esser et al. 2024, Eq. 19 with m = 0 and s = 1.
    """
    level = (torch.arange(timesteps) + 0.5) / timesteps
    return torch.exp(-level.logit().square() / 2) / (level * (1 - level))


TIMESTEP_SAMPLING: dict[str, Callable[[int], torch.Tensor]] = {
    "high noise": _high_noise,
    "cosine": _cosine,
    "uniform": _uniform,
    "logit-normal": _logit_normal,
}


def timestep_weights(sampling: str, timesteps: int) -> torch.Tensor:
    """Returns unnormalized probabilities (timesteps,) of one of ``TIMESTEP_SAMPLING``.

    Raises:
        InteractiveActionError: there is none of this name.
    """
    if sampling not in TIMESTEP_SAMPLING:
        raise InteractiveActionError(
            f"There is no timestep sampling called {sampling!r}. Choose one of: {', '.join(TIMESTEP_SAMPLING)}."
        )
    return TIMESTEP_SAMPLING[sampling](timesteps)
