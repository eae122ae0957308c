"""What the miniature editor learns from, step by step: an image, its edit, a style image and an instruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch.nn.functional import interpolate

from .edit_pairs import LIGHTS, MATERIALS, SCENES, SHARD, EditFacts, noun
from .vocabulary import CompactVocabulary

HELD_OUT = 8  # every so many shards of scenes one is kept for checks and for style images
VAGUE_SHARE = 0.3  # of instructions that leave the look to the style image
CONDITION_DROPOUT = {"nothing": 0.06, "image": 0.08, "image and style": 0.10, "image and text": 0.10}
"""Conditions that are left -> share of the pairs; all others have image, style and text."""


class Change(NamedTuple):
    """What an edit changes: the material of the object, or the light of the whole image; the other is None."""

    material: str | None
    light: str | None


@cache
def vocabulary() -> CompactVocabulary:
    """Returns the vocabulary of all instructions."""
    objects = [noun(name) for _, name in SCENES]
    return CompactVocabulary.of(["make the it out of like this", *MATERIALS, *LIGHTS, *objects])


def instruction(object: str, change: Change, rng: np.random.Generator) -> str:
    """Samples the words for a change.

    Args:
        object: the noun for what changes its material.
        change: the wanted material or light.
        rng: decides whether the look is left to the style image.
    """
    if rng.random() < VAGUE_SHARE:
        return f"make the {object} like this" if change.material else "make it like this"
    if change.light:
        return f"make it {change.light}"
    return f"make the {object} {'out of ' if rng.random() < 0.5 else ''}{change.material}"


def is_training_scene(scene: int) -> bool:
    """Tells whether a scene is trained on."""
    return scene // SHARD % HELD_OUT != HELD_OUT - 1


class Pair(NamedTuple):
    """Rows of the image, of its edit and of the style image, the instruction, and whether the whole image changes."""

    image: int
    edit: int
    style: int
    instruction: str
    is_global: bool


class Pairs:
    """Images as latents, and which of them are edits of which.

    Args:
        latents: of N images, (N, 4, h, w).
        masks: of V views, bool (V, H, W).
        facts: of each image.
        scenes: tells of the number of a scene whether it takes part.
    """

    def __init__(
        self,
        latents: torch.Tensor,
        masks: np.ndarray,
        facts: Sequence[EditFacts],
        scenes: Callable[[int], bool] = is_training_scene,
    ) -> None:
        self.latents, self.facts = latents, facts
        channel = rearrange(torch.from_numpy(masks), "v h w -> v 1 h w").float()
        self.masks = interpolate(channel, latents.shape[2:], mode="area")
        self.rows = [row for row, fact in enumerate(facts) if scenes(fact["scene"])]
        self._rows_of_view: dict[int, list[int]] = {}
        self._rows_of_style: dict[Change, list[int]] = {}
        for row in self.rows:
            fact = facts[row]
            self._rows_of_view.setdefault(fact["view"], []).append(row)
            material = Change(fact["material"] if fact["light"] == "day" else None, None)
            for change in (material, Change(None, fact["light"])):
                self._rows_of_style.setdefault(change, []).append(row)

    def sample(self, rng: np.random.Generator) -> Pair:
        """Samples a pair that changes either the material by day or the light; the style image is of another scene."""
        while True:
            edit = self.rows[rng.integers(len(self.rows))]
            after = self.facts[edit]
            image = int(rng.choice(self._rows_of_view[after["view"]]))
            before = self.facts[image]
            changes = before["material"] != after["material"], before["light"] != after["light"]
            if changes == (True, False) and after["light"] == "day":
                change = Change(after["material"], None)
            elif changes == (False, True):
                change = Change(None, after["light"])
            else:
                continue
            style = int(rng.choice(self._rows_of_style[change]))
            if self.facts[style]["scene"] != after["scene"]:
                text = instruction(after["object"], change, rng)
                return Pair(image, edit, style, text, change.material is None)


@dataclass(frozen=True)
class EditBatch:
    """A batch of B pairs.

    Attributes:
        clean: latents of the edits, of unit variance, (B, 4, h, w).
        image, style: latents of images and style images, (B, 4, h, w), zero where they are dropped.
        tokens: rows of the instructions in the vocabulary's table, (B, 77), of the empty one where they are dropped.
        region: where the edit belongs, (B, 1, h, w) in 0..1.
    """

    clean: torch.Tensor
    image: torch.Tensor
    style: torch.Tensor
    tokens: torch.Tensor
    region: torch.Tensor


def sample_batch(pairs: Pairs, size: int, rng: np.random.Generator) -> EditBatch:
    """Samples a batch of ``size`` pairs, of which some conditions are dropped."""
    from .autoencoder import LATENT_SCALE

    batch = [pairs.sample(rng) for _ in range(size)]
    everything = "image, style and text"
    shares = [*CONDITION_DROPOUT.values(), 1 - sum(CONDITION_DROPOUT.values())]
    conditions = rng.choice([*CONDITION_DROPOUT, everything], size=size, p=shares)
    texts = [
        pair.instruction if condition in (everything, "image and text") else ""
        for pair, condition in zip(batch, conditions)
    ]
    tokens = torch.tensor([vocabulary().rows(text, rng) for text in texts])
    has_image = torch.tensor([condition != "nothing" for condition in conditions]).float()
    has_style = torch.tensor([condition in (everything, "image and style") for condition in conditions]).float()

    def encodings(rows: list[int], present: torch.Tensor) -> torch.Tensor:
        return pairs.latents[rows].float() / LATENT_SCALE * rearrange(present, "b -> b 1 1 1")

    edits = [pair.edit for pair in batch]
    is_global = rearrange(torch.tensor([pair.is_global for pair in batch]), "b -> b 1 1 1")
    return EditBatch(
        clean=pairs.latents[edits].float(),
        image=encodings([pair.image for pair in batch], has_image),
        style=encodings([pair.style for pair in batch], has_style),
        tokens=tokens,
        region=torch.where(is_global, 1.0, pairs.masks[[pairs.facts[row]["view"] for row in edits]]),
    )
