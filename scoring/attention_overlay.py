"""Attention as pictures: maps in colour over what was drawn."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

GAP, LINE, SIDE = 6, 22, 192
STRENGTH = 0.65  # how much of the colour covers the picture
# dark blue, violet, orange, pale yellow: also told apart in grey
COLOURS = torch.tensor([[0.05, 0.03, 0.3], [0.5, 0.07, 0.5], [0.93, 0.4, 0.25], [0.98, 0.98, 0.65]])


def stretched(maps, height, width):
    """Maps (B, h, w) at the size of the pictures, each stretched from its least value, 0, to its greatest, 1."""
    maps = interpolate(maps[:, None], (height, width), mode="bicubic")[:, 0]
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(1e-12)


def overlay(pictures, stretched_maps):
    """Pictures (B, H, W, 3) under their maps (B, H, W) in colour."""
    place = stretched_maps.clamp(0, 1) * (len(COLOURS) - 1)
    below = place.floor().long().clamp_max(len(COLOURS) - 2)
    share = (place - below)[..., None]
    colour = COLOURS[below] * (1 - share) + COLOURS[below + 1] * share
    return pictures * (1 - STRENGTH) + colour * STRENGTH


def sheets(pictures, words):
    """One sheet a picture: a row for each word, with the picture first and then the overlay of each group.

    words: {word: {group: (B, h, w)}}, the share of attention that goes to the word. Returns (B, H', W', 3).
    """
    height, width = pictures.shape[1:3]
    scale = SIDE / max(height, width)
    cell = round(width * scale), round(height * scale)
    columns = len(next(iter(words.values()))) + 1
    size = columns * (cell[0] + GAP) + GAP, len(words) * (cell[1] + LINE + GAP) + GAP
    font, drawn = ImageFont.load_default(13), []
    colours = {(word, name): overlay(pictures, stretched(maps, height, width)) for word, groups in words.items() for name, maps in groups.items()}
    for number, picture in enumerate(pictures):
        sheet = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(sheet)
        for row, (word, groups) in enumerate(words.items()):
            cells = [(word, picture), *((f"{name}: {float(maps[number].mean()):.1%}", colours[word, name][number]) for name, maps in groups.items())]
            for column, (label, tile) in enumerate(cells):
                x, y = GAP + column * (cell[0] + GAP), GAP + row * (cell[1] + LINE + GAP)
                draw.text((x, y), label, "black" if column else "firebrick", font)
                sheet.paste(Image.fromarray((tile.clamp(0, 1) * 255).round().byte().numpy()).resize(cell, Image.Resampling.LANCZOS), (x, y + LINE))
        drawn.append(torch.from_numpy(np.array(sheet)).float() / 255)
    return torch.stack(drawn)
