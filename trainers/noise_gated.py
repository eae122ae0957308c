"""Noise-gated inversion, this project's own: a word that is learned and read at high noise alone and keeps its length.

    L = L_denoise + lambda_steer L_steer,   t >= (1 - end_percent) T,   |v| = |v_0|

What happens between things is decided at high noise; how they look is decided below. So the word is trained there
alone, as with other methods here, and its file says that it also acts there alone: below, the plain word that it
started from stands in the prompt, which knows nothing of the simulator's look. Steering (``steering``) weighs a hundred
times as much as in ReVersion, and the vector's direction is learned without its length, which otherwise grows with
learning rate and steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..captions.dataset import InteractionDataset
from ..models.protocol import Engine
from ..tokens.noise_gate import NoiseGate, share_done
from . import hyperparameters as hp
from .batches import Batches
from .objective import DenoisingObjective
from .steering import check_steering, gamma, lambda_steer, negative_words, positives_per_image, steering, steering_words
from .trainable import DirectionToken, Token


@dataclass(frozen=True)
class NoiseGatedConfig(hp.Config):
    """Hyperparameters. Defaults: a first guess, which ``tools.evidence`` is there to tune."""

    steps: int = hp.steps(1000)
    batch_size: int = hp.batch_size(2)
    learning_rate: float = hp.learning_rate(1e-3)
    seed: int = hp.seed()
    initializer_token: str = hp.parameter(
        "handling",
        "The word that the new word starts from, and that is read in its place at low noise: best a vague word for any "
        "interaction.",
        label="initializer token",
    )
    end_percent: float = hp.parameter(
        0.45,
        "The share of the sampling, from pure noise on, in which the word is learned and later acts. The plain word "
        "draws the rest.",
        label="acts until",
        minimum=0.05,
        maximum=1.0,
        step=0.05,
    )
    steering_words: tuple[str, ...] = steering_words()
    negative_words: tuple[str, ...] = negative_words()
    lambda_steer: float = lambda_steer(1.0)
    keep_norm: bool = hp.parameter(
        True,
        "The word keeps the length that it starts with; only its direction is learned. Long words drown the rest of a "
        "prompt.",
        label="keep the length",
    )
    gamma: float = gamma(0.07)
    positives_per_image: int = positives_per_image(4)
    num_vectors: int = hp.num_vectors()
    weight_decay: float = hp.weight_decay()
    grad_accumulation_steps: int = hp.grad_accumulation_steps()
    min_snr_gamma: float = hp.min_snr_gamma()
    ema_decay: float = hp.ema_decay()
    text_encoders: str = hp.text_encoders()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steering(self)


def noise_gated(
    engine: Engine, dataset: InteractionDataset, config: NoiseGatedConfig, loss_weights: torch.Tensor | None = None
) -> DenoisingObjective:
    """Returns the objective: a token that acts at high noise, denoising there, and steering.

    Args: as ``textual_inversion``.
    """
    gate = NoiseGate(0.0, config.end_percent, config.initializer_token)
    kind = DirectionToken if config.keep_norm else Token
    token = kind(engine, config.initializer_token, config.num_vectors, gate=gate, text_encoders=config.text_encoders)
    weights = gated_timesteps(gate, len(engine.schedule))
    batches = Batches(engine, dataset, config, loss_weights, weights)
    return DenoisingObjective(config, batches, token, [steering(engine, dataset, config)])


def gated_timesteps(gate: NoiseGate, timesteps: int) -> torch.Tensor:
    """Returns unnormalized probabilities (timesteps,): alike where the gate is open, 0 elsewhere."""
    return torch.tensor([float(gate.acts_at(share_done(t, timesteps))) for t in range(timesteps)])
