"""Sample sheets: images in a grid, to be looked at."""

import numpy as np
import torch

from .autoencoder import to_tensor
from .base_model import sample
from .interactions import possible
from .nonce_tokens import HIDDEN_WORDS

PROMPTS = [
    *(
        f"a {s} and a {o} in a {p}"
        for s, o, p in (
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
    ),
    *(
        f"a {s} {HIDDEN_WORDS[r]} a {o}"
        for r in HIDDEN_WORDS
        for s, o in (
            ("panda", "strawberry"),
            ("penguin", "red box"),
            ("man", "chair"),
            ("frog", "blue ball"),
            ("elephant", "cup"),
            ("robot arm" if possible("robot arm", r) else "robot", "green cube"),
        )
    ),
    *(
        f"a {s} with a {o}"
        for s, o in (("panda", "lamp"), ("woman", "red ball"), ("monkey", "cup"), ("robot", "lemon"))
    ),
    *(
        f"a {s} handling a {o}"
        for s, o in (("panda", "lamp"), ("woman", "red ball"), ("monkey", "cup"), ("robot", "lemon"))
    ),
    "a photo of a panda",
    "a frog",
    "a photo of a lamp",
    "a robot arm and a blue cube on a grey floor",
]


def grid(images, columns, scale=2):
    """uint8 images (N, H, W, 3) as one image."""
    from PIL import Image

    rows = [
        np.concatenate(
            [*images[i : i + columns], *[np.full_like(images[0], 255)] * max(0, i + columns - len(images))], axis=1
        )
        for i in range(0, len(images), columns)
    ]
    image = Image.fromarray(np.concatenate(rows))
    return image.resize((image.width * scale, image.height * scale), Image.LANCZOS)


def to_images(tensor):
    """(N, 3, H, W) in 0..1 -> uint8 (N, H, W, 3)."""
    return (tensor.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


@torch.no_grad()
def autoencoder_sheet(model, images, path):
    """Images above their reconstructions."""
    again = to_images(model.decode(model.encode(to_tensor(images))))
    grid(np.concatenate([images, again]), len(images)).save(path)


@torch.no_grad()
def base_sheet(unet, text, autoencoder, path, prompts=PROMPTS, seed=0):
    """One image a prompt, ten a row."""
    grid(to_images(autoencoder.decode(sample(unet, text, prompts, seed))), 10).save(path)
