"""Interactive-Action inversion (000): a token learns an interaction from simulated images, held back by a teacher.

    L = L_denoise + lambda_steer L_steer + lambda_distill L_distill                                   (Eq. 8)

L_denoise (Eq. 3, 4) asks the student, conditioned on "Subject v* Object", for the noise of a simulated image.
L_steer (Eq. 5) is in ``steering``. L_distill asks the student to stay near the frozen teacher, conditioned on
"Subject and Object", for the same z_t, t and noise, so that neither subject nor object is lost.

Eq. 6 as printed conditions both on y_and; the student would then not depend on v* at all and the loss would be
zero. Public code and Figure 3 give the student y, with v*; that is followed. Public code also trains a LoRA in
the student and drops it afterwards; the text trains v* alone, and that is followed, so that teacher and student
share one U-Net. Both can be turned round: ``auxiliary_lora_rank`` 4 trains that LoRA, too, and with it ``literal_eq6``
has something to hold back.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import mse_loss

from ..errors import InteractiveActionError
from ..models.lora import AuxiliaryLoRA
from .reversion import ReVersionConfig, ReVersionLoss


@dataclass(frozen=True)
class InteractiveActionConfig(ReVersionConfig):
    """Hyperparameters; the defaults are the paper's (000, section 4.1), public code's where the paper is silent.

    initializer_token: not "and", the one bad choice: there the distillation loss and its gradient are exactly zero.
    auxiliary_lora_rank: of a LoRA in the student's attention that is trained with v* and dropped; 0 leaves it out, public code has 4.
    literal_eq6: give student and teacher y_and, as Eq. 6 is printed; only the auxiliary LoRA is then distilled.
    """

    initializer_token: str = "handling"
    timestep_sampling: str = "high noise"
    lambda_distill: float = 0.2
    auxiliary_lora_rank: int = 0
    literal_eq6: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.auxiliary_lora_rank < 0:
            raise InteractiveActionError(
                f"auxiliary_lora_rank is {self.auxiliary_lora_rank}. It cannot be negative; 0 leaves the auxiliary LoRA out."
            )
        if self.literal_eq6 and not self.auxiliary_lora_rank:
            raise InteractiveActionError(
                "Eq. 6 as it is printed does not depend on v*, so that without an auxiliary LoRA it would do nothing. Set auxiliary_lora_rank "
                "to 4, or literal_eq6 to off."
            )
        if self.auxiliary_lora_rank and self.max_embedding_norm:
            raise InteractiveActionError(
                "The length of vectors cannot be limited while an auxiliary LoRA is trained. Set max_embedding_norm to 0."
            )
        if self.lambda_distill < 0:
            raise InteractiveActionError("lambda_distill cannot be negative.")


class InteractiveActionLoss(ReVersionLoss):
    """Eq. 8."""

    def __init__(self, engine, dataset, config, loss_weights=None):
        super().__init__(engine, dataset, config, loss_weights)
        with torch.no_grad():
            prompts = sorted({prompt for group in dataset.prompts_and for prompt in group})
            self.teacher_contexts = {prompt: engine.encode_prompts([prompt]) for prompt in prompts}
        self.auxiliary_lora = (
            AuxiliaryLoRA(engine.attention_projections(), config.auxiliary_lora_rank)
            if config.auxiliary_lora_rank
            else None
        )

        self.count = config.vectors * engine.width  # numbers of v*

    def start(self):
        """v* alone (n, d), or flat (n * d + P,) with the auxiliary LoRA's weights behind it."""
        vectors = super().start()
        if not self.auxiliary_lora:
            return vectors
        weights = self.auxiliary_lora.start(torch.Generator().manual_seed(self.config.seed))
        return torch.cat([vectors.flatten(), weights.to(vectors)])

    def token(self, trained):
        return trained[: self.count].view(-1, self.engine.width) if self.auxiliary_lora else trained

    def predict(self, z_t, t, context, trained):
        if not self.auxiliary_lora:
            return super().predict(z_t, t, context, trained)
        with self.auxiliary_lora.active(trained[self.count :]):
            return super().predict(z_t, t, context, trained)

    def terms(self, batch, z_t, student, trained, generator):
        terms = super().terms(batch, z_t, student, trained, generator)
        if self.config.lambda_distill > 0:
            contexts = torch.cat([self.teacher_contexts[prompt] for prompt in batch.prompts_and])
            with torch.no_grad():
                teacher = self.engine.predict_noise(z_t, batch.t, contexts)
            if self.config.literal_eq6:
                student = self.predict(z_t, batch.t, contexts, trained)
            terms["distill"] = self.config.lambda_distill, mse_loss(student, teacher)  # Eq. 6
        return terms
