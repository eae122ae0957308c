"""Interactive-Action inversion (000): a token learns an interaction from simulated pictures, held back by a teacher.

    L = L_denoise + lambda_steer L_steer + lambda_distill L_distill                                   (Eq. 8)

L_denoise (Eq. 3, 4) asks the student, conditioned on "Subject v* Object", for the noise of a simulated picture.
L_steer (Eq. 5) is in ``steering``. L_distill asks the student to stay near the frozen teacher, conditioned on
"Subject and Object", for the same z_t, t and noise, so that neither subject nor object is lost.

Eq. 6 as printed conditions both on y_and; the student would then not depend on v* at all and the loss would be
zero. Public code and Figure 3 give the student y, with v*; that is followed. Public code also trains a LoRA in
the student and drops it afterwards; the text trains v* alone, and that is followed. Teacher and student
therefore share one U-Net. Squared norms are means over elements, as in public code, so that the weights of the
losses do not depend on the size of the latents.
"""

from dataclasses import asdict, dataclass

import torch
from torch.nn.functional import mse_loss

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from .engines import add_noise
from .steering import content_words, steering_loss
from .timesteps import timestep_weights


@dataclass(frozen=True)
class InteractiveActionConfig:
    """Hyperparameters; the defaults are the paper's (000, section 4.1), public code's where the paper is silent.

    start_word: v* begins at this word's vector. "and" is the one bad choice: there the distillation loss and
        its gradient are exactly zero.
    timestep_law: a name of ``timesteps.TIMESTEP_LAWS``.
    positives: words and phrases from which ``positives_per_picture`` are drawn for each picture.
    vectors: how many vectors v* has.
    """

    steps: int = 3000
    batch_size: int = 2
    learning_rate: float = 2.5e-4
    weight_decay: float = 1e-2
    lambda_steer: float = 0.01
    lambda_distill: float = 0.2
    gamma: float = 0.07
    positives: tuple[str, ...] = ()
    positives_per_picture: int = 4
    start_word: str = "handling"
    timestep_law: str = "high noise"
    vectors: int = 1
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch_size", "vectors", "positives_per_picture"):
            if getattr(self, name) < 1:
                raise InteractiveActionError(f"{name} is {getattr(self, name)}. It must be at least 1.")
        if not self.learning_rate > 0 or not self.gamma > 0:
            raise InteractiveActionError("learning_rate and gamma must be above 0.")
        if min(self.lambda_steer, self.lambda_distill, self.weight_decay) < 0:
            raise InteractiveActionError("lambda_steer, lambda_distill and weight_decay cannot be negative.")
        if self.lambda_steer > 0 and not self.positives:
            raise InteractiveActionError(
                "There are no steering words but lambda_steer is above 0. Write at least one word of the action, one a line, "
                "or set lambda_steer to 0."
            )
        timestep_weights(self.timestep_law, 1)

    def as_dict(self):
        return asdict(self)


class InteractiveActionLoss:
    """Eq. 8 over random batches of a data set. Everything that does not depend on v* is computed once."""

    def __init__(self, engine, dataset, config):
        self.engine, self.dataset, self.config = engine, dataset, config
        self.mean, self.std = engine.encode_pictures(dataset.pictures)
        self.timestep_weights = timestep_weights(config.timestep_law, len(engine.alphas_cumprod))
        with torch.no_grad():
            teacher_prompts = sorted({prompt for group in dataset.prompts_and for prompt in group})
            self.teacher_contexts = {prompt: engine.encode_prompts([prompt]) for prompt in teacher_prompts}
            self.positives = [engine.word_vectors(word) for word in config.positives]
            self.negatives = {}
            for prompt in {prompt for group in dataset.prompts for prompt in group}:
                words = content_words(prompt, PLACEHOLDER)
                self.negatives[prompt] = engine.word_vectors(" ".join(words))

    def __call__(self, v, generator):
        """The three losses for v (n, d) on one batch drawn with ``generator``: dict of scalars and their weighted ``total``."""
        config, batch = self.config, self.config.batch_size
        device = self.engine.device
        index = torch.randint(len(self.dataset), (batch,), generator=generator)
        t = torch.multinomial(self.timestep_weights, batch, replacement=True, generator=generator).to(device)
        posterior, noise = torch.randn((2, batch, *self.mean.shape[1:]), generator=generator).to(device)
        y = [_choice(self.dataset.prompts[i], generator) for i in index]
        y_and = [_choice(self.dataset.prompts_and[i], generator) for i in index]

        z_0 = self.mean[index].to(device) + self.std[index].to(device) * posterior
        z_t = add_noise(self.engine, z_0, noise, t)
        student = self.engine.predict_noise(z_t, t, self.engine.encode_prompts(y, v))
        losses = {"denoise": mse_loss(student, noise)}  # Eq. 3, 4
        if config.lambda_distill > 0:
            with torch.no_grad():
                contexts = torch.cat([self.teacher_contexts[prompt] for prompt in y_and])
                teacher = self.engine.predict_noise(z_t, t, contexts)
            losses["distill"] = mse_loss(student, teacher)  # Eq. 6, the student on y
        if config.lambda_steer > 0:
            direction = v.mean(0)
            losses["steer"] = torch.stack(
                [
                    steering_loss(direction, self._draw_positives(generator), self.negatives[prompt].to(v), config.gamma)
                    for prompt in y
                ]
            ).mean()  # Eq. 5
        weights = {"denoise": 1.0, "steer": config.lambda_steer, "distill": config.lambda_distill}
        losses["total"] = sum(weights[name] * loss for name, loss in losses.items())  # Eq. 8
        return losses

    def start(self):
        """Where v* begins: (n, d), the start word's own vectors if it has n, otherwise their mean n times."""
        vectors = self.engine.word_vectors(self.config.start_word)
        if len(vectors) == 0:
            raise InteractiveActionError("The start word is empty. Write a vague word for an interaction, such as 'handling'.")
        if len(vectors) != self.config.vectors:
            vectors = vectors.mean(0, keepdim=True).repeat(self.config.vectors, 1)
        return vectors.detach().float().clone()

    def _draw_positives(self, generator):
        count = min(self.config.positives_per_picture, len(self.positives))
        drawn = torch.randperm(len(self.positives), generator=generator)[:count]
        return torch.cat([self.positives[i] for i in drawn]).to(self.engine.device)


def _choice(group, generator):
    return group[torch.randint(len(group), (), generator=generator)]
