"""Images of the world on disk: shards of ``SHARD`` scenes with consecutive seeds, rendered by all cores, resumable.

Shard k is ``k.npy`` (uint8 images (SHARD, 96, 96, 3)) and ``k.json`` (the facts of each, see ``Shot.facts``).
"""

import functools
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np

from .everyday_world import render, sample_scene

SHARD = 1000
CACHE = Path(__file__).parents[1] / ".cache"


def save_array(path, array):
    with open(f"{path}.part", "wb") as file:
        np.save(file, array)
    os.replace(f"{path}.part", path)


def save_text(path, text):
    Path(f"{path}.part").write_text(text)
    os.replace(f"{path}.part", path)


def make_shard(folder, index):
    shots = [render(sample_scene(seed)) for seed in range(index * SHARD, (index + 1) * SHARD)]
    save_text(folder / f"{index}.json", json.dumps([shot.facts() for shot in shots]))
    save_array(folder / f"{index}.npy", np.stack([shot.image for shot in shots]))


def generate(shards, folder=CACHE / "world", workers=None, progress=None):
    """Render the shards that are missing. ``progress(done, total)`` after each."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(shards) if not (folder / f"{k}.npy").exists()]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for done, _ in enumerate(pool.imap_unordered(functools.partial(make_shard, folder), missing), 1):
            if progress:
                progress(shards - len(missing) + done, shards)


def load(folder=CACHE / "world"):
    """Images (N, 96, 96, 3) uint8 and their N facts, in the order of the seeds, of all shards there are."""
    paths = sorted(folder.glob("*.npy"), key=lambda path: int(path.stem))
    images = np.concatenate([np.load(path) for path in paths])
    facts = [fact for path in paths for fact in json.loads(path.with_suffix(".json").read_text())]
    return images, facts
