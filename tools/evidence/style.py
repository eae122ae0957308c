"""Style leakage: whether an image looks as simulated as what a method learned from, whatever it shows.

A linear probe on the features of an interaction classifier tells recordings from renders of the everyday world, both
as the base model's autoencoder gives them back. Its images are of seeds that no method sees, and no method sees it.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch

from ...miniature.factory.evaluation import classifier_features
from ...miniature.factory.everyday_render import render
from ...miniature.factory.everyday_world import HELD_OUT_SEEDS, sample_scene
from ...miniature.judges import InteractionClassifier, load_interaction_classifier
from ...models.protocol import Engine
from .datasets import HELD, IMAGES, simulated_arrays
from .variants import ACTIONS

EVERYDAY_SEED = HELD_OUT_SEEDS + 20_000
PENALTY = 1e-2  # of the probe's squared weights, on standardized features
HELD_OUT_EVERY = 5  # every so many images measure the probe instead of teaching it


class StyleJudge:
    """Tells simulated images from everyday ones.

    Args:
        engine: the base model, whose autoencoder the images pass.
        folder: where recordings are kept.

    Attributes:
        accuracy: share of images told right that did not teach it.
    """

    def __init__(self, engine: Engine, folder: pathlib.Path) -> None:
        self._classifier: InteractionClassifier = load_interaction_classifier(2)
        simulated = np.concatenate(
            [simulated_arrays(folder, action, 96, HELD, IMAGES["style judge"])["images"] for action in ACTIONS]
        )
        everyday = np.stack([render(sample_scene(EVERYDAY_SEED + number)).image for number in range(len(simulated))])
        parts = [self._features(_through_autoencoder(engine, images)) for images in (simulated, everyday)]
        labels = torch.cat([torch.ones(len(simulated)), torch.zeros(len(everyday))]).double()
        features, held_out = torch.cat(parts), torch.arange(len(labels)) % HELD_OUT_EVERY == 0
        self._mean, self._std = features[~held_out].mean(0), features[~held_out].std(0) + 1e-6
        self._weights = _fit(self._standardized(features[~held_out]), labels[~held_out])
        told = self._logits(features[held_out]) > 0
        self.accuracy = float((told == labels[held_out].bool()).double().mean())

    def looks_simulated(self, images: torch.Tensor) -> list[bool]:
        """Returns for each of images (N, 96, 96, 3) in 0..1 whether it looks simulated."""
        told: list[bool] = (self._logits(self._features(images)) > 0).tolist()
        return told

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        return classifier_features(self._classifier, images)

    def _standardized(self, features: torch.Tensor) -> torch.Tensor:
        """Features with mean 0 and deviation 1, and a 1 behind them for the probe's offset."""
        scaled = (features - self._mean) / self._std
        return torch.cat([scaled, torch.ones(len(scaled), 1).to(scaled)], 1)

    def _logits(self, features: torch.Tensor) -> torch.Tensor:
        return self._standardized(features) @ self._weights


def _through_autoencoder(engine: Engine, images: np.ndarray) -> torch.Tensor:
    """What the base model could at best draw of uint8 images (N, H, W, 3): float in 0..1."""
    return engine.decode_latents(engine.encode_images(torch.from_numpy(images).float() / 255)[0])


def _fit(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logistic regression with a penalty, by L-BFGS: weights (d,)."""
    weights = torch.zeros(features.shape[1], dtype=features.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = torch.nn.functional.binary_cross_entropy_with_logits(features @ weights, labels)
        total = error + PENALTY * weights[:-1].square().mean()
        total.backward()
        return total

    optimizer.step(loss)  # type: ignore[arg-type]
    return weights.detach()
