"""Attention as images: maps in color over the samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

GAP, LINE, SIDE = 6, 22, 192  # pixels between cells, above a cell for its label, of a cell's longer side
STRENGTH = 0.65  # how much of the color covers the image
# dark blue, violet, orange, pale yellow: also told apart in gray
COLORS = torch.tensor([[0.05, 0.03, 0.3], [0.5, 0.07, 0.5], [0.93, 0.4, 0.25], [0.98, 0.98, 0.65]])
WordMaps = Mapping[str, Mapping[str, torch.Tensor]]
"""word -> group of layers -> (B, h, w), the share of attention that goes to the word."""


def stretch(maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Returns maps (B, height, width), each stretched from its least value, 0, to its greatest, 1.

    Args:
        maps: (B, h, w).
        height: of the images.
        width: of the images.
    """
    maps = interpolate(rearrange(maps, "b h w -> b 1 h w"), (height, width), mode="bicubic")[:, 0]
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def overlay(images: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Returns images (B, H, W, 3) in 0..1 under their maps in color.

    Args:
        images: (B, H, W, 3) in 0..1.
        maps: (B, H, W), stretched.
    """
    place = maps.clamp(0, 1) * (len(COLORS) - 1)
    below = place.floor().long().clamp_max(len(COLORS) - 2)
    share = rearrange(place - below, "b h w -> b h w 1")
    color = COLORS[below] * (1 - share) + COLORS[below + 1] * share
    return images * (1 - STRENGTH) + color * STRENGTH


def attention_sheets(images: torch.Tensor, words: WordMaps) -> torch.Tensor:
    """Returns one sheet an image, (B, H', W', 3): a row for each word, the image first, then each group's overlay.

    Args:
        images: (B, H, W, 3) in 0..1.
        words: their maps.
    """
    height, width = images.shape[1:3]
    overlays = {
        (word, group): overlay(images, stretch(maps, height, width))
        for word, groups in words.items()
        for group, maps in groups.items()
    }
    scale = SIDE / max(height, width)
    cell = round(width * scale), round(height * scale)
    sheets = []
    for number, image in enumerate(images):
        rows = [
            [(word, image)]
            + [
                (f"{group}: {float(maps[number].mean()):.1%}", overlays[word, group][number])
                for group, maps in groups.items()
            ]
            for word, groups in words.items()
        ]
        sheets.append(_sheet(rows, cell))
    return torch.stack(sheets)


def _sheet(rows: list[list[tuple[str, torch.Tensor]]], cell: tuple[int, int]) -> torch.Tensor:
    """Rows of (label, image (H, W, 3)) on white, each image of ``cell`` pixels (width, height): (H', W', 3)."""
    font = ImageFont.load_default(13)
    width = len(rows[0]) * (cell[0] + GAP) + GAP
    sheet = Image.new("RGB", (width, len(rows) * (cell[1] + LINE + GAP) + GAP), "white")
    canvas = ImageDraw.Draw(sheet)
    for row, cells in enumerate(rows):
        for column, (label, image) in enumerate(cells):
            x, y = GAP + column * (cell[0] + GAP), GAP + row * (cell[1] + LINE + GAP)
            canvas.text((x, y), label, "black" if column else "firebrick", font)
            tile = Image.fromarray((image.clamp(0, 1) * 255).round().byte().numpy())
            sheet.paste(tile.resize(cell, Image.Resampling.LANCZOS), (x, y + LINE))
    return torch.from_numpy(np.array(sheet)).float() / 255
