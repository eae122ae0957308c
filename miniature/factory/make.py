"""Makes the miniature base model, from its seed to the shipped file: ``make miniature``.

Every stage keeps what it has in ``miniature/.cache`` and goes on from there when run again; sample sheets land beside
it. Without a GPU one process a core trains, and each has its part of a batch:
``torchrun --nproc-per-node N . miniature.factory.make``.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from ..weights import CHECKPOINT
from . import export, simulated, train_autoencoder, train_base_model, world_images
from .autoencoder import Autoencoder, encode_all
from .base_model import vocabulary
from .cache import CACHE, save_array
from .everyday_render import Facts
from .sample_sheets import autoencoder_sheet, base_model_sheet

log = functools.partial(print, flush=True)


@dataclass(frozen=True)
class Steps:
    """How long each stage trains."""

    autoencoder: int = 8000
    base: int = 14000
    words: int = 6000
    decoder: int = 2000


def make_latents(model: Autoencoder, images: np.ndarray, path: Path) -> torch.Tensor:
    """Encodes images, keeping the latents on disk; only images beyond those already there are encoded.

    Args:
        model: the autoencoder.
        images: uint8 (N, 96, 96, 3).
        path: of the latents.

    Returns:
        fp16 (N, 4, 12, 12).
    """
    latents = torch.from_numpy(np.load(path)) if path.exists() else torch.zeros(0, 4, 12, 12, dtype=torch.float16)
    if len(latents) < len(images):
        latents = torch.cat([latents, encode_all(model, images[len(latents) :])])
        save_array(path, latents.numpy())
    return latents


def _first(work: Callable[[], object]) -> None:
    """Runs ``work`` in the first process while the others wait."""
    if not dist.is_initialized() or dist.get_rank() == 0:
        work()
    if dist.is_initialized():
        dist.barrier()


def run(num_shards: int, steps: Steps, seed: int, cache: Path = CACHE, path: Path = CHECKPOINT) -> None:
    """Runs all stages, each from where it stopped.

    Args:
        num_shards: thousands of rendered images.
        steps: of each stage.
        seed: decides everything.
        cache: where the stages keep what they have.
        path: of the shipped file.
    """
    _first(
        lambda: world_images.generate(
            num_shards, cache / "world", progress=lambda done, total: log(f"world shard {done} of {total}")
        )
    )
    _first(lambda: simulated.generate(cache / "simulated"))
    images, facts = world_images.load(cache / "world")
    apart, apart_facts, lifted = simulated.load(cache / "simulated")

    # The autoencoder must be able to show simulated images too and sees them about one time in eight. The base model
    # never does: what it knows of robots is the everyday domain's.
    repeats = max(1, len(images) // 7 // (len(apart) + len(lifted)))
    all_images = np.concatenate([images, *[apart, lifted] * repeats])
    lifted_facts: list[Facts] = [{} for _ in lifted]
    all_facts = facts + (apart_facts + lifted_facts) * repeats
    fit_autoencoder = functools.partial(train_autoencoder.train, all_images, all_facts, log=log)
    settings = train_autoencoder.Settings(steps.autoencoder, seed=seed)
    autoencoder = fit_autoencoder(cache / "autoencoder.pt", settings).eval()

    _first(lambda: make_latents(autoencoder, images, cache / "latents.npy"))
    latents = torch.from_numpy(np.load(cache / "latents.npy"))
    fit_base_model = functools.partial(train_base_model.train, latents, facts, log=log)
    models = fit_base_model(cache / "base.pt", train_base_model.Settings(steps.base, seed=seed))
    words = train_base_model.Settings(
        steps.words, rate=5e-4, seed=seed + 1, nonce_weights=train_base_model.NONCE_WEIGHTS
    )
    unet, text_encoder = fit_base_model(cache / "words.pt", words, start=models).eval()

    settings = train_autoencoder.Settings(steps.decoder, rate=1e-3, seed=seed)
    autoencoder = fit_autoencoder(cache / "decoder.pt", settings, start=autoencoder).eval()

    def ship() -> None:
        autoencoder_sheet(autoencoder, np.concatenate([images[:8], lifted[:4]]), cache / "autoencoder.png")
        base_model_sheet(unet, text_encoder, autoencoder, cache / "base.png")
        metadata = dict(
            license="Apache-2.0",
            made_by="python . miniature.factory.make",
            seed=seed,
            steps=json.dumps(asdict(steps)),
            architecture="SD1.x",
            images=f"{len(images)} rendered by miniature/factory/everyday_world.py, {len(apart)} recorded by sim, "
            "all by this project",
        )
        export.write(path, export.checkpoint_state(unet, text_encoder, autoencoder, vocabulary().ids), metadata)
        log(f"Written: {path}")

    _first(ship)


def main() -> None:
    """Reads the command line and runs all stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=40, help="thousands of rendered images")
    parser.add_argument("--autoencoder-steps", type=int, default=Steps.autoencoder)
    parser.add_argument("--base-steps", type=int, default=Steps.base)
    parser.add_argument("--word-steps", type=int, default=Steps.words, help="with the nonce tokens weighing more")
    parser.add_argument("--decoder-steps", type=int, default=Steps.decoder)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=3))
    steps = Steps(arguments.autoencoder_steps, arguments.base_steps, arguments.word_steps, arguments.decoder_steps)
    run(arguments.shards, steps, arguments.seed)


if __name__ == "__main__":
    main()
