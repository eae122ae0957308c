"""DreamBooth (Ruiz et al. 2023): the U-Net learns what an instance token means; nothing of the vocabulary is trained.

    L = || eps - eps_theta(z_t, t, c(y)) ||^2 + prior_loss_weight || eps' - eps_theta(z'_t', t', c(y_prior)) ||^2

with the instance token, a word that the model hardly knows, in the new word's place. The second term is in ``prior``.
What is learned of the U-Net is a LoRA or, with rank 0, any change of all its weights. It loads as a LoRA in stock
nodes, and the instance token is written in prompts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.adapters import attention_lora, weight_delta
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .prior import prior_preservation
from .trainable import AdapterOfWord


@dataclass(frozen=True)
class DreamBoothConfig(hp.Config):
    """Hyperparameters. Defaults: the comparison in ADI (Huang et al. 2023, supplement B), which trained every weight.

    ``weight_decay`` pulls the change of the weights, not the weights, to nothing.
    """

    steps: int = hp.steps(1000)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(5e-5)
    seed: int = hp.seed()
    instance_token: str = hp.parameter(
        "sks",
        "The word that comes to mean the action, put in the new word's place: one that the model hardly knows.",
        label="instance token",
    )
    timestep_sampling: str = hp.timestep_sampling("uniform")
    rank: int = hp.parameter(
        4,
        "Rank of the LoRA on the attentions. 0 changes the whole U-Net: stronger, and needs ten times its memory.",
        minimum=0,
        maximum=256,
    )
    prior_loss_weight: float = hp.prior_loss_weight()
    weight_decay: float = hp.weight_decay()
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()


def dreambooth(
    engine: Engine,
    dataset: InteractionDataset,
    config: DreamBoothConfig,
    class_images: InteractionDataset | None = None,
    loss_weights: torch.Tensor | None = None,
) -> DenoisingObjective:
    """Returns the objective: an adapter of the U-Net, denoising and prior preservation.

    Args:
        engine: the model.
        dataset: images with their prompts.
        config: hyperparameters.
        class_images: images that the model generated for their ``prompts_and``; None leaves the prior out.
        loss_weights: (N, H, W), how much each pixel counts; None: the dataset's masks.
    """
    batches = Batches(engine, dataset, config, loss_weights)
    adapter = attention_lora(engine, config.rank) if config.rank else weight_delta(engine)
    trainable = AdapterOfWord(engine, config.instance_token, adapter, config.seed)
    return DenoisingObjective(config, batches, trainable, prior_preservation(engine, class_images, config))
