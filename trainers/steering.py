"""Steering loss: pull the new word towards words of interactive actions and away from the prompt's other words.

As printed the similarity is the raw product v.P; the public code normalizes both to unit length first, and only then
does the printed temperature range make sense, so the cosine is followed here. Public code pools the positives and
negatives of a whole batch; Eq. 5 indexes both by the image i, and that is followed: one loss an image, averaged.
Source: Interactive-Action (anonymous, 2025), Eq. 5: an InfoNCE loss, as ReVersion's (Huang et al. 2023b).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch.nn.functional import normalize

from ..captions.dataset import InteractionDataset
from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from ..models.protocol import Engine
from .hyperparameters import parameter
from .objective import Step, Term
from .trainable import learned_encoders

# Words that say nothing about what is in the image make no useful negatives.
FUNCTION_WORDS = frozenset(
    """a an the this that these those one some any of in on at by to from for with without and or but as is are was
    were be been being it its his her their my your our up down out over under into onto near next there here very
    """.split()  # noqa: SIM905 (one line a word would be no easier to read)
)


class SteeringConfig(Protocol):
    """The hyperparameters of steering."""

    @property
    def steering_words(self) -> tuple[str, ...]:
        """Words towards which the new word is steered."""
        ...

    @property
    def negative_words(self) -> tuple[str, ...]:
        """Words away from which it is steered."""
        ...

    @property
    def lambda_steer(self) -> float:
        """The weight of steering."""
        ...

    @property
    def gamma(self) -> float:
        """The temperature of steering."""
        ...

    @property
    def positives_per_image(self) -> int:
        """Steering words sampled for each image."""
        ...


def steering_words() -> Any:
    """Words towards which the new word is steered."""
    return parameter(
        (),
        "One word or phrase a line, towards which the new word is steered. Words of another action pull it to that "
        "action: leave them out. Steering Words has lists.",
        label="steering words",
    )


def negative_words() -> Any:
    """Words away from which it is steered."""
    return parameter(
        (),
        "One word or phrase a line, away from which the new word is steered, beside the prompts' own words: actions "
        "that yours is mistaken for.",
        label="negative words",
        advanced=True,
    )


def lambda_steer(default: float) -> Any:
    """The weight of steering."""
    tooltip = "How strongly the new word is pulled towards the steering words. 0 leaves steering out."
    return parameter(default, tooltip, label="steering strength", minimum=0.0, maximum=10.0, step=0.001)


def gamma(default: float) -> Any:
    """The temperature of steering."""
    tooltip = "Temperature of steering: smaller looks at the nearest words alone."
    return parameter(default, tooltip, label="temperature", minimum=0.001, maximum=10.0, step=0.01, advanced=True)


def positives_per_image(default: int) -> Any:
    """Steering words sampled for each image."""
    tooltip = "How many steering words are sampled for each image."
    return parameter(default, tooltip, label="words per image", minimum=1, maximum=64, advanced=True)


def check_steering(config: SteeringConfig) -> None:
    """Raises a sentence if there is nothing to steer to."""
    if config.lambda_steer > 0 and not config.steering_words:
        raise InteractiveActionError(
            "There are no steering words but lambda_steer is above 0. Write at least one word of the action, one a "
            "line, or set lambda_steer to 0."
        )


def steering(engine: Engine, dataset: InteractionDataset, config: SteeringConfig) -> Term:
    """Returns the term: Eq. 5 averaged over a batch's images. The vectors' mean is steered.

    Args:
        engine: whose vocabulary the words are looked up in, once.
        dataset: whose prompts give negatives.
        config: words, temperature and weight.
    """
    positives = [engine.word_vectors(word) for word in config.steering_words]
    negatives = {
        prompt: engine.word_vectors(" ".join((*content_words(prompt, PLACEHOLDER), *config.negative_words)))
        for prompt in {prompt for group in dataset.prompts for prompt in group}
    }
    sample = _sampler(positives, config.positives_per_image, engine.device)
    # SDXL's two tables are of one size, and steered as one; those of a transformer's encoders are not
    learned = learned_encoders(engine, getattr(config, "text_encoders", ""))
    together = engine.layers > 0 and all(learned)
    widths, learned = ((engine.width,), (True,)) if together else (engine.widths, learned)

    def loss(step: Step) -> torch.Tensor:
        losses = [
            steering_by_encoder(
                step.vectors.mean(0),
                sample(step.generator),
                negatives[prompt].to(step.vectors),
                config.gamma,
                widths,
                learned,
            )
            for prompt in step.batch.prompts
        ]
        return torch.stack(losses).mean()

    return Term("steer", config.lambda_steer, loss)


def _sampler(
    positives: Sequence[torch.Tensor], count: int, device: torch.device
) -> Callable[[torch.Generator], torch.Tensor]:
    """A function that samples ``count`` words without repetition: their vectors (k, d)."""

    def sample(generator: torch.Generator) -> torch.Tensor:
        indices = torch.randperm(len(positives), generator=generator)[: min(count, len(positives))]
        return torch.cat([positives[i] for i in indices]).to(device)

    return sample


def steering_by_encoder(
    v: torch.Tensor,
    positives: torch.Tensor,
    negatives: torch.Tensor,
    gamma: float,
    widths: Sequence[int],
    learned: Sequence[bool],
) -> torch.Tensor:
    """Returns the mean of ``steering_loss`` over the ``learned`` text encoders; ``widths`` are all parts of d."""
    parts = zip(v.split(widths, -1), positives.split(widths, -1), negatives.split(widths, -1))
    losses = [steering_loss(*part, gamma) for part, used in zip(parts, learned) if used]
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()


def steering_loss(
    v: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, gamma: float = 0.07
) -> torch.Tensor:
    """Returns Eq. 5 for one image: a scalar, 0 when there is no negative.

    Args:
        v: (d,) the learned vector.
        positives: (L, d).
        negatives: (M, d), M may be 0.
        gamma: temperature.
    """
    v = normalize(v, dim=-1)
    positive = normalize(positives, dim=-1) @ v / gamma
    negative = normalize(negatives, dim=-1) @ v / gamma
    return torch.logsumexp(torch.cat([positive, negative]), 0) - torch.logsumexp(positive, 0)


def content_words(prompt: str, placeholder: str) -> tuple[str, ...]:
    """Returns the words of ``prompt`` that serve as negatives.

    All but the placeholder and function words, each once.
    """
    words = re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", prompt.replace(placeholder, " ").lower())
    return tuple(dict.fromkeys(word for word in words if word not in FUNCTION_WORDS))
