"""Which noise levels are trained, and how much each counts.

What happens between things is decided at high noise, how they look at low noise. A token that is to learn the first and
not the second should therefore see mostly high timesteps.
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


TIMESTEP_SAMPLING: dict[str, Callable[[int], torch.Tensor]] = {
    "high noise": _high_noise,
    "cosine": _cosine,
    "uniform": _uniform,
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


def min_snr_weights(alphas_cumprod: torch.Tensor, gamma: float) -> torch.Tensor:
    """Returns min(SNR, gamma) / SNR per timestep (T,); gamma 0: all ones.

    It keeps the low noise levels, of which there are many and which are easy, from outvoting the others.
    Source: Hang et al. 2023, Eq. 8: min-SNR weighting of a loss on the noise.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    return torch.clamp(gamma / snr, max=1) if gamma else torch.ones_like(snr)
