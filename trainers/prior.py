"""Prior preservation (Ruiz et al.

2023): the loss on class images, which the model itself generated, holds it to what it knew.
"""

from __future__ import annotations

from typing import Any

import torch

from ..captions.dataset import InteractionDataset
from ..models.protocol import Engine
from .batches import Batches
from .objective import Step, Term


def prior_preservation(engine: Engine, class_images: InteractionDataset | None, config: Any) -> list[Term]:
    """Returns the term || eps' - eps_theta(z'_t', t', c(y_prior)) ||^2, or none without class images.

    Args:
        engine: the model; its U-Net is the adapted one while the term is computed.
        class_images: a dataset whose ``prompts_and`` are y_prior.
        config: with ``prior_loss_weight`` and what ``Batches`` needs.
    """
    if class_images is None:
        return []
    batches = Batches(engine, class_images, config)

    def loss(step: Step) -> torch.Tensor:
        batch = batches.sample_prior(step.generator)
        z_t = batches.z_t(batch)
        prediction = engine.predict_noise(z_t, batch.t, engine.encode_prompts(batch.prompts_and))
        error = (prediction - batches.target(batch)).square().mean((1, 2, 3))
        return (batches.min_snr_weights.to(z_t)[batch.t] * error).mean()

    return [Term("prior", config.prior_loss_weight, loss)]
