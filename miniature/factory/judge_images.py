"""The images that the judges learn from: renders with masks, and what goes wrong with generated images.

Judges may know what the base model may not: here all interactions are equally common, and no combination is held out.
"""

from __future__ import annotations

import json
import multiprocessing
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from torchvision.transforms import v2

from ..judges import INTERACTIONS
from . import simulated
from .cache import CACHE, save_array, save_text
from .everyday_render import SIZE, Facts, render
from .everyday_world import HELD_OUT_SEEDS, sample_scene
from .world_images import SHARD

FOLDER = CACHE / "judges"
FIRST_SEED = HELD_OUT_SEEDS // 2  # the base model counts up from 0
CHECK_SEED = HELD_OUT_SEEDS + 500_000  # never trained on
KINDS = {"and": 0.22, **dict.fromkeys(INTERACTIONS, 0.12), "subject": 0.1, "object": 0.08}
"""What an image shows -> its share."""


class Renders(NamedTuple):
    """Images with the truth about them.

    Attributes:
        images: uint8 (N, 96, 96, 3).
        masks: visible subject and object as packed bits, uint8 (N, 2, 1152).
        facts: of each image.
    """

    images: np.ndarray
    masks: np.ndarray
    facts: list[Facts]


def render_scenes(first_seed: int, count: int) -> Renders:
    """Renders ``count`` scenes with consecutive seeds in the judges' mixture ``KINDS``."""
    kinds = np.random.default_rng(first_seed).choice(list(KINDS), count, p=list(KINDS.values()))
    scenes = [sample_scene(seed, relation=str(kind), held_out=True) for seed, kind in enumerate(kinds, first_seed)]
    shots = [render(scene) for scene in scenes]
    masks = np.stack([np.stack([shot.subject_mask, shot.object_mask]) for shot in shots])
    return Renders(np.stack([shot.image for shot in shots]), pack_masks(masks), [shot.facts() for shot in shots])


def pack_masks(masks: np.ndarray) -> np.ndarray:
    """Packs masks, bool (N, 2, 96, 96) -> uint8 (N, 2, 1152)."""
    return np.packbits(rearrange(masks, "n kind h w -> n kind (h w)"), axis=-1)


def unpack_masks(masks: np.ndarray) -> np.ndarray:
    """Unpacks masks, uint8 (..., 1152) -> bool (..., 96, 96)."""
    return rearrange(np.unpackbits(masks, axis=-1), "... (h w) -> ... h w", h=SIZE).astype(bool)


def _make_shard(index: int) -> None:
    shard = render_scenes(FIRST_SEED + index * SHARD, SHARD)
    save_text(FOLDER / f"{index}.json", json.dumps(shard.facts))
    save_array(FOLDER / f"{index}.masks.npy", shard.masks)
    save_array(FOLDER / f"{index}.npy", shard.images)


def training_renders(num_shards: int, workers: int = 1) -> Renders:
    """Reads the everyday images to train on, rendered where they are missing.

    Args:
        num_shards: of ``SHARD`` images each.
        workers: processes that render.
    """
    missing = [index for index in range(num_shards) if not (FOLDER / f"{index}.npy").exists()]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for done, _ in enumerate(pool.imap_unordered(_make_shard, missing), 1):
            print(f"rendered {done} of {len(missing)} shards", flush=True)
    return Renders(
        np.concatenate([np.load(FOLDER / f"{index}.npy") for index in range(num_shards)]),
        np.concatenate([np.load(FOLDER / f"{index}.masks.npy") for index in range(num_shards)]),
        [fact for index in range(num_shards) for fact in json.loads((FOLDER / f"{index}.json").read_text())],
    )


def simulated_renders() -> Renders:
    """Reads the simulated images; their masks are boxes, and the lifted ones have none."""
    apart, facts, lifted = simulated.load(CACHE / "simulated")
    masks = np.zeros((len(apart) + len(lifted), 2, SIZE, SIZE), bool)
    for mask, fact in zip(masks, facts):
        for kind, box in enumerate((fact["subject_box"], fact["object_box"])):
            assert box  # every image apart has both
            x, y, width, height = box
            mask[kind, y : y + height, x : x + width] = True
        mask[0] &= ~mask[1]
    lift: Facts = {**facts[0], "color": "", "relation": "lift", "subject_box": None, "object_box": None}
    return Renders(np.concatenate([apart, lifted]), pack_masks(masks), [*facts, *[lift] * len(lifted)])


def degrade(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Blurs, shrinks, compresses or adds noise to half of the images; the rest stay, but for their brightness.

    Generated images are less clean than renders, and a judge must not mind.

    Args:
        images: uint8 (B, 3, 96, 96).
        seed: decides everything; torch's global generator is seeded with it.

    Returns:
        Float (B, 3, 96, 96) in 0..1.
    """
    torch.manual_seed(seed)
    kind = torch.randint(8, (len(images),))
    images = images.clone()
    for number, transform in enumerate(
        (v2.JPEG((40, 90)), v2.GaussianBlur(5, (0.4, 1.1)), v2.Compose([v2.Resize(SIZE // 2), v2.Resize(SIZE)]))
    ):
        if (kind == number).any():
            images[kind == number] = transform(images[kind == number])
    images = images.float() / 255
    images[kind == 3] += torch.randn_like(images[kind == 3]) * 0.04
    gain = 1 + (torch.rand(len(images), 3, 1, 1) - 0.5) * 0.1
    return (images * gain).clamp(0, 1)
