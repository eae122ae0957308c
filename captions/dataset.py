"""The interaction dataset: images, each with a group of prompts for the student and one for the teacher."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch.nn.functional import interpolate

from ..errors import InteractiveActionError
from ..files import check_text, new_folder, path_inside, read_json_lines
from ..images import read_image
from .buckets import fit
from .templates import PLACEHOLDER

METADATA = "metadata.jsonl"
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class InteractionDataset:
    """N images of one interaction.

    Args:
        images: float32 (N, H, W, 3) in 0..1, or N tensors (H, W, 3) if they are of several sizes.
        prompts: for each image, the prompts with the new word ("Subject <v*> Object").
        prompts_and: for each image, the prompts with "and" ("Subject and Object").
        masks: (N, H, W) in 0..1, or N tensors: how much each pixel counts in the loss. None: all alike.

    Raises:
        InteractiveActionError: there are no images, or prompts or masks do not fit them.
    """

    images: torch.Tensor | tuple[torch.Tensor, ...]
    prompts: tuple[tuple[str, ...], ...]
    prompts_and: tuple[tuple[str, ...], ...]
    masks: torch.Tensor | tuple[torch.Tensor, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.images) == 0:
            raise InteractiveActionError("The dataset is empty: it has no images. Record or load at least one.")
        if not len(self.images) == len(self.prompts) == len(self.prompts_and):
            raise InteractiveActionError(
                f"The dataset has {len(self.images)} images but {len(self.prompts)} groups of prompts with "
                f"{PLACEHOLDER} and {len(self.prompts_and)} with 'and'. Give each image one of each."
            )
        if self.masks is not None and [mask.shape for mask in self.masks] != [image.shape[:2] for image in self.images]:
            raise InteractiveActionError(
                "The dataset's masks are not those of its images. Give each image one of its size, or none."
            )
        for group in (*self.prompts, *self.prompts_and):
            for prompt in group:
                check_text(prompt, "A prompt of the dataset")
        for group in self.prompts:
            for prompt in group or ("",):
                if prompt.count(PLACEHOLDER) != 1:
                    raise InteractiveActionError(
                        f"The prompt {prompt!r} holds {PLACEHOLDER} {prompt.count(PLACEHOLDER)} times. Write it "
                        f"exactly once, where the new word belongs: 'a robot arm {PLACEHOLDER} a cube'."
                    )
        for group in self.prompts_and:
            if not group or any(not prompt.strip() or PLACEHOLDER in prompt for prompt in group):
                raise InteractiveActionError(
                    f"A teacher's group of prompts is empty or holds {PLACEHOLDER}. Write at least one prompt an image "
                    f"with 'and' in its place: 'a robot arm and a cube'."
                )

    def __len__(self) -> int:
        return len(self.images)

    def batch(self) -> torch.Tensor:
        """Returns all images (N, H, W, 3), to be looked at: those of other sizes are scaled to the first one's."""
        if isinstance(self.images, torch.Tensor):
            return self.images
        size = self.images[0].shape[:2]
        scaled = [interpolate(rearrange(image, "h w c -> 1 c h w"), size, mode="area") for image in self.images]
        return rearrange(torch.cat(scaled), "n c h w -> n h w c")

    def sha256(self) -> str:
        """Returns a fingerprint of images, masks (as 8-bit) and prompts, the same before saving and after loading."""
        return self._sha256

    @functools.cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for images in (self.images, *([] if self.masks is None else [self.masks])):
            for part in [images] if isinstance(images, torch.Tensor) else images:
                digest.update(str(tuple(part.shape)).encode())
                for chunk in torch.split(part, 16):  # thousands of images are not held in memory twice
                    digest.update(_to_uint8(chunk).tobytes())
        digest.update(json.dumps([self.prompts, self.prompts_and]).encode())
        return digest.hexdigest()

    def save(self, folder: str | pathlib.Path) -> None:
        """Writes ``folder`` whole or not at all: 0000.png, 0001.png, ... and one line an image in metadata.jsonl.

        The layout is the Hugging Face image folder's. Masks are 0000-mask.png.

        Raises:
            InteractiveActionError: the folder exists, or could not be written.
        """
        with new_folder(folder, "dataset") as temporary:
            lines = []
            for index, image in enumerate(self.images):
                row: dict[str, Any] = {
                    "file_name": f"{index:04d}.png",
                    "prompts": self.prompts[index],
                    "prompts_and": self.prompts_and[index],
                }
                Image.fromarray(_to_uint8(image)).save(temporary / row["file_name"])
                if self.masks is not None:
                    row["mask"] = f"{index:04d}-mask.png"
                    Image.fromarray(_to_uint8(self.masks[index])).save(temporary / row["mask"])
                lines.append(json.dumps(row, ensure_ascii=False) + "\n")
            # half an emoji in a caption cannot be written as UTF-8
            (temporary / METADATA).write_text("".join(lines), encoding="utf-8", errors="backslashreplace", newline="\n")

    @classmethod
    def load(
        cls,
        folder: str | pathlib.Path,
        resolution: int = 512,
        on_resize: Callable[[str], None] = LOGGER.warning,
    ) -> InteractionDataset:
        """Returns what ``save`` wrote, or the same layout made by hand from photographs or another engine's images.

        Images of several sizes, and those with more pixels than resolution x resolution, are fitted to ``buckets``.

        Args:
            folder: with metadata.jsonl.
            resolution: the side of the model's square in pixels.
            on_resize: called with a sentence if images were fitted.

        Raises:
            InteractiveActionError: with the line of the metadata, or the file, that cannot be used.
        """
        folder = pathlib.Path(folder)
        path = folder / METADATA
        if not path.is_file():
            raise InteractiveActionError(
                f"{folder.name!r} is not a dataset: it has no {METADATA}. Each line of it must be like "
                f'{{"file_name": "0000.png", "prompts": ["... {PLACEHOLDER} ..."], "prompts_and": ["... and ..."]}}.'
            )
        images, masks, prompts, prompts_and = [], [], [], []
        for number, row in read_json_lines(path):
            where = f"Line {number} of {folder.name}/{METADATA}"
            images.append(_read(folder, row.get("file_name"), "RGB", where))
            masks += [_read(folder, row["mask"], "L", where)] if "mask" in row else []
            prompts.append(_texts(row, "prompts", where))
            prompts_and.append(_texts(row, "prompts_and", where))
        if masks and [mask.size for mask in masks] != [image.size for image in images]:
            raise InteractiveActionError(
                f"{folder.name} has masks for some images alone, or of other sizes. Give each image one of its size, "
                "or none."
            )
        sizes = sorted({image.size for image in images})
        if len(sizes) > 1 or any(width * height > resolution**2 for width, height in sizes):
            images, masks = ([fit(image, resolution) for image in some] for some in (images, masks))
            on_resize(_resized(sizes, sorted({image.size for image in images}), resolution))
        return cls(_tensors(images), tuple(prompts), tuple(prompts_and), _tensors(masks) if masks else None)


