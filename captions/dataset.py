"""The interaction data set: pictures, each with a group of prompts for the student and one for the teacher."""

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

from ..errors import InteractiveActionError
from .templates import PLACEHOLDER

METADATA = "metadata.jsonl"


@dataclass(frozen=True)
class InteractionDataset:
    """N pictures of one interaction.

    pictures: float32 (N, H, W, 3) in 0..1.
    prompts: per picture, the prompts with v* ("Subject v* Object").
    prompts_and: per picture, the prompts with "and" ("Subject and Object").
    """

    pictures: torch.Tensor
    prompts: tuple[tuple[str, ...], ...]
    prompts_and: tuple[tuple[str, ...], ...]

    def __post_init__(self):
        if len(self.pictures) == 0:
            raise InteractiveActionError("The data set is empty: it has no pictures. Record or load at least one.")
        if not len(self.pictures) == len(self.prompts) == len(self.prompts_and):
            raise InteractiveActionError(
                f"The data set has {len(self.pictures)} pictures but {len(self.prompts)} groups of prompts with "
                f"{PLACEHOLDER} and {len(self.prompts_and)} with 'and'. Give each picture one of each."
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
                    f"A teacher's group of prompts is empty or holds {PLACEHOLDER}. Write at least one prompt a picture "
                    f"with 'and' in its place: 'a robot arm and a cube'."
                )

    def __len__(self):
        return len(self.pictures)

    def sha256(self):
        """A fingerprint of the pictures (as 8-bit) and prompts, the same before saving and after loading."""
        digest = hashlib.sha256(str(tuple(self.pictures.shape)).encode())
        digest.update(_to_uint8(self.pictures).tobytes())
        digest.update(json.dumps([self.prompts, self.prompts_and]).encode())
        return digest.hexdigest()

    def save(self, folder):
        """Write ``folder`` whole or not at all: 0000.png, 0001.png, ... and one line a picture in metadata.jsonl.

        The layout is the Hugging Face image folder's. An existing folder is not touched.
        """
        folder = pathlib.Path(folder)
        if folder.exists():
            raise InteractiveActionError(f"There is already a data set called {folder.name!r}. Choose another name or remove it first.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            with open(temporary / METADATA, "w", encoding="utf-8") as metadata:
                for index, picture in enumerate(_to_uint8(self.pictures)):
                    name = f"{index:04d}.png"
                    Image.fromarray(picture).save(temporary / name)
                    row = {"file_name": name, "prompts": self.prompts[index], "prompts_and": self.prompts_and[index]}
                    metadata.write(json.dumps(row, ensure_ascii=False) + "\n")
            os.chmod(temporary, 0o755)
            os.rename(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    @classmethod
    def load(cls, folder):
        """Read what ``save`` wrote, or the same layout made by hand from photographs or another engine's pictures."""
        folder = pathlib.Path(folder)
        path = folder / METADATA
        if not path.is_file():
            raise InteractiveActionError(
                f"{folder.name!r} is not a data set: it has no {METADATA}. Each line of it must be like "
                f'{{"file_name": "0000.png", "prompts": ["... {PLACEHOLDER} ..."], "prompts_and": ["... and ..."]}}.'
            )
        pictures, prompts, prompts_and = [], [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name, with_token, with_and = row["file_name"], tuple(row["prompts"]), tuple(row["prompts_and"])
                if pathlib.PurePath(name).name != name:
                    raise ValueError(f"{name!r} leads out of the folder")
                with Image.open(folder / name) as picture:
                    pictures.append(torch.from_numpy(numpy.array(picture.convert("RGB"))).float() / 255)
            except (KeyError, TypeError, ValueError, OSError) as error:
                raise InteractiveActionError(
                    f"Line {number} of {folder.name}/{METADATA} cannot be used: {type(error).__name__}: {error}. It must name a picture of the "
                    f"folder (file_name) and its prompts and prompts_and."
                ) from error
            if pictures[-1].shape != pictures[0].shape:
                raise InteractiveActionError(
                    f"{folder.name}/{name} has {tuple(pictures[-1].shape[:2])} pixels and the first picture has "
                    f"{tuple(pictures[0].shape[:2])}. Bring all to one size."
                )
            prompts.append(with_token)
            prompts_and.append(with_and)
        return cls(torch.stack(pictures) if pictures else torch.empty(0), tuple(prompts), tuple(prompts_and))


def _to_uint8(pictures):
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
