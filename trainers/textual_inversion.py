"""Textual Inversion (Gal et al. 2022): the token that lets the frozen model predict the noise of some images best.

    L = || eps - eps_theta(z_t, t, c(y)) ||^2

Squared norms are means over elements, as in public code.
Source: Interactive-Action (anonymous, 2025), Eq. 3 and 4; ADI (Huang et al. 2023), Eq. 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .trainable import Token


@dataclass(frozen=True)
class TextualInversionConfig(hp.Config):
    """Hyperparameters. Defaults: the authors' code for SD 1.x (the paper's are for another text encoder)."""

    steps: int = hp.steps(6100)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(5e-3)
    seed: int = hp.seed()
    initializer_token: str = hp.initializer_token("handling")
    timestep_sampling: str = hp.timestep_sampling("uniform")
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()
    max_embedding_norm: float = hp.max_embedding_norm()
    text_encoders: str = hp.text_encoders()


def textual_inversion(
    engine: Engine,
    dataset: InteractionDataset,
    config: TextualInversionConfig,
    loss_weights: torch.Tensor | None = None,
) -> DenoisingObjective:
    """Returns the objective: a token, and the denoising loss alone.

    Args:
        engine: the frozen model.
        dataset: images with their prompts.
        config: hyperparameters.
        loss_weights: (N, H, W), how much each pixel counts; None: the dataset's masks.
    """
    token = Token(
        engine,
        config.initializer_token,
        config.num_vectors,
        config.max_embedding_norm,
        text_encoders=config.text_encoders,
    )
    return DenoisingObjective(config, Batches(engine, dataset, config, loss_weights), token)