def _read(folder: pathlib.Path, name: Any, mode: str, where: str) -> Image.Image:
    """The image ``name`` of ``folder``."""
    if not isinstance(name, str) or pathlib.PurePath(name).name != name:
        raise InteractiveActionError(
            f"{where} names the image {name!r}. It must be the name of a file in the folder (file_name)."
        )
    return read_image(path_inside(folder, name, "image"), mode)


def _texts(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """The list of texts under ``key``."""
    texts = row.get(key)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InteractiveActionError(f"{where} has {key} = {texts!r}. It must be a list of texts in brackets.")
    return tuple(texts)


def _resized(before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]], resolution: int) -> str:
    """What was fitted to what, for a person."""
    first, second = (", ".join(f"{width} x {height}" for width, height in sizes[:3]) for sizes in (before, after))
    more = f" and {len(before) - 3} other sizes" if len(before) > 3 else ""
    return f"Images of {first}{more} were fitted to {second}, for a model of {resolution} x {resolution} pixels."


def _tensors(images: Sequence[Image.Image]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """PIL images as one tensor in 0..1, or as several if they are of several sizes."""
    tensors = [torch.from_numpy(np.array(image)).float() / 255 for image in images]
    return torch.stack(tensors) if len({tensor.shape for tensor in tensors}) == 1 else tuple(tensors)


def _to_uint8(images: torch.Tensor) -> np.ndarray[Any, Any]:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
