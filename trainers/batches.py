"""What one step of training sees: images, prompts, timesteps and noise; and the denoising loss on it.

With one seed every method sees the same images, prompts, timesteps and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from einops import rearrange
from torch.nn.functional import adaptive_avg_pool2d

from ..captions.dataset import InteractionDataset
from ..errors import InteractiveActionError
from ..models.protocol import Engine
from .latents import Latents
from .timesteps import timestep_weights

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Args:
        index: (B,) the images' numbers in the dataset.
        t: (B,) timesteps.
        posterior_noise: (B, C, h, w) that picks a latent from the autoencoder's posterior.
        noise: (B, C, h, w) that is added to it.
        prompts: B prompts with the new word.
        prompts_and: B prompts with "and" in its place.
    """

    index: torch.Tensor
    t: torch.Tensor
    posterior_noise: torch.Tensor
    noise: torch.Tensor
    prompts: list[str]
    prompts_and: list[str]


class Batches:
    """Random batches of a dataset. Everything that does not depend on what is trained is computed once.

    Args:
        engine: the frozen model.
        dataset: N images with their prompts.
        config: with ``batch_size``, ``timestep_sampling`` and ``min_snr_gamma``.
        loss_weights: (N, H, W) or N tensors (H, W), how much each pixel counts; None: the dataset's masks.
        sampled: (T,) unnormalized probabilities of timesteps; None: those of the config's ``timestep_sampling``.
    """

    def __init__(
        self,
        engine: Engine,
        dataset: InteractionDataset,
        config: Any,
        loss_weights: torch.Tensor | Sequence[torch.Tensor] | None = None,
        sampled: torch.Tensor | None = None,
    ) -> None:
        self.engine, self.dataset, self.size = engine, dataset, config.batch_size
        self.latents = Latents(engine, dataset.images)
        if sampled is None:
            sampled = timestep_weights(config.timestep_sampling, len(engine.schedule))
        self.timestep_weights = sampled
        self.min_snr_weights = engine.schedule.min_snr_weights(config.min_snr_gamma)
        loss_weights = dataset.masks if loss_weights is None else loss_weights
        self.loss_weights = None if loss_weights is None else self._latent_weights(loss_weights)

    def sample(self, generator: torch.Generator) -> Batch:
        """Returns a random batch. Methods sample it first and whole, so that one seed shows all of them the same."""
        index, t, posterior_noise, noise = self._sample_noise(generator)
        prompts = [choice(self.dataset.prompts[i], generator) for i in index]
        prompts_and = [choice(self.dataset.prompts_and[i], generator) for i in index]
        return Batch(index, t, posterior_noise, noise, prompts, prompts_and)

    def sample_prior(self, generator: torch.Generator) -> Batch:
        """Returns a random batch of images of a prior, for which only the prompts without the new word count."""
        index, t, posterior_noise, noise = self._sample_noise(generator)
        return Batch(
            index, t, posterior_noise, noise, [], [choice(self.dataset.prompts_and[i], generator) for i in index]
        )

    def z_t(self, batch: Batch, latents: tuple[torch.Tensor, torch.Tensor] | None = None) -> torch.Tensor:
        """Returns the noisy latents (B, C, h, w) of a batch.

        Args:
            batch: whose noise and timesteps are used.
            latents: mean and standard deviation of other images' posteriors; those of the batch's images if None.
        """
        return self.engine.schedule.add_noise(self._z_0(batch, latents), batch.noise, batch.t)

    def target(self, batch: Batch, latents: tuple[torch.Tensor, torch.Tensor] | None = None) -> torch.Tensor:
        """Returns what the network should predict of ``z_t(batch, latents)``: (B, C, h, w)."""
        return self.engine.schedule.target(self._z_0(batch, latents), batch.noise)

    def denoising_loss(
        self, prediction: torch.Tensor, batch: Batch, latents: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Returns the squared error (B,) of a prediction, weighted and averaged over each image's elements.

        Args:
            prediction: (B, C, h, w) of the noise, or of the velocity where the model's schedule has it.
            batch: whose noise and timesteps were used.
            latents: as ``z_t`` got them.

        Source: Interactive-Action (anonymous, 2025), Eq. 3 and 4; ADI (Huang et al. 2023), Eq. 1.
        """
        error = (prediction - self.target(batch, latents)).square()
        if self.loss_weights is not None:
            error = error * torch.stack([self.loss_weights[i] for i in batch.index]).to(error)
        return self.min_snr_weights.to(error)[batch.t] * error.mean((1, 2, 3))

    def _z_0(self, batch: Batch, latents: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor:
        mean, std = self.latents[batch.index] if latents is None else latents
        device = self.engine.device
        return mean.to(device) + std.to(device) * batch.posterior_noise

    def _sample_noise(
        self, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        size, device = self.size, self.engine.device
        index = self.latents.sample(size, generator)
        t = torch.multinomial(self.timestep_weights, size, replacement=True, generator=generator).to(device)
        shape = self.latents.shape(int(index[0]))
        posterior_noise, noise = torch.randn((2, size, *shape), generator=generator).to(device)
        return index, t, posterior_noise, noise

    def _latent_weights(self, weights: torch.Tensor | Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """(1, h, w) for each image, with mean 1, so that the weighted mean is of the size of the plain one."""
        if len(weights) != len(self.dataset):
            raise InteractiveActionError(
                f"There are {len(weights)} masks for {len(self.dataset)} images. Give each image one."
            )
        pooled = []
        for index, mask in enumerate(weights):
            _, height, width = self.latents.shape(index)
            pooled.append(adaptive_avg_pool2d(rearrange(mask, "h w -> 1 h w").float(), (height, width)))
        for index, mask in enumerate(pooled):
            if mask.mean() <= 0:
                raise InteractiveActionError(f"The mask of image {index} is empty. Mask some of each image.")
        return [mask / mask.mean() for mask in pooled]


def choice(group: Sequence[T], generator: torch.Generator) -> T:
    """Returns a random element of a tuple or tensor."""
    return group[int(torch.randint(len(group), (), generator=generator))]
