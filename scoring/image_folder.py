"""IAScore over a folder of images, whatever their sizes.

A ``metadata.jsonl`` in the folder (``{"file_name", "subject", "object", "text"}``, Hugging Face's imagefolder) says
what single images should show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import InteractiveActionError
from ..files import read_json_lines
from ..images import read_image
from .iascore import ImageScore, replace_placeholder, score_images

if TYPE_CHECKING:
    from .clip import ClipScorer
    from .detectors import Detector

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
METADATA = "metadata.jsonl"
WORDS = ("subject", "object", "text")
MOST_PIXELS = 2**24  # that wait for others of their size: 50 MB, and 200 MB once they are floats


def score_folder(
    folder: str | Path,
    subject: str,
    object: str,
    text: str,
    detector: Detector,
    clip_scorer: ClipScorer,
    phrase: str = "",
    batch_size: int = 16,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[list[ImageScore], list[str], dict[str, str]]:
    """Judges every image of a folder, batched among images of one size.

    Args:
        folder: with images, and maybe with ``metadata.jsonl``.
        subject: who acts, in all images that the metadata say nothing about.
        object: what is acted on in them.
        text: what CLIP compares them with.
        detector: finds things.
        clip_scorer: compares images with texts.
        phrase: plain words in the place of a learned word in texts.
        batch_size: how many images the judges see at once; the result is the same.
        progress: called as ``progress(done, total)``; may raise to stop.

    Returns:
        The rows and their file names, both in the order of the names, and for each image that cannot be read, or is
        only named in the metadata, a sentence that says so.

    Raises:
        InteractiveActionError: no image can be read, or a line of the metadata is wrong.
    """
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InteractiveActionError(
            f'There is no image in "{folder}". Name a folder with {", ".join(sorted(SUFFIXES))} files in it.'
        )
    metadata = read_metadata(folder)
    missing = sorted(metadata.keys() - {path.name for path in paths})
    broken = {name: f"{name} is named in {METADATA}, but there is no such image." for name in missing}
    defaults = {"subject": subject, "object": object, "text": text}
    rows: dict[str, ImageScore] = {}

    def score(batch: dict[str, torch.Tensor]) -> None:
        words = [defaults | metadata.get(name, {}) for name in batch]
        subjects, objects, texts = ([word[key] for word in words] for key in WORDS)
        texts = [replace_placeholder(text, phrase) for text in texts]
        images = torch.stack(list(batch.values())).float() / 255
        scores = score_images(images, subjects, objects, texts, detector, clip_scorer, batch_size=batch_size)
        rows.update(zip(batch, scores))
        if progress:
            progress(len(rows), len(paths))

    for batch in _batches(paths, batch_size, broken):
        score(batch)
    if not rows:
        raise InteractiveActionError(
            f'None of the {len(paths)} images in "{folder}" can be read. {broken[paths[0].name]}'
        )
    names = sorted(rows)
    return [rows[name] for name in names], names, broken


def _batches(paths: Sequence[Path], batch_size: int, broken: dict[str, str]) -> Iterator[dict[str, torch.Tensor]]:
    """Yields {file name: uint8 (H, W, 3)} of one size each, and adds what cannot be read to ``broken``."""
    waiting: dict[torch.Size, dict[str, torch.Tensor]] = {}
    for path in paths:
        try:
            image = _pixels(path)
        except InteractiveActionError as error:
            broken[path.name] = str(error)
            continue
        batch = waiting.setdefault(image.shape, {})
        batch[path.name] = image
        if len(batch) == batch_size:
            yield waiting.pop(image.shape)
        elif sum(one.numel() // 3 for some in waiting.values() for one in some.values()) > MOST_PIXELS:
            while waiting:
                yield waiting.popitem()[1]
    yield from waiting.values()


def load_image(path: str | Path) -> torch.Tensor:
    """Returns an image file as float (H, W, 3) in 0..1; see ``images.read_image``."""
    return _pixels(path).float() / 255


def read_metadata(folder: str | Path) -> dict[str, dict[str, str]]:
    """Returns what ``metadata.jsonl`` says, {file name: {"subject", "object", "text"}}; empty if there is none.

    Raises:
        InteractiveActionError: with the line that cannot be used.
    """
    path = Path(folder, METADATA)
    words: dict[str, dict[str, str]] = {}
    for number, row in read_json_lines(path) if path.exists() else ():
        name = row.get("file_name")
        if not isinstance(name, str):
            raise InteractiveActionError(
                f'Line {number} of {path.parent.name}/{METADATA} has no "file_name" that is a text. Correct it, or '
                "remove it."
            )
        words[name] = {key: row[key] for key in WORDS if key in row}
        for key, word in words[name].items():
            if not isinstance(word, str) or not word.strip():
                raise InteractiveActionError(
                    f"Line {number} of {path.parent.name}/{METADATA} has {key} = {str(word)[:40]!r}. Write words in "
                    f"quotation marks, or leave it out."
                )
    return words


def _pixels(path: str | Path) -> torch.Tensor:
    """uint8 (H, W, 3), a quarter of what floats take."""
    return torch.from_numpy(np.array(read_image(path)))
