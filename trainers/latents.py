"""The latents of a dataset's images, encoded once and kept as moments: in memory, or in files that are read as they are needed."""

import hashlib
import pathlib

import torch
from safetensors.torch import load_file

from ..files import safetensors_bytes, write_atomically


class Latents:
    """Mean and deviation of each image's latents, in buckets of one size.

    images: (N, H, W, 3), or N tensors (H, W, 3) of several sizes.
    """

    def __init__(self, engine, images):
        sizes = [tuple(image.shape) for image in images]
        self.buckets = [
            torch.tensor([i for i, own in enumerate(sizes) if own == size]) for size in dict.fromkeys(sizes)
        ]
        self.place = {
            index: (bucket, row)
            for bucket, members in enumerate(self.buckets)
            for row, index in enumerate(members.tolist())
        }
        one = len(self.buckets) == 1 and torch.is_tensor(images)
        self.moments = [
            engine.encode_images(images if one else torch.stack([images[i] for i in members]))
            for members in self.buckets
        ]

    def __len__(self):
        return len(self.place)

    def __getitem__(self, index):
        """(mean, std), each (B, C, h, w), of images ``index`` (B,) of one bucket."""
        buckets, rows = zip(*(self.place[i] for i in index.tolist()))
        mean, std = self.moments[buckets[0]]
        return mean[list(rows)], std[list(rows)]

    def draw(self, size, generator):
        """Indices (size,) of images of one bucket. A bucket comes as often as it has images, so that each image is as likely."""
        bucket = self.buckets[0]
        if len(self.buckets) > 1:
            bucket = self.buckets[self.place[torch.randint(len(self), (), generator=generator).item()][0]]
        return bucket[torch.randint(len(bucket), (size,), generator=generator)]

    def shape(self, index=None):
        """(C, h, w) of the latents of image ``index``, or those that most images have."""
        bucket = (
            max(range(len(self.buckets)), key=lambda i: len(self.buckets[i])) if index is None else self.place[index][0]
        )
        return self.moments[bucket][0].shape[1:]


class KeptOnDisk:
    """``encode_images`` of an engine, whose answers stay in ``folder`` for this run and later ones on the same model.

    base: the engine's fingerprint. What is given back are views of a file, of which memory holds no more than was looked at last.
    """

    def __init__(self, engine, base, folder):
        self.encode, self.base, self.folder = engine.encode_images, base, pathlib.Path(folder)

    def __call__(self, images):
        digest = hashlib.sha256(f"{self.base} {tuple(images.shape)}".encode())
        digest.update(images.cpu().contiguous().numpy())
        path = self.folder / f"{digest.hexdigest()[:32]}.safetensors"
        if not path.is_file():
            mean, std = self.encode(images)
            write_atomically(path, safetensors_bytes({"mean": mean.cpu(), "std": std.cpu()}, {"format": "pt"}))
        moments = load_file(path)
        return moments["mean"], moments["std"]
