"""Samplers: from noise to latents down a model's noise schedule. One DDIM, one Euler, and guidance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from ..tokens.noise_gate import EVERYWHERE, NoiseGate, bands, share_done
from .contexts import Contexts, concatenate, of_as_many_layers

if TYPE_CHECKING:
    from .protocol import Engine

NoisePredictor = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x (B, C, h, w), t (B,)) -> eps (B, C, h, w)."""


class Sampler(Protocol):
    """From noise to latents."""

    def sample(self, predict: NoisePredictor, x: torch.Tensor) -> torch.Tensor:
        """Returns the latents (B, C, h, w) that noise ``x`` leads to, deterministically.

        Args:
            predict: the network, with guidance if there is any: (x, timesteps (B,)) -> the schedule's target.
            x: (B, C, h, w) noise.
        """


@dataclass(frozen=True)
class DDIM:
    """K steps of DDIM as Gaussians: x_{k+1} ~ N(mean(x_k), sigma_k^2), k = 0 the noisiest.

    Args:
        timesteps: (K,) where the network is asked, falling.
        abar: (K,) alphas_cumprod at these timesteps.
        abar_next: (K,) alphas_cumprod that each step leads to.
        sigma: (K,) standard deviations; 0 is deterministic. The last three are of one dtype and device.

    Source: Song et al. 2021, Eq. 12 and 16.
    """

    timesteps: torch.Tensor
    abar: torch.Tensor
    abar_next: torch.Tensor
    sigma: torch.Tensor

    @classmethod
    def leading(cls, alphas_cumprod: torch.Tensor, steps: int, eta: float = 0.0) -> DDIM:
        """Returns steps at equal distances that end at 1: diffusers' spacing "leading" with offset 1, ComfyUI's ddim.

        The last step leads to timestep 0, whose noise is not zero, so that with eta > 0 every step has a density.

        Args:
            alphas_cumprod: (T,).
            steps: K, up to T / 2.
            eta: 0: deterministic; 1: as much noise as DDPM.

        Raises:
            InteractiveActionError: the schedule has not so many steps.
        """
        count = len(alphas_cumprod)
        if not 1 <= steps <= count // 2:
            raise InteractiveActionError(f"There are {steps} denoising steps. Give 1 to {count // 2}.")
        stride = count // steps
        timesteps = torch.arange(steps - 1, -1, -1) * stride + 1
        abar, abar_next = alphas_cumprod[timesteps], alphas_cumprod[(timesteps - stride).clamp(min=0)]
        variance = (1 - abar_next) / (1 - abar) * (1 - abar / abar_next)
        return cls(timesteps, abar, abar_next, eta * variance.sqrt())

    @classmethod
    def from_full_noise(cls, alphas_cumprod: torch.Tensor, steps: int) -> DDIM:
        """Returns deterministic steps at equal distances from the noisiest timestep to latents without noise.

        Args:
            alphas_cumprod: (T,). It may end in nothing but noise: zeros count as 1e-7.
            steps: K.
        """
        alphas_cumprod = alphas_cumprod.clamp(min=1e-7)
        timesteps = torch.linspace(len(alphas_cumprod) - 1, 0, steps + 1).round().long()[:-1]
        abar = alphas_cumprod[timesteps]
        return cls(timesteps, abar, torch.cat([abar[1:], torch.ones_like(abar[:1])]), torch.zeros_like(abar))

    def __len__(self) -> int:
        return len(self.timesteps)

    def mean(self, x: torch.Tensor, noise: torch.Tensor, k: int) -> torch.Tensor:
        """Returns the Gaussian's mean (B, ...) at x_k, given the predicted noise."""
        abar, abar_next = self.abar[k], self.abar_next[k]
        x_0 = (x - (1 - abar).sqrt() * noise) / abar.sqrt()
        return abar_next.sqrt() * x_0 + (1 - abar_next - self.sigma[k].square()).clamp(min=0).sqrt() * noise

    def trajectory(
        self, predict: NoisePredictor, x: torch.Tensor, generator: torch.Generator | None = None
    ) -> Iterator[torch.Tensor]:
        """Yields x_1, ..., x_K, each (B, C, h, w): the last are latents.

        Args:
            predict: the network, with guidance if there is any.
            x: (B, C, h, w) noise, x_0.
            generator: on the CPU, of the steps' noise; None: sigma must be 0.
        """
        for k in range(len(self)):
            noise = predict(x, self.timesteps[k].expand(len(x)).to(x.device))
            x = self.mean(x, noise, k)
            if generator is not None:
                x = x + self.sigma[k] * torch.randn(x.shape, generator=generator).to(x)
            yield x

    def sample(self, predict: NoisePredictor, x: torch.Tensor) -> torch.Tensor:
        """Returns the latents (B, C, h, w) that noise ``x`` leads to, deterministically."""
        for latents in self.trajectory(predict, x):
            x = latents
        return x


