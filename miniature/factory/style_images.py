"""The embedded style images: some of each material that nothing was trained on, with their masks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image

from ...files import write_atomically
from ..style_editor import IMAGES_PER_STYLE
from ..weights import STYLES
from .edit_batches import is_training_scene
from .edit_pairs import MATERIALS, EditPairs

MIN_OBJECT = 0.05  # share of the image


def make_style_images(pairs: EditPairs) -> None:
    """Writes a file a material, of images by day of different scenes that nothing was trained on."""
    rows: dict[str, dict[int, int]] = {material: {} for material in MATERIALS}  # material -> scene -> its first row
    for row, fact in enumerate(pairs.facts):
        is_large = pairs.masks[fact["view"]].mean() >= MIN_OBJECT
        if fact["light"] == "day" and not is_training_scene(fact["scene"]) and is_large:
            rows[fact["material"]].setdefault(fact["scene"], row)
    for material, of_scenes in rows.items():
        selection = list(of_scenes.values())[:IMAGES_PER_STYLE]
        masks = pairs.masks[[pairs.facts[row]["view"] for row in selection]]
        save_style_images(STYLES / f"{material}.png", pairs.images[selection], masks)


def save_style_images(path: Path, images: np.ndarray, masks: np.ndarray) -> None:
    """Writes uint8 images (N, H, W, 3) side by side; where their masks (N, H, W) are true they are opaque."""
    rgba = np.concatenate([images, np.where(masks, 255, 128).astype(np.uint8)[..., None]], 3)
    buffer = io.BytesIO()
    Image.fromarray(rearrange(rgba, "n h w c -> h (n w) c")).save(buffer, "PNG", optimize=True)
    write_atomically(path, buffer.getvalue())
