"""P+ (Voynov et al. 2023): Textual Inversion with a token of its own for each cross-attention layer of the U-Net.

Coarse layers decide what happens where, fine ones how it looks; a token that is learned for each apart can hold both.
"""

from dataclasses import dataclass

from .textual_inversion import TextualInversionConfig, TextualInversionLoss


@dataclass(frozen=True)
class PPlusConfig(TextualInversionConfig):
    """Hyperparameters; the defaults are the paper's, as 001 (supplement B) reports them."""

    steps: int = 500
    batch_size: int = 8
    learning_rate: float = 5e-3


class PPlusLoss(TextualInversionLoss):
    def start(self):
        """Where v* begins: (L, n, d), every layer alike."""
        return super().start().repeat(self.engine.layers, 1, 1)
