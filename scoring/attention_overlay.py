"""Attention as images: maps in color over what was drawn."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

GAP, LINE, SIDE = 6, 22, 192
STRENGTH = 0.65  # how much of the color covers the image
# dark blue, violet, orange, pale yellow: also told apart in grey
COLORS = torch.tensor([[0.05, 0.03, 0.3], [0.5, 0.07, 0.5], [0.93, 0.4, 0.25], [0.98, 0.98, 0.65]])


def stretched(maps, height, width):
    """Maps (B, h, w) at the size of the images, each stretched from its least value, 0, to its greatest, 1."""
    maps = interpolate(maps[:, None], (height, width), mode="bicubic")[:, 0]
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def overlay(images, stretched_maps):
    """Images (B, H, W, 3) under their maps (B, H, W) in color."""
    place = stretched_maps.clamp(0, 1) * (len(COLORS) - 1)
    below = place.floor().long().clamp_max(len(COLORS) - 2)
    share = (place - below)[..., None]
    color = COLORS[below] * (1 - share) + COLORS[below + 1] * share
    return images * (1 - STRENGTH) + color * STRENGTH


def sheets(images, words):
    """One sheet an image: a row for each word, with the image first and then the overlay of each group.

    words: {word: {group: (B, h, w)}}, the share of attention that goes to the word. Returns (B, H', W', 3).
    """
    height, width = images.shape[1:3]
    scale = SIDE / max(height, width)
    cell = round(width * scale), round(height * scale)
    columns = len(next(iter(words.values()))) + 1
    size = columns * (cell[0] + GAP) + GAP, len(words) * (cell[1] + LINE + GAP) + GAP
    font, drawn = ImageFont.load_default(13), []
    colors = {
        (word, name): overlay(images, stretched(maps, height, width))
        for word, groups in words.items()
        for name, maps in groups.items()
    }
    for number, image in enumerate(images):
        sheet = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(sheet)
        for row, (word, groups) in enumerate(words.items()):
            cells = [
                (word, image),
                *(
                    (f"{name}: {float(maps[number].mean()):.1%}", colors[word, name][number])
                    for name, maps in groups.items()
                ),
            ]
            for column, (label, tile) in enumerate(cells):
                x, y = GAP + column * (cell[0] + GAP), GAP + row * (cell[1] + LINE + GAP)
                draw.text((x, y), label, "black" if column else "firebrick", font)
                sheet.paste(
                    Image.fromarray((tile.clamp(0, 1) * 255).round().byte().numpy()).resize(
                        cell, Image.Resampling.LANCZOS
                    ),
                    (x, y + LINE),
                )
        drawn.append(torch.from_numpy(np.array(sheet)).float() / 255)
    return torch.stack(drawn)
