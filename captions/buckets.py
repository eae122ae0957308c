"""Buckets: sizes for images of several aspect ratios. Each image goes into the one most like it; a batch is of one.

As other trainers have them: sides in steps of an eighth of the model's own side (64 pixels at most), from half of it to
twice, and no bucket with more pixels than the model's square.
"""

from __future__ import annotations

import math

from PIL import Image, ImageOps

from ..errors import InteractiveActionError


def bucket_sizes(resolution: int) -> list[tuple[int, int]]:
    """Returns (width, height) of the buckets for a model of ``resolution`` x ``resolution`` pixels, narrowest first.

    Raises:
        InteractiveActionError: the resolution is too small.
    """
    if resolution < 16:
        raise InteractiveActionError(
            f"The resolution is {resolution}. It is the model's own side in pixels: 512 for SD 1.5, 1024 for SDXL."
        )
    step = max(8, min(64, resolution // 8 // 8 * 8))
    widths = range(math.ceil(resolution / 2 / step) * step, 2 * resolution + 1, step)
    return [(width, min(resolution**2 // width // step * step, 2 * resolution)) for width in widths]


def fit(image: Image.Image, resolution: int) -> Image.Image:
    """Returns the image scaled to cover the bucket of the nearest aspect ratio, and cropped to it about its center."""
    aspect = math.log(image.width / image.height)
    size = min(
        bucket_sizes(resolution), key=lambda size: (abs(math.log(size[0] / size[1]) - aspect), -size[0] * size[1])
    )
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
