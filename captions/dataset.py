"""The interaction dataset: images, each with a group of prompts for the student and one for the teacher."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from dataclasses import dataclass

import numpy
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ..errors import InteractiveActionError
from .buckets import fit
from .templates import PLACEHOLDER

METADATA = "metadata.jsonl"


@dataclass(frozen=True)
class InteractionDataset:
    """N images of one interaction.

    images: float32 (N, H, W, 3) in 0..1, or N tensors (H, W, 3) where they are of several sizes.
    prompts: per image, the prompts with v* ("Subject v* Object").
    prompts_and: per image, the prompts with "and" ("Subject and Object").
    masks: (N, H, W) in 0..1, or N tensors: how much each pixel counts in the loss. None: all alike.
    """

    images: torch.Tensor | tuple[torch.Tensor, ...]
    prompts: tuple[tuple[str, ...], ...]
    prompts_and: tuple[tuple[str, ...], ...]
    masks: torch.Tensor | tuple[torch.Tensor, ...] | None = None

    def __post_init__(self):
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
        for group in self.prompts:
            for prompt in group or ("",):
                if prompt.count(PLACEHOLDER) != 1:
                    raise InteractiveActionError(
                        f"The prompt {prompt!r} holds {PLACEHOLDER} {prompt.count(PLACEHOLDER)} times. Write it exactly "
                        f"once, where the interaction's word belongs: 'a robot arm {PLACEHOLDER} a cube'."
                    )
        for group in self.prompts_and:
            if not group or any(not prompt.strip() or PLACEHOLDER in prompt for prompt in group):
                raise InteractiveActionError(
                    f"A teacher's group of prompts is empty or holds {PLACEHOLDER}. Write at least one prompt an image "
                    f"with 'and' in its place: 'a robot arm and a cube'."
                )

    def __len__(self):
        return len(self.images)

    def batch(self):
        """All images (N, H, W, 3), where they are of several sizes scaled to the first one's: to be looked at."""
        if torch.is_tensor(self.images):
            return self.images
        size = self.images[0].shape[:2]
        return torch.cat([interpolate(image.movedim(-1, 0)[None], size, mode="area") for image in self.images]).movedim(
            1, -1
        )

    def sha256(self):
        """A fingerprint of images and masks (as 8-bit) and prompts, the same before saving and after loading."""
        return self._sha256

    @functools.cached_property
    def _sha256(self):
        digest = hashlib.sha256()
        for several in (self.images, *([] if self.masks is None else [self.masks])):
            for part in [several] if torch.is_tensor(several) else several:
                digest.update(str(tuple(part.shape)).encode())
                for few in part.split(16):  # thousands of images are not held in memory twice
                    digest.update(_to_uint8(few).tobytes())
        digest.update(json.dumps([self.prompts, self.prompts_and]).encode())
        return digest.hexdigest()

    def save(self, folder):
        """Write ``folder`` whole or not at all: 0000.png, 0001.png, ... and one line an image in metadata.jsonl.

        The layout is the Hugging Face image folder's. Masks are 0000-mask.png. An existing folder is not touched.
        """
        folder = pathlib.Path(folder)
        if folder.exists():
            raise InteractiveActionError(
                f"There is already a dataset called {folder.name!r}. Choose another name or remove it first."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            with open(temporary / METADATA, "w", encoding="utf-8") as metadata:
                for index, image in enumerate(self.images):
                    row = {
                        "file_name": f"{index:04d}.png",
                        "prompts": self.prompts[index],
                        "prompts_and": self.prompts_and[index],
                    }
                    Image.fromarray(_to_uint8(image)).save(temporary / row["file_name"])
                    if self.masks is not None:
                        row["mask"] = f"{index:04d}-mask.png"
                        Image.fromarray(_to_uint8(self.masks[index])).save(temporary / row["mask"])
                    metadata.write(json.dumps(row, ensure_ascii=False) + "\n")
            os.chmod(temporary, 0o755)
            os.rename(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    @classmethod
    def load(cls, folder, resolution=512):
        """Read what ``save`` wrote, or the same layout made by hand from photographs or another engine's images.

        Images of several sizes are fitted to the buckets of a model of ``resolution`` x ``resolution`` pixels (``buckets``).
        """
        folder = pathlib.Path(folder)
        path = folder / METADATA
        if not path.is_file():
            raise InteractiveActionError(
                f"{folder.name!r} is not a dataset: it has no {METADATA}. Each line of it must be like "
                f'{{"file_name": "0000.png", "prompts": ["... {PLACEHOLDER} ..."], "prompts_and": ["... and ..."]}}.'
            )
        images, masks, prompts, prompts_and = [], [], [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name, with_token, with_and = row["file_name"], tuple(row["prompts"]), tuple(row["prompts_and"])
                images.append(_read(folder, name, "RGB"))
                masks += [_read(folder, row["mask"], "L")] if "mask" in row else []
            except (KeyError, TypeError, ValueError, OSError) as error:
                raise InteractiveActionError(
                    f"Line {number} of {folder.name}/{METADATA} cannot be used: {type(error).__name__}: {error}. It must name an image of the "
                    f"folder (file_name) and its prompts and prompts_and."
                ) from error
            prompts.append(with_token)
            prompts_and.append(with_and)
        if masks and [mask.size for mask in masks] != [image.size for image in images]:
            raise InteractiveActionError(
                f"{folder.name} has masks for some images alone, or of other sizes. Give each image one of its size, or none."
            )
        sizes = {image.size for image in images}
        if len(sizes) > 1:
            images, masks = ([fit(image, resolution) for image in several] for several in (images, masks))
        return cls(_together(images), tuple(prompts), tuple(prompts_and), _together(masks) if masks else None)


def _read(folder, name, mode):
    """The PIL image ``name`` of ``folder``."""
    if pathlib.PurePath(name).name != name:
        raise ValueError(f"{name!r} leads out of the folder")
    with Image.open(folder / name) as image:
        return image.convert(mode)


def _together(images):
    """PIL images as one tensor in 0..1, or as several where they are of several sizes."""
    tensors = [torch.from_numpy(numpy.array(image)).float() / 255 for image in images]
    return torch.stack(tensors) if len({tensor.shape for tensor in tensors}) == 1 else tuple(tensors)


def _to_uint8(images):
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
