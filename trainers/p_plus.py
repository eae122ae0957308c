"""P+ (Voynov et al. 2023): Textual Inversion with a token of its own for each cross-attention layer of the U-Net.

Coarse layers decide what happens where, fine ones how it looks; tokens learned for each of them can hold both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .trainable import LayerwiseToken


@dataclass(frozen=True)
class PPlusConfig(hp.Config):
    """Hyperparameters. Defaults: the paper's, as ADI (Huang et al. 2023, supplement B) reports them."""

    steps: int = hp.steps(500)
    batch_size: int = hp.batch_size(8)
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


def p_plus(
    engine: Engine, dataset: InteractionDataset, config: PPlusConfig, loss_weights: torch.Tensor | None = None
) -> DenoisingObjective:
    """Returns the objective: a layer-wise token, and the denoising loss alone. Arguments: ``textual_inversion``."""
    token = LayerwiseToken(engine, config.initializer_token, config.num_vectors, config.max_embedding_norm)
    return DenoisingObjective(config, Batches(engine, dataset, config, loss_weights), token)
