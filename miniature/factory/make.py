"""The miniature base model from its seed to the shipped file: ``make miniature``.

Every stage keeps what it has in ``miniature/.cache`` and goes on from there when run again; sample sheets land beside it.
Without a GPU one process a core trains: ``torchrun --nproc-per-node N . miniature.make``, each takes its part of a batch.
"""

import argparse
import datetime
import functools
import json
import os

import numpy as np
import torch
import torch.distributed as dist

from . import autoencoder, export, sheets, simulated
from . import base_model as base
from . import world_images as dataset


def make_latents(model, images, path):
    """Latents fp16 (N, 4, 12, 12) of images, kept in ``path``; only images beyond those already there are encoded."""
    known = torch.from_numpy(np.load(path)) if path.exists() else torch.zeros(0, 4, 12, 12, dtype=torch.float16)
    if len(known) < len(images):
        known = torch.cat([known, autoencoder.encode_all(model, images[len(known) :])])
        dataset.save_array(path, known.numpy())
    return known


def _first(work):
    """Run ``work`` in the first process while the others wait."""
    if not dist.is_initialized() or dist.get_rank() == 0:
        work()
    if dist.is_initialized():
        dist.barrier()


def run(shards, autoencoder_steps, base_steps, word_steps, decoder_steps, seed, cache=dataset.CACHE, out=export.FILE):
    """All stages, each from where it stopped."""
    report = functools.partial(print, flush=True)
    _first(
        lambda: dataset.generate(shards, cache / "world", progress=lambda *n: report("world shard {} of {}".format(*n)))
    )
    _first(lambda: simulated.generate(cache / "simulated"))
    images, facts = dataset.load(cache / "world")
    apart, apart_facts, lifted = simulated.load(cache / "simulated")

    # The autoencoder must be able to draw simulated images too and sees them about one time in eight. The base model
    # never does: what it knows of robots is the everyday domain's.
    repeats = max(1, len(images) // 7 // (len(apart) + len(lifted)))
    seen = np.concatenate([images, *[apart, lifted] * repeats])
    seen_facts = facts + (apart_facts + [{}] * len(lifted)) * repeats
    model = autoencoder.train(
        seen, seen_facts, cache / "autoencoder.pt", autoencoder_steps, seed=seed, progress=report
    ).eval()
    _first(lambda: make_latents(model, images, cache / "latents.npy"))
    latents = torch.from_numpy(np.load(cache / "latents.npy"))
    models = base.train(latents, facts, cache / "base.pt", base_steps, seed=seed, progress=report)
    unet, text = base.train(
        latents,
        facts,
        cache / "words.pt",
        word_steps,
        rate=5e-4,
        seed=seed + 1,
        start=models,
        stress=base.STRESS,
        progress=report,
    ).eval()
    model = autoencoder.train(
        seen, seen_facts, cache / "decoder.pt", decoder_steps, rate=1e-3, seed=seed, start=model, progress=report
    ).eval()

    def ship():
        sheets.autoencoder_sheet(model, np.concatenate([images[:8], lifted[:4]]), cache / "autoencoder.png")
        sheets.base_sheet(unet, text, model, cache / "base.png")
        steps = dict(autoencoder=autoencoder_steps, base=base_steps, words=word_steps, decoder=decoder_steps)
        export.write(
            out,
            export.checkpoint_state(unet, text, model, base.words()),
            dict(
                license="Apache-2.0",
                made_by="python . miniature.factory.make",
                seed=seed,
                steps=json.dumps(steps),
                architecture="SD1.x",
                images=f"{len(images)} rendered by miniature/factory/everyday_world.py, {len(apart)} recorded by sim, all by this project",
            ),
        )
        report(f"Written: {out}")

    _first(ship)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=40, help="thousands of rendered images")
    parser.add_argument("--autoencoder-steps", type=int, default=8000)
    parser.add_argument("--base-steps", type=int, default=14000)
    parser.add_argument("--word-steps", type=int, default=6000, help="of the base model with the hidden words stressed")
    parser.add_argument("--decoder-steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", timeout=datetime.timedelta(hours=3))
    run(**vars(parser.parse_args()))
