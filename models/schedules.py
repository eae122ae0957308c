"""Noise schedules: how noisy latents are made, what a network is asked about them, and how images are sampled.

A timestep t is the number of one of T noise levels, 0 the least noisy, whatever number the network itself is told. Two
kinds are in use. Stable Diffusion 1.x, 2.x and SDXL keep the variance of z_t and are trained here on the noise; today's
transformers walk a straight line from latents to noise and are trained on its velocity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from einops import rearrange

from .sampling import DDIM, Euler, Sampler


class Schedule(Protocol):
    """T noise levels, and what a prediction at each of them means."""

    def __len__(self) -> int:
        """T."""

    def add_noise(self, z_0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Returns noisy latents (B, C, h, w).

        Args:
            z_0: (B, C, h, w) latents.
            noise: (B, C, h, w).
            t: (B,) timesteps.
        """

    def target(self, z_0: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Returns what the network should predict of ``add_noise(z_0, noise, t)``: (B, C, h, w)."""

    def clean(self, z_t: torch.Tensor, prediction: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Returns the latents z_0 (B, C, h, w) that a prediction means."""

    def snr(self) -> torch.Tensor:
        """Returns the signal-to-noise ratio of each level (T,): squared signal over squared noise."""

    def min_snr_weights(self, gamma: float) -> torch.Tensor:
        """Returns min-SNR weights (T,) of a loss on the target; gamma 0: all ones.

        They keep the low noise levels, of which there are many and which are easy, from outvoting the others.
        Source: Hang et al. 2023, Eq. 8: min(SNR, gamma) on the predicted latents.
        """

    def sampler(self, steps: int) -> Sampler:
        """Returns the deterministic sampler of ``steps`` steps from nothing but noise to latents."""


@dataclass(frozen=True)
class VariancePreserving:
    """z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, with the noise eps as target.

    Args:
        alphas_cumprod: float32 (T,), abar.

    Source: Ho et al. 2020, Eq. 4; Interactive-Action (anonymous, 2025), Eq. 1.
    """

    alphas_cumprod: torch.Tensor

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def add_noise(self, z_0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """See ``Schedule.add_noise``."""
        abar = per_image(self.alphas_cumprod, t, z_0)
        return abar.sqrt() * z_0 + (1 - abar).sqrt() * noise

    def target(self, z_0: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Returns the noise."""
        return noise

    def noise_from_v(self, v: torch.Tensor, z_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Returns the eps (B, C, h, w) that a prediction of v = sqrt(abar) eps - sqrt(1 - abar) z_0 means.

        Source: Salimans & Ho 2022, appendix D, solved for eps.
        """
        abar = per_image(self.alphas_cumprod, t, z_t)
        return abar.sqrt() * v + (1 - abar).sqrt() * z_t

    def clean(self, z_t: torch.Tensor, prediction: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """See ``Schedule.clean``."""
        abar = per_image(self.alphas_cumprod, t, z_t)
        return (z_t - (1 - abar).sqrt() * prediction) / abar.sqrt()

    def snr(self) -> torch.Tensor:
        """See ``Schedule.snr``."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)

    def min_snr_weights(self, gamma: float) -> torch.Tensor:
        """Returns min(SNR, gamma) / SNR: an error of the noise is SNR times one of the latents."""
        snr = self.snr()
        return torch.clamp(gamma / snr, max=1) if gamma else torch.ones_like(snr)

    def sampler(self, steps: int) -> DDIM:
        """Returns DDIM with eta 0."""
        return DDIM.from_full_noise(self.alphas_cumprod, steps)


@dataclass(frozen=True)
class FlowMatching:
    """z_t = (1 - sigma_t) z_0 + sigma_t eps, with the velocity eps - z_0 as target.

    The levels are the model's own, shifted ones, so that a law of timesteps means what it means when images are drawn:
    with a shift of 3 the upper 45 % of the levels have sigma above 0.79.

    Args:
        sigmas: float32 (T,), rising, in 0..1.

    Source: Esser et al. 2024, section 2 and Eq. 23 for the shift; Liu et al. 2023.
    """

    sigmas: torch.Tensor

    def __len__(self) -> int:
        return len(self.sigmas)

    def add_noise(self, z_0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """See ``Schedule.add_noise``."""
        sigma = per_image(self.sigmas, t, z_0)
        return (1 - sigma) * z_0 + sigma * noise

    def target(self, z_0: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Returns the velocity.

        A loss on the noise would be (1 - sigma)^2 times the loss on it, and vanish where the action is decided.
        """
        return noise - z_0

    def clean(self, z_t: torch.Tensor, prediction: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """See ``Schedule.clean``."""
        return z_t - per_image(self.sigmas, t, z_t) * prediction

    def snr(self) -> torch.Tensor:
        """See ``Schedule.snr``."""
        return ((1 - self.sigmas) / self.sigmas).square()

    def min_snr_weights(self, gamma: float) -> torch.Tensor:
        """Returns sigma^2 min(SNR, gamma): an error of the latents is sigma times one of the velocity.

        At the highest noise they go to zero, where a plain loss on the velocity is full.
        """
        return self.sigmas.square() * self.snr().clamp(max=gamma) if gamma else torch.ones_like(self.sigmas)

    def sampler(self, steps: int) -> Euler:
        """Returns Euler's method."""
        return Euler.from_full_noise(self.sigmas, steps)


def per_image(levels: torch.Tensor, t: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Returns the levels (T,) at timesteps t (B,), on the latents' device: (B, 1, 1, 1)."""
    return rearrange(levels.to(latents.device)[t], "b -> b 1 1 1")
