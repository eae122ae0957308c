"""ReVersion-type steering (Huang et al. 2023b): Textual Inversion whose token is pulled towards words of its kind.

    L = L_denoise + lambda_steer L_steer

L_steer is in ``steering``. ReVersion's own word list is of prepositions and not free; the words here are the user's,
or those of ``captions.words``. Its code multiplies the paper's learning rate by batch and accumulation (2.5e-4 becomes
2e-3, over 8 images); the paper's numbers are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .steering import check_steering, gamma, lambda_steer, negative_words, positives_per_image, steering, steering_words
from .trainable import Token


@dataclass(frozen=True)
class ReVersionConfig(hp.Config):
    """Hyperparameters. Defaults: the paper's."""

    steps: int = hp.steps(3000)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(2.5e-4)
    seed: int = hp.seed()
    initializer_token: str = hp.initializer_token("and")
    timestep_sampling: str = hp.timestep_sampling("cosine")
    steering_words: tuple[str, ...] = steering_words()
    negative_words: tuple[str, ...] = negative_words()
    lambda_steer: float = lambda_steer(0.01)
    gamma: float = gamma(0.07)
    positives_per_image: int = positives_per_image(4)
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()
    max_embedding_norm: float = hp.max_embedding_norm()
    text_encoders: str = hp.text_encoders()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steering(self)


def reversion(
    engine: Engine, dataset: InteractionDataset, config: ReVersionConfig, loss_weights: torch.Tensor | None = None
) -> DenoisingObjective:
    """Returns the objective: a token, denoising and steering. Arguments: ``textual_inversion``."""
    token = Token(
        engine,
        config.initializer_token,
        config.num_vectors,
        config.max_embedding_norm,
        text_encoders=config.text_encoders,
    )
    batches = Batches(engine, dataset, config, loss_weights)
    return DenoisingObjective(config, batches, token, [steering(engine, dataset, config)])
