"""Interactive-Action inversion: a token learns an interaction from simulated images, held back by a teacher.

    L = L_denoise + lambda_steer L_steer + lambda_distill L_distill                                   (Eq. 8)

L_denoise (Eq. 3, 4) asks the student, conditioned on "Subject v* Object", for the noise of a simulated image.
L_steer (Eq. 5) is in ``steering``. L_distill (Eq. 6) asks the student to stay near the frozen teacher, conditioned on
"Subject and Object", for the same z_t, t and noise, so that neither subject nor object is lost.

Eq. 6 as printed conditions both on y_and; the student would then not depend on v* at all and the loss would be zero.
Public code and Figure 3 give the student y, with v*; that is followed. Public code also trains a LoRA in the student
and drops it afterwards; the text trains v* alone, and that is followed, so that teacher and student share one U-Net.
Both can be turned round: ``auxiliary_lora_rank`` 4 trains that LoRA, too, and with it ``literal_eq6`` has something to
hold back.
Source: Interactive-Action (anonymous, 2025), section 3 and 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import mse_loss

from ..captions.dataset import InteractionDataset
from ..errors import InteractiveActionError
from ..models.adapters import auxiliary_lora
from ..models.contexts import concatenate
from ..models.protocol import Engine
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective, Step, Term
from .steering import check_steering, gamma, lambda_steer, negative_words, positives_per_image, steering, steering_words
from .trainable import Token, TokenAndAdapter


@dataclass(frozen=True)
class InteractiveActionConfig(hp.Config):
    """Hyperparameters. Defaults: the paper's (section 4.1), public code's where the paper is silent.

    ``initializer_token`` "and" is the one bad choice: there the distillation loss and its gradient are exactly zero.
    """

    steps: int = hp.steps(3000)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(2.5e-4)
    seed: int = hp.seed()
    initializer_token: str = hp.initializer_token("handling")
    timestep_sampling: str = hp.timestep_sampling("high noise")
    steering_words: tuple[str, ...] = steering_words()
    negative_words: tuple[str, ...] = negative_words()
    lambda_steer: float = lambda_steer(0.01)
    lambda_distill: float = hp.parameter(
        0.2,
        "How strongly the frozen model holds the new word back: more keeps subject and object safer and learns the "
        "action less.",
        label="keep-subject strength",
        minimum=0.0,
        maximum=10.0,
        step=0.01,
    )
    gamma: float = gamma(0.07)
    positives_per_image: int = positives_per_image(4)
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    auxiliary_lora_rank: int = hp.parameter(
        0,
        "Rank of a LoRA in the model's attention that is trained with the new word and dropped, to take up the look of "
        "the images; public code has 4. 0: the word alone, as in the paper.",
        label="auxiliary LoRA rank",
        minimum=0,
        maximum=64,
        advanced=True,
    )
    literal_eq6: bool = hp.parameter(
        False,
        "Hold back what the auxiliary LoRA makes of the prompt with 'and', instead of what the new word makes of its "
        "own prompt.",
        label="hold back the auxiliary LoRA",
        advanced=True,
    )
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()
    max_embedding_norm: float = hp.max_embedding_norm()
    text_encoders: str = hp.text_encoders()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steering(self)
        if self.literal_eq6 and not self.auxiliary_lora_rank:
            raise InteractiveActionError(
                "Eq. 6 as it is printed does not depend on the new word, so that without an auxiliary LoRA it would do "
                "nothing. Set auxiliary_lora_rank to 4, or literal_eq6 to off."
            )
        if self.auxiliary_lora_rank and self.max_embedding_norm:
            raise InteractiveActionError(
                "The length of vectors cannot be limited while an auxiliary LoRA is trained. Set max_embedding_norm to "
                "0."
            )


def interactive_action(
    engine: Engine,
    dataset: InteractionDataset,
    config: InteractiveActionConfig,
    loss_weights: torch.Tensor | None = None,
) -> DenoisingObjective:
    """Returns the objective of Eq.

    8: a token, denoising, steering and distillation. Arguments: ``textual_inversion``.
    """
    batches = Batches(engine, dataset, config, loss_weights)
    token = Token(
        engine,
        config.initializer_token,
        config.num_vectors,
        config.max_embedding_norm,
        text_encoders=config.text_encoders,
    )
    terms = [steering(engine, dataset, config), distillation(engine, dataset, config)]
    if not config.auxiliary_lora_rank:
        return DenoisingObjective(config, batches, token, terms)
    lora = auxiliary_lora(engine, config.auxiliary_lora_rank)
    return DenoisingObjective(config, batches, TokenAndAdapter(token, lora, config.seed, temporary=True), terms)


def distillation(engine: Engine, dataset: InteractionDataset, config: InteractiveActionConfig) -> Term:
    """Returns the term of Eq. 6: the student's distance to the frozen teacher, which sees "and" for the new word.

    Args:
        engine: teacher and student.
        dataset: whose ``prompts_and`` the teacher sees; they are encoded once.
        config: with ``lambda_distill`` and ``literal_eq6``.
    """
    with torch.no_grad():
        prompts = sorted({prompt for group in dataset.prompts_and for prompt in group})
        teacher_contexts = {prompt: engine.encode_prompts([prompt]) for prompt in prompts}

    def loss(step: Step) -> torch.Tensor:
        contexts = concatenate([teacher_contexts[prompt] for prompt in step.batch.prompts_and])
        with torch.no_grad():
            teacher = engine.predict_noise(step.z_t, step.batch.t, contexts)
        student = step.predict(contexts) if config.literal_eq6 else step.prediction
        return mse_loss(student, teacher)

    return Term("distill", config.lambda_distill, loss)