@dataclass(frozen=True)
class Euler:
    """K steps of Euler's method along a flow: x + (sigma_next - sigma) v, k = 0 the noisiest.

    Args:
        timesteps: (K,) where the network is asked, falling.
        sigmas: (K,) noise at these timesteps.
        sigmas_next: (K,) noise that each step leads to.

    Source: Liu et al. 2023, section 2.1.
    """

    timesteps: torch.Tensor
    sigmas: torch.Tensor
    sigmas_next: torch.Tensor

    @classmethod
    def from_full_noise(cls, sigmas: torch.Tensor, steps: int) -> Euler:
        """Returns steps at equal distances from the noisiest timestep to latents without noise.

        Args:
            sigmas: (T,) of a flow, rising.
            steps: K.
        """
        timesteps = torch.linspace(len(sigmas) - 1, 0, steps + 1).round().long()[:-1]
        levels = sigmas[timesteps]
        return cls(timesteps, levels, torch.cat([levels[1:], torch.zeros_like(levels[:1])]))

    def __len__(self) -> int:
        return len(self.timesteps)

    def sample(self, predict: NoisePredictor, x: torch.Tensor) -> torch.Tensor:
        """See ``Sampler.sample``."""
        for t, sigma, sigma_next in zip(self.timesteps, self.sigmas, self.sigmas_next):
            x = x + (sigma_next - sigma).to(x) * predict(x, t.expand(len(x)).to(x.device))
        return x


def guided(unconditional: torch.Tensor, conditional: torch.Tensor, cfg: float) -> torch.Tensor:
    """Returns the noise (B, C, h, w) by classifier-free guidance.

    Args:
        unconditional: the noise for the empty prompt.
        conditional: the noise for the prompt.
        cfg: guidance scale; 1 is the prompt's noise alone.

    Source: Ho & Salimans 2022, Eq. 6, in the form in which 1 and not 0 means no guidance.
    """
    return unconditional + cfg * (conditional - unconditional)


ContextBand = tuple[float, float, Contexts]
"""From which to which share of the sampling (0..1) contexts act, and the contexts of 2N prompts."""


def prompt_contexts(
    engine: Engine, prompts: Sequence[str], vectors: torch.Tensor | None = None, gate: NoiseGate = EVERYWHERE
) -> list[ContextBand]:
    """Returns the contexts of N empty prompts, then of N prompts, for each band of noise levels.

    Args:
        engine: encodes.
        prompts: N texts.
        vectors: (n, d) or (L, n, d) that stand where the placeholder is written; None: there is none.
        gate: where these act; elsewhere its plain word stands in their place.
    """
    parts = []
    for start, end in bands([gate]):
        learned = gate.acts_at((start + end) / 2)
        texts = list(prompts) if learned else [text.replace(PLACEHOLDER, gate.plain_word) for text in prompts]
        # of both as many layers, where there are layers
        encoded = [engine.encode_prompts(group, vectors if learned else None) for group in ([""] * len(texts), texts)]
        parts.append((start, end, concatenate(of_as_many_layers(*encoded))))
    return parts


@torch.no_grad()
def sample(
    engine: Engine, noise: torch.Tensor, contexts: Sequence[ContextBand], steps: int, cfg: float
) -> torch.Tensor:
    """Returns latents (N, C, h, w) by the engine's deterministic sampler with classifier-free guidance.

    Args:
        engine: the model and its schedule.
        noise: (N, C, h, w).
        contexts: of ``prompt_contexts``.
        steps: denoising steps.
        cfg: guidance scale.

    Source: Song et al. 2021, eta = 0, for noise; Liu et al. 2023 for velocity; Ho & Salimans 2022.
    """
    timesteps = len(engine.schedule)

    def predict(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        done = share_done(t[0].item(), timesteps)
        now = next(context for start, end, context in contexts if start <= done <= end)
        unconditional, conditional = engine.predict_noise(torch.cat([z, z]), torch.cat([t, t]), now).chunk(2)
        return guided(unconditional, conditional, cfg)

    return engine.schedule.sampler(steps).sample(predict, noise.to(engine.device))
