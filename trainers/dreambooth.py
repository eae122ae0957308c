"""DreamBooth (Ruiz et al. 2023): the U-Net learns what an instance token means; nothing of the vocabulary is trained.

    L = || eps - eps_theta(z_t, t, c(y)) ||^2 + prior_loss_weight || eps' - eps_theta(z'_t', t', c(y_prior)) ||^2

with an instance token where y says v*. The second term, of images z' that the model itself drew for plain prompts, holds it to
what it knew; it is there where such images are given, whose ``prompts_and`` are y_prior. The U-Net's change is a LoRA or,
with rank 0, any change of all its weights. It loads as a LoRA in stock nodes, and the instance token is written in prompts.
"""

from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from ..models.weight_files import Difference, LoRA
from .latents import Latents
from .textual_inversion import Batch, TextualInversionConfig, TextualInversionLoss, choice


@dataclass(frozen=True)
class DreamBoothConfig(TextualInversionConfig):
    """Hyperparameters; the defaults are those of the comparison in 001 (supplement B), which trained every weight.

    initializer_token: the instance token that stands for v*. rank: of the LoRA on all attentions; 0 changes the whole U-Net, and then needs
    ten times its memory. weight_decay pulls the change, not the weights, to nothing. vectors and max_embedding_norm mean nothing here.
    """

    steps: int = 1000
    learning_rate: float = 5e-5
    initializer_token: str = "sks"
    rank: int = 4
    prior_loss_weight: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if min(self.rank, self.prior_loss_weight) < 0:
            raise InteractiveActionError("rank and prior_loss_weight cannot be negative.")
        if self.vectors != 1 or self.max_embedding_norm:
            raise InteractiveActionError("DreamBooth trains no vectors: set vectors to 1 and max_embedding_norm to 0.")


class TuningLoss(TextualInversionLoss):
    """The loss of a method that changes the U-Net by ``self.change``, an adapter of ``tuning``.

    prior: an ``InteractionDataset`` of images that the model drew for their ``prompts_and``; None leaves the prior out.
    """

    def __init__(self, engine, dataset, config, prior=None, loss_weights=None):
        super().__init__(engine, dataset, config, loss_weights)
        self.prior = prior
        if prior is not None:
            self.prior_latents = Latents(engine, prior.images)

    def start(self):
        return self.change.start(torch.Generator().manual_seed(self.config.seed))

    def changes(self, trained):
        """The part of what is trained that changes the U-Net, flat."""
        return trained

    def changed(self, trained):
        return self.change.active(self.changes(trained))

    def lora(self, trained):
        return self.change.tensors(self.changes(trained))

    def terms(self, batch, z_t, student, trained, generator):
        terms = super().terms(batch, z_t, student, trained, generator)
        if self.prior is not None and self.config.prior_loss_weight > 0:
            terms["prior"] = self.config.prior_loss_weight, self.prior_loss(generator)
        return terms

    def prior_loss(self, generator):
        """The denoising loss of as many images of the prior as a batch has, with noise of their own: a scalar."""
        index, *drawn = self.draw_from(self.prior_latents, generator)
        batch = Batch(index, *drawn, [], [choice(self.prior.prompts_and[i], generator) for i in index])
        z_t = self.noisy(*self.prior_latents[index], batch)
        predicted = self.engine.predict_noise(z_t, batch.t, self.engine.encode_prompts(batch.prompts_and))
        return (self.min_snr_weights.to(z_t)[batch.t] * (predicted - batch.noise).square().mean((1, 2, 3))).mean()


class DreamBoothLoss(TuningLoss):
    learns_token = False

    def __init__(self, engine, dataset, config, prior=None, loss_weights=None):
        super().__init__(engine, dataset, config, prior, loss_weights)
        self.word = engine.word_vectors(config.initializer_token)
        if len(self.word) == 0:
            raise InteractiveActionError(
                "The instance token is empty. Write one that the model hardly knows, such as 'sks'."
            )
        self.change = LoRA(engine, config.rank) if config.rank else Difference(engine)

    def token(self, trained):
        return self.word
