"""Custom Diffusion (Kumari et al. 2023): a token, and with it the keys and values of all cross-attentions.

These are the only weights through which words reach the image, about 5 % of the U-Net. The loss is DreamBooth's, with
or without a prior; the paper's prior are photographs found by their captions, here it is whatever images are given.
One file holds the token, another, which loads as a LoRA, the change of the weights; they belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.adapters import CROSS_KEYS_AND_VALUES, weight_delta
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .prior import prior_preservation
from .trainable import Token, TokenAndAdapter


@dataclass(frozen=True)
class CustomDiffusionConfig(hp.Config):
    """Hyperparameters. Defaults: the comparison in ADI (Huang et al. 2023, supplement B), the authors' first word.

    ``learning_rate`` and ``weight_decay`` are for the token and the change of the weights alike.
    """

    steps: int = hp.steps(2000)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(1e-5)
    seed: int = hp.seed()
    initializer_token: str = hp.initializer_token("ktn")
    timestep_sampling: str = hp.timestep_sampling("uniform")
    prior_loss_weight: float = hp.prior_loss_weight()
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()


def custom_diffusion(
    engine: Engine,
    dataset: InteractionDataset,
    config: CustomDiffusionConfig,
    class_images: InteractionDataset | None = None,
    loss_weights: torch.Tensor | None = None,
) -> DenoisingObjective:
    """Returns the objective.

    A token and keys and values, denoising and prior preservation. Arguments: ``dreambooth``.
    """
    batches = Batches(engine, dataset, config, loss_weights)
    token = Token(engine, config.initializer_token, config.num_vectors)
    trainable = TokenAndAdapter(token, weight_delta(engine, CROSS_KEYS_AND_VALUES), config.seed)
    return DenoisingObjective(config, batches, trainable, prior_preservation(engine, class_images, config))
