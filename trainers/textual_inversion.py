"""Textual Inversion (Gal et al. 2022): the token that lets the frozen model predict the noise of some images best.

    L = || eps - eps_theta(z_t, t, c(y)) ||^2                                        (000, Eq. 3 and 4; 001, Eq. 1)

It is also the trunk of the other methods, each of which adds what its own file says. With one seed all of them
see the same images, prompts, timesteps and noise. Squared norms are means over elements, as in public code.
"""

import contextlib
import math
from dataclasses import asdict, dataclass

import torch
from torch.nn.functional import adaptive_avg_pool2d

from ..errors import InteractiveActionError
from ..models.protocol import add_noise
from .latents import Latents
from .timesteps import min_snr_weights, timestep_weights


@dataclass(frozen=True)
class TextualInversionConfig:
    """Hyperparameters; the defaults are those of the authors' code for SD 1.x (the paper's are for another text encoder).

    initializer_token: v* begins at this word's vector. timestep_sampling: a name of ``timesteps.TIMESTEP_SAMPLING``.
    vectors: how many vectors v* has. accumulation: batches of ``batch_size`` whose gradients are averaged for one step.
    min_snr_gamma: of min-SNR weighting; 0 leaves it out. ema_decay: the token is this running average of the vectors
    instead of the last ones; 0 leaves it out. max_embedding_norm: how long a vector may become, in lengths of the initializer token's; 0
    sets no limit.
    """

    steps: int = 6100
    batch_size: int = 2
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    initializer_token: str = "handling"
    timestep_sampling: str = "uniform"
    vectors: int = 1
    seed: int = 0
    grad_accumulation_steps: int = 1
    min_snr_gamma: float = 0.0
    ema_decay: float = 0.0
    max_embedding_norm: float = 0.0

    def __post_init__(self):
        for name in ("steps", "batch_size", "vectors", "grad_accumulation_steps"):
            if getattr(self, name) < 1:
                raise InteractiveActionError(f"{name} is {getattr(self, name)}. It must be at least 1.")
        if not self.learning_rate > 0:
            raise InteractiveActionError("learning_rate must be above 0.")
        if min(self.weight_decay, self.min_snr_gamma, self.max_embedding_norm) < 0:
            raise InteractiveActionError("weight_decay, min_snr_gamma and max_embedding_norm cannot be negative.")
        if not 0 <= self.ema_decay < 1:
            raise InteractiveActionError(f"ema_decay is {self.ema_decay}. It must be at least 0 and below 1.")
        timestep_weights(self.timestep_sampling, 1)

    def as_dict(self):
        return asdict(self)


@dataclass(frozen=True)
class Batch:
    """What one step sees: indices (B,) of images, timesteps t (B,), posterior and noise (B, C, h, w), two prompts an image."""

    index: torch.Tensor
    t: torch.Tensor
    posterior: torch.Tensor
    noise: torch.Tensor
    prompts: list[str]
    prompts_and: list[str]


