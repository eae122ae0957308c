"""Where variants are compared: what a world must offer.

A world has an engine to train and generate with, and the same answers to everything else: which pairs to evaluate an
action on, how a prompt is written, the data that a method learns from beside the simulator's, and how images are
evaluated.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from ...captions.dataset import InteractionDataset
from ...models.protocol import Engine
from .variants import Variant

CLASS_IMAGES = 64  # that the base model generates for the methods that train its weights

Row = dict[str, Any]
"""An image's figures: "iascore" and "passed" (did subject and object meet?), "entities" (are both right?), and, where a
classifier knows, "interaction" and "looks_simulated"."""


class World(Protocol):
    """A base model with its prompts and judges.

    Attributes:
        title: its name in a sentence.
        checkpoint: the base model's file.
        engine: the base model.
        side: of an image, pixels.
        cfg: classifier-free guidance.
        num_images: to evaluate, for each action, variant and training seed.
        batch_size: of every method, unless it is as published.
        steering_words: for the methods that are as published, whose papers have lists for their own models.
        references: the base model's own word, called "base", and the upper bounds.
        criterion: keys of a row, all of which must hold for an image to speak for a learning rate and its steps.
        judges: who evaluates, in a sentence.
    """

    title: str
    checkpoint: pathlib.Path
    engine: Engine
    side: int
    cfg: float
    num_images: int
    batch_size: int
    steering_words: tuple[str, ...]
    references: Sequence[Variant]
    criterion: Sequence[str]
    judges: str

    def settings(self, method: str) -> dict[str, Any]:
        """Returns a method's hyperparameters beside batch size, learning rate, steps and seed."""

    def eval_pairs(self, action: str, count: int) -> Sequence[Any]:
        """Lists the subjects and objects to evaluate an action on."""

    def format_prompts(self, word: str, pairs: Sequence[Any]) -> list[str]:
        """Writes a prompt with the word for each pair."""

    def class_prompts(self) -> tuple[list[str], list[str]]:
        """Returns ``CLASS_IMAGES`` prompts with the placeholder, and the plain ones of the class images."""

    def in_domain_dataset(self, action: str) -> InteractionDataset:
        """Returns the world's own images of an action: what a token learns from without any domain gap."""

    def evaluate(self, images: torch.Tensor, pairs: Sequence[Any], action: str) -> list[Row]:
        """Evaluates images (N, side, side, 3) in 0..1 of N pairs; one row an image."""
