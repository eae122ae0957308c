"""``python . miniature.make``: the miniature base model from its seed to the shipped file.

Every stage keeps what it has in ``miniature/.cache`` and goes on from there when run again; sample sheets land beside it.
"""

import argparse
import json

import numpy as np
import torch

from . import autoencoder, base, dataset, export, sheets, simulated

SHARDS = 40


def make_latents(model, pictures, path):
    """Latents fp16 (N, 4, 12, 12) of pictures, kept in ``path``; only pictures beyond those already there are encoded."""
    known = torch.from_numpy(np.load(path)) if path.exists() else torch.zeros(0, 4, 12, 12, dtype=torch.float16)
    if len(known) < len(pictures):
        known = torch.cat([known, autoencoder.encode_all(model, pictures[len(known) :])])
        dataset.save_array(path, known.numpy())
    return known


def run(shards=SHARDS, autoencoder_seconds=900, base_seconds=3600, seed=0, cache=dataset.CACHE, out=export.FILE):
    """All stages, each from where it stopped."""
    dataset.generate(shards, cache / "world", progress=lambda done, total: print(f"world shard {done} of {total}", flush=True))
    pictures, facts = dataset.load(cache / "world")
    simulated.generate(cache / "simulated")
    apart, apart_facts, lifted = simulated.load(cache / "simulated")

    # the autoencoder sees simulated pictures as one in eight, lifted ones too
    simulated_all = np.concatenate([apart, lifted])
    repeats = max(1, len(pictures) // 8 // len(simulated_all))
    model = autoencoder.train(np.concatenate([pictures, *[simulated_all] * repeats]), cache / "autoencoder.pt",
                              autoencoder_seconds, seed=seed).eval()
    sheets.autoencoder_sheet(model, np.concatenate([pictures[:8], lifted[:4]]), cache / "autoencoder.png")

    latents = make_latents(model, pictures, cache / "latents.npy")
    apart_latents = make_latents(model, apart, cache / "simulated_latents.npy")
    unet, text = base.train(latents, facts, (apart_latents, apart_facts), cache / "base.pt", base_seconds, seed=seed).eval()
    sheets.base_sheet(unet, text, model, cache / "base.png")

    steps = {name: torch.load(cache / f"{name}.pt", weights_only=True)["step"] for name in ("autoencoder", "base")}
    export.write(out, export.checkpoint_state(unet, text, model, base.words()), dict(
        license="Apache-2.0", made_by="python . miniature.make", seed=seed, steps=json.dumps(steps),
        pictures=f"{len(pictures)} rendered by miniature/world.py, {len(apart)} recorded by sim", architecture="SD1.x"))
    print(f"Written: {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=SHARDS, help="thousands of rendered pictures")
    parser.add_argument("--autoencoder-seconds", type=float, default=900)
    parser.add_argument("--base-seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    run(**vars(parser.parse_args()))
