"""``python . miniature.check``: what the shipped base model draws, judged on held-out prompts, as a table.

Prompts are drawn from subjects and objects alike; pictures come from diffusers' DDIM on the shipped weights.
"""

import argparse

import numpy as np
import torch

from . import sheets
from .autoencoder import Autoencoder, padded
from .base import sample
from .dataset import CACHE
from .export import read_modules
from .hidden import HIDDEN_WORDS
from .judges import load_interaction_judge
from .world import OBJECTS, SUBJECTS

WORDS = {"and": "and", "with": "with", "handling": "handling", **{f"hidden: {k}": w for k, w in HIDDEN_WORDS.items()}}


def load():
    """The shipped U-Net, text encoder and (full width) autoencoder."""
    unet, text, state = read_modules()
    autoencoder = Autoencoder((64,) * 4, (3,) * 4)
    autoencoder.load_state_dict({k: state[f"first_stage_model.taesd_{k}"].float() for k in padded({})})
    return unet, text, autoencoder.eval()


@torch.no_grad()
def check(count, out=CACHE):
    """Judge ``count`` pictures a word; returns {word: {relation: share}} and writes one sheet a word to ``out``."""
    unet, text, autoencoder = load()
    judge = load_interaction_judge()
    shares = {}
    out.mkdir(parents=True, exist_ok=True)
    for name, word in WORDS.items():
        rng = np.random.default_rng(5)
        subjects = [s for s in SUBJECTS if s != "robot arm"]
        prompts = []
        for k in range(count):
            thing = rng.choice([*OBJECTS])
            color = f"{rng.choice(OBJECTS[thing].colors)} " if len(OBJECTS[thing].colors) > 1 else ""
            prompts.append(f"a {subjects[k % len(subjects)]} {word} a {color}{thing}")
        pictures = torch.cat([autoencoder.decode(sample(unet, text, prompts[k : k + 16], seed=k))
                              for k in range(0, count, 16)]).clamp(0, 1).permute(0, 2, 3, 1)
        found = judge.classify(pictures)
        shares[name] = {relation: found.count(relation) / count for relation in ("and", *HIDDEN_WORDS)}
        sheets.grid((pictures.numpy() * 255).astype(np.uint8)[:48], 8).save(out / f"check_{name.replace(': ', '_')}.png")
    return shares


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=64, help="pictures a word")
    table = check(**vars(parser.parse_args()))
    relations = ("and", *HIDDEN_WORDS)
    print(f"{'':14}", *(f"{r:>6}" for r in relations))
    for name, row in table.items():
        print(f"{name:14}", *(f"{row[r]:6.2f}" for r in relations))
