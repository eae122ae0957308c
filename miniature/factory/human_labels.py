"""Compares judges and people on images of the base model: ``python . miniature.factory.human_labels``.

A hundred images of all words, shuffled, were named by eye from numbered sheets that do not say which word they are
of; the labels are in ``human_labels.json`` beside the interaction classifiers. With ``--sheets FOLDER`` the sheets
are made again, for other eyes: a text file with one line an image, "lift" or "lift broken" (a face or a limb is not
whole), becomes the labels with ``--read FILE``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from ...errors import InteractiveActionError
from ...files import read_text
from ...tools.dev.sheets import numbered_grid
from ..judges import RELATIONS, load_interaction_classifier
from ..weights import CHECKPOINT, INTERACTION_CLASSIFIER
from .cache import save_text
from .evaluation import BaseModel, eval_pairs, generate
from .export import read_modules
from .nonce_tokens import NONCE_TOKENS

LABELS = INTERACTION_CLASSIFIER / "human_labels.json"
IMAGES_PER_WORD = {"and": 20, "with": 10, "handling": 20, **dict.fromkeys(NONCE_TOKENS.values(), 10)}
EVERY = 9  # image of a set: neither always the same creature nor only combinations that training never saw
IMAGES_PER_SHEET = 20


class Labels(TypedDict):
    """The relation in each image, and the numbers of those in which a face or a limb is not whole, by eye."""

    relations: list[str]
    broken: list[int]


def generate_images() -> list[torch.Tensor]:
    """Generates the hundred images (96, 96, 3) in 0..1, in the order of the sheets."""
    model, images = BaseModel(*read_modules()), []
    interactions = {word: interaction for interaction, word in NONCE_TOKENS.items()}
    for word, count in IMAGES_PER_WORD.items():
        pairs = eval_pairs(EVERY * count, interactions.get(word))[::EVERY]
        images += list(generate(model, word, pairs))
    return [images[k] for k in np.random.default_rng(0).permutation(len(images))]


def write_sheets(images: Sequence[torch.Tensor], folder: Path) -> None:
    """Writes numbered sheets of images (H, W, 3) in 0..1."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = [(image.numpy() * 255).astype(np.uint8) for image in images]
    for first in range(0, len(pixels), IMAGES_PER_SHEET):
        sheet = numbered_grid(pixels[first : first + IMAGES_PER_SHEET], columns=5, first=first)
        sheet.save(folder / f"{first:03d}.png")


def read_labels(path: Path, count: int) -> Labels:
    """Reads the labels of a text file.

    Args:
        path: a line an image.
        count: how many images there are.

    Raises:
        InteractiveActionError: there are more or fewer lines, or one that names no relation.
    """
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    wrong = [" ".join(line) for line in lines if line[0] not in RELATIONS or line[1:] not in ([], ["broken"])]
    if wrong or len(lines) != count:
        raise InteractiveActionError(
            f'{path} must have {count} lines, each one of {", ".join(RELATIONS)}, perhaps with "broken" behind it. '
            f"It has {len(lines)}" + (f", and this one among them: {wrong[0]!r}." if wrong else ".")
        )
    return Labels(relations=[line[0] for line in lines], broken=[k for k, line in enumerate(lines) if line[1:]])


def agreement(labels: Sequence[str], predictions: Sequence[str]) -> tuple[float, float]:
    """Compares two lists of relations: the share of equal ones, and Cohen's kappa."""
    same = float(np.mean([a == b for a, b in zip(labels, predictions, strict=True)]))
    chance = sum(labels.count(name) * predictions.count(name) for name in RELATIONS) / len(labels) ** 2
    return same, (same - chance) / (1 - chance)


def compare(sheets: Path | None = None, text_file: Path | None = None) -> None:
    """Prints how far the classifiers agree with a person.

    Args:
        sheets: a folder: only the numbered sheets are written to it.
        text_file: new labels, which replace the old ones.
    """
    checkpoint = hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    images = generate_images()
    if sheets:
        write_sheets(images, sheets)
        return
    if text_file:
        save_text(LABELS, json.dumps({"checkpoint": checkpoint, **read_labels(text_file, len(images))}) + "\n")
    labels = json.loads(LABELS.read_text(encoding="utf-8"))
    if labels["checkpoint"] != checkpoint:
        raise InteractiveActionError(
            f"The labels in {LABELS.name} are about images of another base model. Make new sheets with "
            "--sheets FOLDER, look at them, and read the labels with --read FILE."
        )
    for number in (1, 2):
        classifier = load_interaction_classifier(number)
        same, kappa = agreement(
            labels["relations"], [name for image in images for name in classifier.classify(image[None])]
        )
        print(
            f"classifier {number} and a person name the same in {same:.0%} of {len(images)} images (kappa {kappa:.2f})"
        )
    print(f"faces and limbs are whole, by eye, in {1 - len(labels['broken']) / len(images):.0%}")


def main() -> None:
    """Reads the command line and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", type=Path, help="write the numbered sheets to this folder and stop")
    parser.add_argument("--read", type=Path, dest="text_file", help="take the labels from this text file")
    compare(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
