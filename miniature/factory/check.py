"""Checks what the shipped base model generates on held-out prompts: ``python . miniature.factory.check``.

Prints a table, and writes sample sheets and every image's row. The distance is the kernel inception distance on the
first classifier's features, to renders of the same scenes. See ``evaluation`` for what counts as right.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ...tools.dev.sheets import image_grid
from ..judges import INTERACTIONS, load_detector, load_interaction_classifier
from .cache import CACHE, save_text
from .evaluation import (
    BaseModel,
    EvalPair,
    classifier_features,
    eval_pairs,
    evaluate,
    generate,
    kernel_distance,
    summarize,
)
from .everyday_render import render
from .everyday_world import sample_scene
from .export import read_modules
from .judge_images import CHECK_SEED
from .nonce_tokens import NONCE_TOKENS

SHEET_IMAGES = 48
COLUMNS = ["right", "subject", "object", "and", *INTERACTIONS, "alone", "unseen", "judges_agree", "distance"]


def words() -> dict[str, tuple[str, str | None]]:
    """Lists the words to check: name -> (the word, the interaction that it means or None)."""
    vague: dict[str, tuple[str, str | None]] = {word: (word, None) for word in ("and", "with", "handling")}
    return vague | {f"nonce: {interaction}": (word, interaction) for interaction, word in NONCE_TOKENS.items()}


def check(count_and: int, count: int, out: Path) -> dict[str, dict[str, Any]]:
    """Generates and evaluates images of all words; sheets and every image's row go to a folder.

    Args:
        count_and: images for "and".
        count: images for every other word.
        out: the folder.

    Returns:
        The figures of each word.
    """
    model, detector = BaseModel(*read_modules()), load_detector()
    classifiers = [load_interaction_classifier(number) for number in (1, 2)]
    table = {}
    total = count_and + count * (len(words()) - 1)
    with tqdm(total=total, unit=" images", disable=not sys.stderr.isatty()) as bar:
        for name, (word, interaction) in words().items():
            pairs = eval_pairs(count_and if name == "and" else count, interaction)
            images = generate(model, word, pairs, bar.update)
            rows = evaluate(images, pairs, detector, classifiers)
            path = out / name.replace(": ", "_")
            save_text(path.with_suffix(".jsonl"), "".join(f"{json.dumps(row)}\n" for row in rows))
            image_grid((images[:SHEET_IMAGES].numpy() * 255).astype(np.uint8), 8).save(path.with_suffix(".png"))
            table[name] = summarize(rows, interaction)
            if interaction or name == "and":
                renders = render_pairs(pairs, interaction or "and")
                features = (classifier_features(classifiers[0], batch) for batch in (images, renders))
                table[name]["distance"] = kernel_distance(*features)
    return table


def render_pairs(pairs: list[EvalPair], relation: str) -> torch.Tensor:
    """Renders a scene for each pair, (N, 96, 96, 3) in 0..1."""
    scenes = [
        sample_scene(seed, pair.subject, pair.object, relation, pair.color, held_out=True)
        for seed, pair in enumerate(pairs, CHECK_SEED)
    ]
    return torch.from_numpy(np.stack([render(scene).image for scene in scenes])).float() / 255


def print_table(table: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the figures, a line a word."""
    print(f"{'':14}", *(f"{column[:8]:>8}" for column in COLUMNS))
    for name, row in table.items():
        cells = [row.get(column) for column in COLUMNS]
        print(f"{name:14}", *(f"{'':>8}" if cell is None else f"{cell:8.3f}" for cell in cells))


def main() -> None:
    """Reads the command line, checks, prints the table and writes it to the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count-and", type=int, default=500, help='images for "and"')
    parser.add_argument("--count", type=int, default=200, help="images for every other word")
    parser.add_argument("--out", type=Path, default=CACHE / "check", help="folder for sheets and rows")
    arguments = parser.parse_args()
    table = check(arguments.count_and, arguments.count, arguments.out)
    print_table(table)
    save_text(arguments.out / "table.json", json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
