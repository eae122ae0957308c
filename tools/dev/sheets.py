"""Sheets of images for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from einops import rearrange
from PIL import Image, ImageDraw, ImageFont

from ...files import write_atomically

GAP, LINE = 4, 22  # pixels, between images and of a line of text
FONT_SIZE = 15

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


def image_grid(images: Sequence[np.ndarray] | np.ndarray, columns: int, scale: int = 2) -> Image.Image:
    """Lays images out edge to edge, without a gap.

    Args:
        images: N of them, uint8 (H, W, 3).
        columns: images a row; the last row is filled up with white.
        scale: how many times larger they are shown.
    """
    blanks = [np.full_like(images[0], 255)] * (-len(images) % columns)
    sheet = Image.fromarray(rearrange([*images, *blanks], "(row column) h w c -> (row h) (column w) c", column=columns))
    return sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.LANCZOS)


def numbered_grid(images: Sequence[np.ndarray], columns: int, first: int = 0, scale: int = 2) -> Image.Image:
    """Lays images out edge to edge, each with its number.

    Args:
        images: N of them, uint8 (H, W, 3).
        columns: images a row.
        first: number of the first image.
        scale: how many times larger they are shown.
    """
    sheet = image_grid(images, columns, scale)
    height, width = (scale * side for side in images[0].shape[:2])
    draw = ImageDraw.Draw(sheet)
    for place in range(len(images)):
        at = (place % columns * width + 4, place // columns * height + 2)
        draw.text(at, str(first + place), fill="black", stroke_width=2, stroke_fill="white")
    return sheet


def contact_sheet(images: Sequence[Image.Image], path: Path, columns: int = 8, side: int = 192) -> None:
    """Saves the first four rows of images with gaps between them.

    Args:
        images: as many as there are.
        path: of the sheet.
        columns: images a row.
        side: the longer side of an image on the sheet, in pixels.
    """
    images = images[: columns * 4]
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (side + GAP) + GAP, rows * (side + GAP) + GAP), "white")
    for number, image in enumerate(images):
        _paste(sheet, image, GAP + number % columns * (side + GAP), GAP + number // columns * (side + GAP), side)
    sheet.save(path)


def before_and_after(
    rows: Sequence[tuple[str, Sequence[Image.Image], Sequence[Image.Image]]],
    before: str,
    after: str,
    path: Path,
    columns: int = 4,
    side: int = 128,
) -> None:
    """Saves one line a prompt: the first images before on the left, those of the same seeds after on the right.

    Args:
        rows: (prompt with "..." in place of the word, images before, images after).
        before, after: the two words.
        path: of the sheet.
        columns: images of each half.
        side: of an image on the sheet, in pixels.
    """
    half = columns * (side + GAP)
    sheet, draw, font = _blank_sheet(2 * half + 5 * GAP, LINE + len(rows) * (side + LINE + GAP))
    draw.text((GAP, 2), f"before: {before}", "black", font)
    draw.text((half + 4 * GAP, 2), f"after: {after}", "black", font)
    for line, (prompt, left, right) in enumerate(rows):
        top = LINE + line * (side + LINE + GAP)
        for start, word, images in ((GAP, before.strip('"'), left), (half + 4 * GAP, after, right)):
            draw.text((start, top), prompt.replace("...", word), "dimgrey", font)
            for number, image in enumerate(images[:columns]):
                _paste(sheet, image, start + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def column_sheet(columns: Sequence[Sequence[Image.Image]], titles: Sequence[str], path: Path, side: int = 144) -> None:
    """Saves one column for each list of images, under its title.

    Args:
        columns: lists of equally many images.
        titles: of the columns.
        path: of the sheet.
        side: of an image on the sheet, in pixels.
    """
    sheet, draw, font = _blank_sheet(len(columns) * (side + GAP) + GAP, LINE + len(columns[0]) * (side + GAP))
    for number, (title, column) in enumerate(zip(titles, columns)):
        left = GAP + number * (side + GAP)
        draw.text((left, 2), title, "black", font)
        for line, image in enumerate(column):
            _paste(sheet, image, left, LINE + line * (side + GAP), side)
    sheet.save(path)


def row_sheet(rows: Sequence[tuple[str, Sequence[Image.Image]]], path: Path, side: int = 96) -> None:
    """Saves one line of images for each caption, for example a method's name.

    Args:
        rows: (caption, images).
        path: of the sheet.
        side: of an image on the sheet, in pixels.
    """
    width = max(len(images) for _, images in rows) * (side + GAP) + GAP
    sheet, draw, font = _blank_sheet(width, len(rows) * (side + LINE + GAP))
    for line, (caption, images) in enumerate(rows):
        top = line * (side + LINE + GAP)
        draw.text((GAP, top), caption, "black", font)
        for number, image in enumerate(images):
            _paste(sheet, image, GAP + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def save_jpeg(pixels: np.ndarray, path: Path, quality: int = 85) -> None:
    """Writes uint8 pixels (H, W, 3) as a JPEG, whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    write_atomically(path, buffer.getvalue())


def _blank_sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw, Font]:
    """Makes a white sheet, and what writes on it."""
    sheet = Image.new("RGB", (width, height), "white")
    return sheet, ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)


def _paste(sheet: Image.Image, image: Image.Image, x: int, y: int, side: int) -> None:
    """Pastes an image, its longer side ``side`` pixels."""
    scale = side / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    sheet.paste(image.resize(size, Image.Resampling.LANCZOS), (x, y))
