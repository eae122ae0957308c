"""IAScore over a folder of images.

A ``metadata.jsonl`` in the folder (``{"file_name", "subject", "object", "text"}``, Hugging Face's imagefolder) says what
single images should show.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from ..errors import InteractiveActionError
from . import why
from .iascore import score_images, speak

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def score_folder(folder, subject, object, text, detector, clip_scorer, phrase="", batch_size=16, progress=None):
    """Judge every image of a folder, batched among images of one size.

    Returns: the rows and their file names, both in the order of the names, and ``{file name: why it could not be read}``.
    """
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InteractiveActionError(
            f'There is no image in "{folder}". Name a folder with {", ".join(sorted(SUFFIXES))} files in it.'
        )
    said, rows, waiting = read_metadata(folder), {}, {}
    broken = dict.fromkeys(
        sorted(said.keys() - {path.name for path in paths}),
        "It is named in metadata.jsonl, but there is no such image.",
    )

    def judge(names, images):
        words = [{"subject": subject, "object": object, "text": text} | said.get(name, {}) for name in names]
        found = score_images(
            torch.stack(images),
            [word["subject"] for word in words],
            [word["object"] for word in words],
            [speak(word["text"], phrase) for word in words],
            detector,
            clip_scorer,
            batch_size=batch_size,
        )
        rows.update(zip(names, found))
        if progress:
            progress(len(rows), len(paths))

    for path in paths:
        try:
            image = read_image(path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            broken[path.name] = why(error)
            continue
        names, images = waiting.setdefault(image.shape, ([], []))
        names.append(path.name)
        images.append(image)
        if len(names) == batch_size:
            judge(*waiting.pop(image.shape))
    for names, images in waiting.values():
        judge(names, images)
    if not rows:
        raise InteractiveActionError(
            f'None of the {len(paths)} images in "{folder}" can be read; {paths[0].name}: {broken[paths[0].name]}'
        )
    names = sorted(rows)
    return [rows[name] for name in names], names, broken


def read_image(path):
    """An image file as float (H, W, 3) in 0..1, turned as its camera says; raises what Pillow raises."""
    with Image.open(path) as file:
        return torch.from_numpy(np.array(ImageOps.exif_transpose(file).convert("RGB"))).float() / 255


def read_metadata(folder):
    """What ``metadata.jsonl`` says, ``{file name: {"subject", "object", "text"}}``; empty if there is none."""
    path = Path(folder, "metadata.jsonl")
    said = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), 1):
        try:
            words = json.loads(line)
            said[words["file_name"]] = {key: words[key] for key in ("subject", "object", "text") if key in words}
        except (ValueError, KeyError, TypeError) as error:
            raise InteractiveActionError(
                f'Line {number} of "{path}" is not a JSON object with a "file_name". Correct or remove it.'
            ) from error
    return said
