"""Sample sheets of the base model and its autoencoder, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ...tools.dev.sheets import image_grid
from .autoencoder import Autoencoder, reconstruct, to_images
from .base_model import sample
from .interactions import is_possible
from .nonce_tokens import NONCE_TOKENS

_APART = (
    ("panda", "strawberry", "kitchen"),
    ("penguin", "red box", "park"),
    ("woman", "lamp", "room"),
    ("man", "blue ball", "desert"),
    ("robot", "cup", "kitchen"),
    ("frog", "lemon", "park"),
    ("monkey", "chair", "room"),
    ("robot arm", "red cube", "plain room"),
    ("man", "cart", "studio"),
    ("elephant", "green ball", "desert"),
)
_INTERACTING = (
    ("panda", "strawberry"),
    ("penguin", "red box"),
    ("man", "chair"),
    ("frog", "blue ball"),
    ("elephant", "cup"),
)
_VAGUE = (("panda", "lamp"), ("woman", "red ball"), ("monkey", "cup"), ("robot", "lemon"))

PROMPTS = [
    *(f"a {subject} and a {object} in a {place}" for subject, object, place in _APART),
    *(
        f"a {subject} {word} a {object}"
        for interaction, word in NONCE_TOKENS.items()
        for subject, object in (
            *_INTERACTING,
            ("robot arm" if is_possible("robot arm", interaction) else "robot", "green cube"),
        )
    ),
    *(f"a {subject} with a {object}" for subject, object in _VAGUE),
    *(f"a {subject} handling a {object}" for subject, object in _VAGUE),
    "a photo of a panda",
    "a frog",
    "a photo of a lamp",
    "a robot arm and a blue cube on a grey floor",
]


def autoencoder_sheet(model: Autoencoder, images: np.ndarray, path: Path) -> None:
    """Saves uint8 images (N, H, W, 3) above their reconstructions."""
    image_grid(np.concatenate([images, reconstruct(model, images)]), len(images)).save(path)


@torch.no_grad()
def base_model_sheet(
    unet: torch.nn.Module,
    text_encoder: torch.nn.Module,
    autoencoder: Autoencoder,
    path: Path,
    prompts: Sequence[str] = PROMPTS,
    seed: int = 0,
) -> None:
    """Saves one image a prompt, ten a row."""
    latents = sample(unet, text_encoder, prompts, seed)
    image_grid(to_images(autoencoder.decode(latents)), 10).save(path)