class TextualInversionLoss:
    """The loss over random batches of a dataset. Everything that does not depend on v* is computed once.

    loss_weights: (N, H, W) or N tensors, how much each pixel of each image counts, for example a mask; None: the dataset's masks.
    learns_token: whether v* is trained, or, with ``lora``, the U-Net alone.
    """

    learns_token = True

    def __init__(self, engine, dataset, config, loss_weights=None):
        self.engine, self.dataset, self.config = engine, dataset, config
        self.latents = Latents(engine, dataset.images)
        self.timestep_weights = timestep_weights(config.timestep_sampling, len(engine.alphas_cumprod))
        self.min_snr_weights = min_snr_weights(engine.alphas_cumprod, config.min_snr_gamma)
        loss_weights = dataset.masks if loss_weights is None else loss_weights
        self.loss_weights = None if loss_weights is None else self._latent_weights(loss_weights)

    def __call__(self, trained, generator):
        """The losses on one batch drawn with ``generator``: dict of scalars and their weighted ``total``.

        trained: what ``start`` begins with; v* unless a method trains something beside it.
        """
        batch = self.draw(generator)
        z_t = self.noisy(*self.latents[batch.index], batch)
        context = self.engine.encode_prompts(batch.prompts, self.token(trained))
        student = self.predict(z_t, batch.t, context, trained)
        terms = self.terms(batch, z_t, student, trained, generator)
        total = sum(weight * loss for weight, loss in terms.values())
        return {**{name: loss for name, (_, loss) in terms.items()}, "total": total}

    def predict(self, z_t, t, context, trained):
        """The student's noise (B, C, h, w)."""
        return self.engine.predict_noise(z_t, t, context)

    def terms(self, batch, z_t, student, trained, generator):
        """The parts of the loss by name: (weight, scalar). student: (B, C, h, w), the noise predicted with v*."""
        return {"denoise": (1.0, self.denoise(student, batch).mean())}

    def gradient(self, trained, generator):
        """(losses as ``__call__``, the gradient of their total, which channels may move: bool), both shaped as ``trained``."""
        with self.changed(trained):
            losses = self(trained, generator)
            (gradient,) = torch.autograd.grad(self.scale * losses["total"], [trained])
        return losses, gradient / self.scale, torch.ones_like(trained, dtype=torch.bool)

    @property
    def scale(self):
        """What undoes the losses' mean over elements, whose gradient half precision would lose: a power of two, and so exact."""
        return 2.0 ** round(math.log2(math.prod(self.latents.shape())))

    def changed(self, trained):
        """While this lasts, the engine's U-Net is what ``trained`` makes of it: unchanged, save with methods that train its weights."""
        return contextlib.nullcontext()

    def lora(self, trained):
        """The tensors of a LoRA file with what is trained of the U-Net's weights; empty where none is."""
        return {}

    def token(self, trained):
        """The vectors of v* in what is trained: (n, d), or (L, n, d) where they are layer-wise."""
        return trained

    def start(self):
        """Where v* begins: (n, d), the initializer token's own vectors if it has n, otherwise their mean n times."""
        vectors = self.engine.word_vectors(self.config.initializer_token)
        if len(vectors) == 0:
            raise InteractiveActionError(
                "The initializer token is empty. Write a vague word for an interaction, such as 'handling'."
            )
        if len(vectors) != self.config.vectors:
            vectors = vectors.mean(0, keepdim=True).repeat(self.config.vectors, 1)
        return vectors.detach().float().clone()

    def draw(self, generator):
        """A random batch. Every method draws it first and whole, so that one seed shows all of them the same."""
        index, *drawn = self.draw_from(self.latents, generator)
        prompts = [choice(self.dataset.prompts[i], generator) for i in index]
        prompts_and = [choice(self.dataset.prompts_and[i], generator) for i in index]
        return Batch(index, *drawn, prompts, prompts_and)

    def draw_from(self, latents, generator):
        """The first four of a ``Batch``, of images with these ``latents``."""
        size, device = self.config.batch_size, self.engine.device
        index = latents.draw(size, generator)
        t = torch.multinomial(self.timestep_weights, size, replacement=True, generator=generator).to(device)
        posterior, noise = torch.randn((2, size, *latents.shape(index[0].item())), generator=generator).to(device)
        return index, t, posterior, noise

    def noisy(self, mean, std, batch):
        """z_t (B, C, h, w) of latents with these moments, with the batch's draw from the posterior, its noise and its t."""
        z_0 = mean.to(self.engine.device) + std.to(self.engine.device) * batch.posterior
        return add_noise(self.engine, z_0, batch.noise, batch.t)

    def denoise(self, predicted, batch):
        """Eq. 3, 4 per image (B,), of the noise that was predicted."""
        error = (predicted - batch.noise).square()
        if self.loss_weights is not None:
            error = error * torch.stack([self.loss_weights[i] for i in batch.index]).to(error)
        return self.min_snr_weights.to(error)[batch.t] * error.mean((1, 2, 3))

    def _latent_weights(self, weights):
        """(1, h, w) for each image, with mean 1, so that the weighted mean is of the size of the plain one."""
        if len(weights) != len(self.dataset):
            raise InteractiveActionError(
                f"There are {len(weights)} masks for {len(self.dataset)} images. Give each image one."
            )
        weights = [
            adaptive_avg_pool2d(own[None].float(), self.latents.shape(index)[1:]) for index, own in enumerate(weights)
        ]
        for index, own in enumerate(weights):
            if own.mean() <= 0:
                raise InteractiveActionError(f"The mask of image {index} is empty. Mask some of each image.")
        return [own / own.mean() for own in weights]


def choice(group, generator):
    """One of a tuple or tensor."""
    return group[torch.randint(len(group), (), generator=generator)]
