"""Trains the embedded interaction classifiers: one network from two seeds, of which either checks the other."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from torch.nn.functional import cross_entropy

from ...tensor_files import write_safetensors
from ..judges import RELATIONS, InteractionClassifier
from ..weights import INTERACTION_CLASSIFIER
from .judge_images import Renders, degrade
from .train_clip import mirrored_half
from .training import MADE_BY, fit


class ClassifierLoss:
    """The classifier's cross-entropy on a step's images.

    Args:
        model: the classifier.
        renders: what it learns from.
        batch_size: images a step.
    """

    def __init__(self, model: InteractionClassifier, renders: Renders, batch_size: int) -> None:
        self.model, self.renders, self.batch_size = model, renders, batch_size
        self.relations = torch.tensor([RELATIONS.index(fact["relation"]) for fact in renders.facts])

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the step alone."""
        rows = rng.integers(len(self.renders.facts), size=self.batch_size)
        images = mirrored_half(rearrange(torch.from_numpy(self.renders.images[rows]), "b h w c -> b c h w"), rng)
        with torch.autocast("cpu", torch.bfloat16):  # the blur, too
            logits = self.model(degrade(images, step).to(memory_format=torch.channels_last))
        return cross_entropy(logits.float(), self.relations[rows])


def train_classifiers(renders: Renders, steps: int = 1000, batch_size: int = 64) -> None:
    """Trains both classifiers and writes their files; goes on from where it stopped.

    Args:
        renders: what they learn from.
        steps: of the whole training of each.
        batch_size: images a step.
    """
    for number in (1, 2):
        torch.manual_seed(number)
        model = InteractionClassifier()
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        loss = ClassifierLoss(model, renders, batch_size)
        fit(f"judge{number}", model, loss, steps, rate=2e-3, seed=10 + number)
        write_safetensors(
            INTERACTION_CLASSIFIER / f"{number}.safetensors",
            {name: value.half() for name, value in model.state_dict().items()},
            {"format": "pt", "made": MADE_BY, "classes": " ".join(RELATIONS)},
        )
