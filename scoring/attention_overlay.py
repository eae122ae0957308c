"""Attention as images: maps in color over the generated images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

GAP, LINE, SIDE = 6, 22, 192  # pixels: between cells, of a label, of a cell's longer side
STRENGTH = 0.65  # how much of the color covers the image
# dark blue, violet, orange, pale yellow: also told apart in gray
COLORS = torch.tensor([[0.05, 0.03, 0.3], [0.5, 0.07, 0.5], [0.93, 0.4, 0.25], [0.98, 0.98, 0.65]])


def normalize_maps(maps: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Scales maps (B, h, w) to (B, height, width), each from its least value, 0, to its greatest, 1."""
    scaled = interpolate(rearrange(maps, "b h w -> b 1 h w"), (height, width), mode="bicubic")
    maps = rearrange(scaled, "b 1 h w -> b h w")
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def overlay(images: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Covers images (B, H, W, 3) with maps (B, H, W) in 0..1, in color."""
    position = maps.clamp(0, 1) * (len(COLORS) - 1)
    lower = position.floor().long().clamp_max(len(COLORS) - 2)
    share = rearrange(position - lower, "b h w -> b h w 1")
    color = COLORS[lower] * (1 - share) + COLORS[lower + 1] * share
    return images * (1 - STRENGTH) + color * STRENGTH


def sheets(images: torch.Tensor, words: Mapping[str, Mapping[str, torch.Tensor]]) -> torch.Tensor:
    """Draws one sheet an image: a row for each word, with the image first and then the overlay of each group of layers.

    Args:
        images: (B, H, W, 3) in 0..1.
        words: {word: {group: (B, h, w)}}, the share of attention that goes to the word.

    Returns:
        The sheets (B, H', W', 3) in 0..1.
    """
    height, width = images.shape[1:3]
    scale = SIDE / max(height, width)
    cell = round(width * scale), round(height * scale)
    columns = len(next(iter(words.values()))) + 1
    size = columns * (cell[0] + GAP) + GAP, len(words) * (cell[1] + LINE + GAP) + GAP
    overlays = {
        (word, group): overlay(images, normalize_maps(maps, height, width))
        for word, groups in words.items()
        for group, maps in groups.items()
    }
    font, pages = ImageFont.load_default(13), []
    for number, image in enumerate(images):
        sheet = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(sheet)
        for row, (word, groups) in enumerate(words.items()):
            tiles = [(word, image)]
            tiles += [
                (f"{group}: {float(maps[number].mean()):.1%}", overlays[word, group][number])
                for group, maps in groups.items()
            ]
            for column, (label, tile) in enumerate(tiles):
                x, y = GAP + column * (cell[0] + GAP), GAP + row * (cell[1] + LINE + GAP)
                draw.text((x, y), label, "black" if column else "firebrick", font)
                pixels = (tile.clamp(0, 1) * 255).round().byte().numpy()
                sheet.paste(Image.fromarray(pixels).resize(cell, Image.Resampling.LANCZOS), (x, y + LINE))
        pages.append(torch.from_numpy(np.array(sheet)).float() / 255)
    return torch.stack(pages)
