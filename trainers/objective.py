"""What a training minimizes: parameters, batches, and a sum of terms; the one loop (``loop``) asks for its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ..captions.dataset import InteractionDataset
from ..models.contexts import Contexts
from ..models.protocol import Engine
from .batches import Batch, Batches
from .trainable import Trainable

Gradient = tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]


class Objective(Protocol):
    """What the loop needs of a method.

    config: the method's hyperparameters. trainable: the meaning of the parameters. batches: of the dataset.
    """

    config: Any
    trainable: Trainable
    batches: Batches

    @property
    def engine(self) -> Engine:
        """The model."""
        ...

    @property
    def dataset(self) -> InteractionDataset:
        """The images with their prompts."""
        ...

    def gradient(self, parameters: torch.Tensor, generator: torch.Generator) -> Gradient:
        """Returns (losses by name with their ``total``, gradient of the total, which elements may move: bool).

        The last two have the parameters' shape.
        """


@dataclass(frozen=True)
class Step:
    """What a term sees of one step.

    Args:
        batch: images, prompts, timesteps and noise.
        z_t: (B, C, h, w) noisy latents.
        prediction: (B, C, h, w) the student's, of the noise or the velocity.
        vectors: the new word's, with gradient.
        predict: contexts -> the student's prediction (B, C, h, w) for other prompts at the same z_t and t.
        generator: for what a term samples.
    """

    batch: Batch
    z_t: torch.Tensor
    prediction: torch.Tensor
    vectors: torch.Tensor
    predict: Callable[[Contexts], torch.Tensor]
    generator: torch.Generator


@dataclass(frozen=True)
class Term:
    """One part of the loss: ``weight`` times the scalar that ``loss`` gives for a step. A weight of 0 leaves it out."""

    name: str
    weight: float
    loss: Callable[[Step], torch.Tensor]


class DenoisingObjective:
    """L = L_denoise + sum of weight * term: the frame of every method but ADI.

    Args:
        config: the method's hyperparameters.
        batches: of the dataset.
        trainable: what is trained.
        terms: beside the denoising loss, in the order in which they take random numbers.
    """

    def __init__(self, config: Any, batches: Batches, trainable: Trainable, terms: Sequence[Term] = ()) -> None:
        self.config, self.batches, self.trainable = config, batches, trainable
        self.terms = [term for term in terms if term.weight > 0]

    @property
    def engine(self) -> Engine:
        """The model."""
        return self.batches.engine

    @property
    def dataset(self) -> InteractionDataset:
        """The images with their prompts."""
        return self.batches.dataset

    def losses(self, parameters: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Returns the losses by name on one random batch, and their weighted ``total``: scalars."""
        batch = self.batches.sample(generator)
        z_t = self.batches.z_t(batch)
        vectors = self.trainable.vectors(parameters)

        def predict(contexts: Contexts) -> torch.Tensor:
            with self.trainable.student(parameters):
                return self.engine.predict_noise(z_t, batch.t, contexts)

        prediction = predict(self.engine.encode_prompts(batch.prompts, vectors))
        step = Step(batch, z_t, prediction, vectors, predict, generator)
        losses = {"denoise": self.batches.denoising_loss(prediction, batch).mean()}
        losses |= {term.name: term.loss(step) for term in self.terms}
        total = losses["denoise"]
        for term in self.terms:
            total = total + term.weight * losses[term.name]
        return {**losses, "total": total}

    def gradient(self, parameters: torch.Tensor, generator: torch.Generator) -> Gradient:
        """Returns what ``Objective.gradient`` does."""
        scale = loss_scale(self.batches)
        with self.trainable.adapted(parameters):
            losses = self.losses(parameters, generator)
            (gradient,) = torch.autograd.grad(scale * losses["total"], [parameters])
        return losses, gradient / scale, torch.ones_like(parameters, dtype=torch.bool)


def loss_scale(batches: Batches) -> float:
    """Returns a power of two, and so exact, that undoes the losses' mean over elements.

    Half precision would lose the gradient of that mean.
    """
    return float(2.0 ** round(math.log2(math.prod(batches.latents.shape()))))
