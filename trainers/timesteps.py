"""Which noise levels a token is trained at, and how much each counts.

What happens between things is decided at high noise, how they look at low noise. A token that is to learn the
first and not the second should therefore see mostly high timesteps.
"""

import math

import torch

from ..errors import InteractiveActionError

HIGH_NOISE_START = 0.55  # below this share of the schedule, images of lifting and of pushing cost the same loss


def _uniform(timesteps):
    """Every timestep alike: Textual Inversion's law."""
    return torch.ones(timesteps)


def _high_noise(timesteps):
    """Only the upper 45 % of the schedule, alike."""
    return (torch.arange(timesteps) >= HIGH_NOISE_START * timesteps).float()


def _cosine(timesteps, alpha=0.5):
    """p(t) ~ 1 - alpha cos(pi t / T): ReVersion's relation-focal importance sampling, 3 : 1 from end to end."""
    return 1 - alpha * torch.cos(math.pi * torch.arange(timesteps) / timesteps)


TIMESTEP_SAMPLING = {"high noise": _high_noise, "cosine": _cosine, "uniform": _uniform}


def timestep_weights(law, timesteps):
    """Unnormalized probabilities (timesteps,) of the law called ``law``."""
    if law not in TIMESTEP_SAMPLING:
        raise InteractiveActionError(
            f"There is no timestep sampling called {law!r}. Choose one of: {', '.join(TIMESTEP_SAMPLING)}."
        )
    return TIMESTEP_SAMPLING[law](timesteps)


def min_snr_weights(alphas_cumprod, gamma):
    """min(SNR, gamma) / SNR per timestep (T,): min-SNR weighting of a loss on the noise (Hang et al. 2023, Eq. 8 there).

    It keeps the low noise levels, of which there are many and which are easy, from outvoting the others. gamma 0: all ones.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    return torch.clamp(gamma / snr, max=1) if gamma else torch.ones_like(snr)
