"""Images of the world on disk: shards of ``SHARD`` scenes with consecutive seeds, rendered by all cores, resumable.

Shard k is ``k.npy`` (uint8 images (SHARD, 96, 96, 3)) and ``k.json`` (the facts of each image).
"""

from __future__ import annotations

import functools
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .cache import CACHE, save_array, save_text
from .everyday_render import Facts, render
from .everyday_world import sample_scene

SHARD = 1000


def make_shard(folder: Path, index: int) -> None:
    """Renders the scenes of one shard and writes them."""
    shots = [render(sample_scene(seed)) for seed in range(index * SHARD, (index + 1) * SHARD)]
    save_text(folder / f"{index}.json", json.dumps([shot.facts() for shot in shots]))
    save_array(folder / f"{index}.npy", np.stack([shot.image for shot in shots]))


def generate(
    num_shards: int,
    folder: Path = CACHE / "world",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Renders the shards that are missing.

    Args:
        num_shards: how many there are to be.
        folder: where they are.
        workers: processes; None: one for each core.
        progress: called as ``progress(done, total)`` after each shard.
    """
    missing = [index for index in range(num_shards) if not (folder / f"{index}.npy").exists()]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for done, _ in enumerate(pool.imap_unordered(functools.partial(make_shard, folder), missing), 1):
            if progress:
                progress(num_shards - len(missing) + done, num_shards)


def load(folder: Path = CACHE / "world") -> tuple[np.ndarray, list[Facts]]:
    """Reads all shards there are: images uint8 (N, 96, 96, 3) and their N facts, in the order of the seeds."""
    paths = sorted(folder.glob("*.npy"), key=lambda path: int(path.stem))
    images = np.concatenate([np.load(path) for path in paths])
    facts = [fact for path in paths for fact in json.loads(path.with_suffix(".json").read_text())]
    return images, facts
