"""Sizes for images of several aspect ratios: each image goes into the bucket most like it, and a batch is of one bucket.

As other trainers have them: sides in steps of an eighth of the model's own side (64 pixels at most), from half of it to twice, and
no bucket with more pixels than the model's square.
"""

import math

from PIL import Image, ImageOps

from ..errors import InteractiveActionError


def bucket_sizes(resolution):
    """The buckets' (width, height) for a model of ``resolution`` x ``resolution`` pixels, the narrowest first."""
    if resolution < 16:
        raise InteractiveActionError(
            f"The resolution is {resolution}. It is the model's own side in pixels: 512 for SD 1.5, 1024 for SDXL."
        )
    step = max(8, min(64, resolution // 8 // 8 * 8))
    widths = range(math.ceil(resolution / 2 / step) * step, 2 * resolution + 1, step)
    return [(width, min(resolution**2 // width // step * step, 2 * resolution)) for width in widths]


def fit(image, resolution):
    """A PIL image scaled to cover the bucket whose aspect ratio is nearest its own, and cropped to it about its center."""
    aspect = math.log(image.width / image.height)
    size = min(
        bucket_sizes(resolution), key=lambda size: (abs(math.log(size[0] / size[1]) - aspect), -size[0] * size[1])
    )
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
