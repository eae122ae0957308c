"""Custom Diffusion (Kumari et al. 2023): v*, and with it the keys and values of all cross-attentions.

These are the only weights through which words reach the image, about 5 % of the U-Net. The loss is DreamBooth's, with or
without a prior; the paper's prior are photographs found by their captions, here it is whatever images are given. One file
holds the token, another, which loads as a LoRA, the change of the weights; they belong together.
"""

from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from ..models.weight_files import CROSS_KEYS_AND_VALUES, Difference
from .dreambooth import TuningLoss
from .textual_inversion import TextualInversionConfig, TextualInversionLoss


@dataclass(frozen=True)
class CustomDiffusionConfig(TextualInversionConfig):
    """Hyperparameters; the defaults are those of the comparison in 001 (supplement B), and the authors' initializer token.

    learning_rate and weight_decay are for v* and the change of the weights alike.
    """

    steps: int = 2000
    learning_rate: float = 1e-5
    initializer_token: str = "ktn"
    prior_loss_weight: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.prior_loss_weight < 0:
            raise InteractiveActionError("prior_loss_weight cannot be negative.")
        if self.max_embedding_norm:
            raise InteractiveActionError(
                "The length of vectors cannot be limited while weights are trained. Set max_embedding_norm to 0."
            )


class CustomDiffusionLoss(TuningLoss):
    def __init__(self, engine, dataset, config, prior=None, loss_weights=None):
        super().__init__(engine, dataset, config, prior, loss_weights)
        self.change = Difference(engine, CROSS_KEYS_AND_VALUES)
        self.count = config.vectors * engine.width  # numbers of v*

    def start(self):
        """Flat (n * d + P,): v*, and no change of the weights."""
        vectors = TextualInversionLoss.start(self)
        return torch.cat([vectors.flatten(), super().start().to(vectors)])

    def token(self, trained):
        return trained[: self.count].view(-1, self.engine.width)

    def changes(self, trained):
        return trained[self.count :]
