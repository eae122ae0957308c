"""Trains the judges from nothing: ``python . miniature.factory.train_judges [detector classifiers clip]``.

Each trains on a core of its own and goes on from where it stopped. ``python . miniature.factory.make`` must have run,
for its autoencoder. Everything follows from seeds, but for the order of the tokenizers' tokens (``judge_tokenizer``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ...errors import InteractiveActionError
from .autoencoder import Autoencoder, reconstruct
from .cache import CACHE, load_state, save_array
from .judge_images import Renders, simulated_renders, training_renders
from .train_classifier import train_classifiers
from .train_clip import train_clip
from .train_detector import train_detector

NUM_SHARDS = 16
TRAININGS: dict[str, Callable[[Renders], None]] = {
    "detector": train_detector,
    "classifiers": train_classifiers,
    "clip": train_clip,
}
MATERIAL: dict[str, Renders] = {}  # "renders" is set by ``main`` before it forks


def learning_material(num_shards: int = NUM_SHARDS) -> Renders:
    """Reads everyday and simulated renders, every second one as the base model's autoencoder reconstructs it.

    Args:
        num_shards: of everyday renders.

    Raises:
        InteractiveActionError: the base model has not been made.
    """
    if not (CACHE / "simulated" / "lifted.npy").exists():
        raise InteractiveActionError(
            f"The judges learn from what the base model's making leaves in {CACHE}, and there is nothing. "
            "Run `python . miniature.factory.make` first."
        )
    everyday, simulation = training_renders(num_shards), simulated_renders()
    images, path = np.concatenate([everyday.images, simulation.images]), CACHE / "judges" / "reconstructed.npy"
    if not path.exists():
        state = load_state(CACHE / "autoencoder.pt")
        if state is None:
            raise InteractiveActionError(
                f"The judges need the base model's autoencoder, {CACHE / 'autoencoder.pt'}, which is not there. "
                "Run `python . miniature.factory.make` first."
            )
        autoencoder = Autoencoder()
        autoencoder.load_state_dict(state["model"])
        images[1::2] = reconstruct(autoencoder, images[1::2])
        save_array(path, images)
    return Renders(np.load(path), np.concatenate([everyday.masks, simulation.masks]), everyday.facts + simulation.facts)


def train(name: str) -> None:
    """Trains one of ``TRAININGS`` on the material of the process that forked this one."""
    TRAININGS[name](MATERIAL["renders"])


def main(names: Sequence[str]) -> None:
    """Trains the judges of these names side by side."""
    torch.set_num_threads(1)
    MATERIAL["renders"] = learning_material()
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:  # forked: all read the same images
        pool.map(train, names, chunksize=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"these alone: {', '.join(TRAININGS)}")
    names = parser.parse_args().names or [*TRAININGS]
    if unknown := [name for name in names if name not in TRAININGS]:
        parser.error(f"There is no judge called {unknown[0]!r}. Choose from {', '.join(TRAININGS)}.")
    main(names)
