"""The embedded style editor's assets: its depth model, its encoder and its style images.

The editor itself is an ordinary checkpoint, ``weights.STYLE_EDITOR``: a style-conditioned InstructPix2Pix of SD 1.x
for the stock checkpoint loader. Depth model and encoder are ordinary folders of transformers.
``python . miniature.factory.train_style_editor`` makes all of them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from PIL import Image

from .weights import DEPTH, ENCODER, STYLES

if TYPE_CHECKING:
    from ..scoring.encoders import Encoder
    from ..scoring.structure import DepthModel

IMAGES_PER_STYLE = 5


def style_names() -> list[str]:
    """Lists the materials that have style images, sorted."""
    return sorted(path.stem for path in STYLES.glob("*.png"))


def load_style_images(style: str, count: int = IMAGES_PER_STYLE) -> tuple[torch.Tensor, torch.Tensor]:
    """Loads style images of one material; the five repeat where more are asked for.

    Args:
        style: one of ``style_names()``.
        count: how many images.

    Returns:
        Images, float (count, 96, 96, 3) in 0..1, and masks, float (count, 96, 96), 1 where the style is.
    """
    sheet = torch.from_numpy(np.asarray(Image.open(STYLES / f"{style}.png")).copy())
    tiles = rearrange(sheet, "h (n w) c -> n h w c", w=sheet.shape[0])
    tiles = tiles[torch.arange(count) % len(tiles)]
    return tiles[..., :3].float() / 255, (tiles[..., 3] == 255).float()


def load_depth_model() -> DepthModel:
    """Loads the embedded depth model, called "miniature": inverse depth from 0, the farthest, to 1, the nearest."""
    from ..scoring.structure import load_depth_model

    model: DepthModel = load_depth_model(DEPTH)
    model.name = "miniature"
    return model


def load_encoder() -> Encoder:
    """Loads the embedded encoder of styles, called "miniature"."""
    from ..scoring.encoders import load_encoder

    encoder: Encoder = load_encoder("DINOv2", str(ENCODER))
    encoder.name = "miniature"
    return encoder
