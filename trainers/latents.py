"""The latents of a dataset's images, encoded once and kept as means and standard deviations: in memory or in files."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable, Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..files import write_atomically
from ..models.protocol import Engine
from ..tensor_files import safetensors_bytes


class Latents:
    """Mean and standard deviation of each image's latents, in buckets of one size.

    Args:
        engine: whose autoencoder encodes.
        images: (N, H, W, 3), or N tensors (H, W, 3) of several sizes.
    """

    def __init__(self, engine: Engine, images: torch.Tensor | Sequence[torch.Tensor]) -> None:
        sizes = [tuple(image.shape) for image in images]
        self.buckets = [
            torch.tensor([i for i, own in enumerate(sizes) if own == size]) for size in dict.fromkeys(sizes)
        ]
        self._place = {
            index: (bucket, row)
            for bucket, members in enumerate(self.buckets)
            for row, index in enumerate(members.tolist())
        }
        whole = len(self.buckets) == 1
        self._posteriors = [
            engine.encode_images(
                images if isinstance(images, torch.Tensor) and whole else torch.stack([images[i] for i in members])
            )
            for members in self.buckets
        ]

    def __len__(self) -> int:
        return len(self._place)

    def __getitem__(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (mean, std), each (B, C, h, w), of images ``index`` (B,) of one bucket."""
        buckets, rows = zip(*(self._place[i] for i in index.tolist()))
        mean, std = self._posteriors[buckets[0]]
        return mean[list(rows)], std[list(rows)]

    def sample(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """Returns indices (size,) of images of one bucket; each image is as likely as any other."""
        bucket = self.buckets[0]
        if len(self.buckets) > 1:
            bucket = self.buckets[self._place[int(torch.randint(len(self), (), generator=generator))][0]]
        return bucket[torch.randint(len(bucket), (size,), generator=generator)]

    def shape(self, index: int | None = None) -> torch.Size:
        """Returns (C, h, w) of the latents of image ``index``, or those that most images have."""
        bucket = (
            max(range(len(self.buckets)), key=lambda i: len(self.buckets[i]))
            if index is None
            else self._place[index][0]
        )
        return self._posteriors[bucket][0].shape[1:]


class LatentCache:
    """``encode_images`` of an engine whose results stay in a folder, for this run and later ones on the same model.

    What is returned are views of a file, of which memory holds no more than was looked at last.

    Args:
        encode_images: the engine's own.
        fingerprint: the engine's.
        folder: of the files.
    """

    def __init__(
        self,
        encode_images: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
        fingerprint: str,
        folder: str | pathlib.Path,
    ) -> None:
        self._encode, self._fingerprint, self._folder = encode_images, fingerprint, pathlib.Path(folder)

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (mean, std) of the images' latents."""
        digest = hashlib.sha256(f"{self._fingerprint} {tuple(images.shape)}".encode())
        digest.update(images.cpu().contiguous().numpy().data)
        path = self._folder / f"{digest.hexdigest()[:32]}.safetensors"
        posterior = _load(path)
        if posterior is None:
            mean, std = self._encode(images)
            write_atomically(path, safetensors_bytes({"mean": mean.cpu(), "std": std.cpu()}, {"format": "pt"}))
            posterior = load_file(path)
        return posterior["mean"], posterior["std"]


def _load(path: pathlib.Path) -> dict[str, torch.Tensor] | None:
    """The tensors of a file; None if there is none, or a broken one, which is written anew."""
    try:
        posterior: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError):
        return None
    return posterior if {"mean", "std"} <= posterior.keys() else None
