"""Interactive-Action inversion (000): a token learns an interaction from simulated pictures, held back by a teacher.

    L = L_denoise + lambda_steer L_steer + lambda_distill L_distill                                   (Eq. 8)

L_denoise (Eq. 3, 4) asks the student, conditioned on "Subject v* Object", for the noise of a simulated picture.
L_steer (Eq. 5) is in ``steering``. L_distill asks the student to stay near the frozen teacher, conditioned on
"Subject and Object", for the same z_t, t and noise, so that neither subject nor object is lost.

Eq. 6 as printed conditions both on y_and; the student would then not depend on v* at all and the loss would be
zero. Public code and Figure 3 give the student y, with v*; that is followed. Public code also trains a LoRA in
the student and drops it afterwards; the text trains v* alone, and that is followed. Teacher and student
therefore share one U-Net.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import mse_loss

from ..errors import InteractiveActionError
from .reversion import ReVersionConfig, ReVersionLoss


@dataclass(frozen=True)
class InteractiveActionConfig(ReVersionConfig):
    """Hyperparameters; the defaults are the paper's (000, section 4.1), public code's where the paper is silent.

    start_word: not "and", the one bad choice: there the distillation loss and its gradient are exactly zero.
    """

    start_word: str = "handling"
    timestep_law: str = "high noise"
    lambda_distill: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        if self.lambda_distill < 0:
            raise InteractiveActionError("lambda_distill cannot be negative.")


class InteractiveActionLoss(ReVersionLoss):
    """Eq. 8."""

    def __init__(self, engine, dataset, config, loss_weights=None):
        super().__init__(engine, dataset, config, loss_weights)
        with torch.no_grad():
            prompts = sorted({prompt for group in dataset.prompts_and for prompt in group})
            self.teacher_contexts = {prompt: engine.encode_prompts([prompt]) for prompt in prompts}

    def terms(self, batch, z_t, student, v, generator):
        terms = super().terms(batch, z_t, student, v, generator)
        if self.config.lambda_distill > 0:
            with torch.no_grad():
                contexts = torch.cat([self.teacher_contexts[prompt] for prompt in batch.prompts_and])
                teacher = self.engine.predict_noise(z_t, batch.t, contexts)
            terms["distill"] = self.config.lambda_distill, mse_loss(student, teacher)  # Eq. 6, the student on y
        return terms
