"""Images for the editor: a style image may have any size, and is cut and resized to the image's."""

from __future__ import annotations

import torch
from einops import rearrange, repeat

from ...errors import InteractiveActionError


def checked_images(images: torch.Tensor, what: str) -> torch.Tensor:
    """Returns ``images`` (B, H, W, 3) without further channels.

    Args:
        images: (B, H, W, 3 or more).
        what: they are called in sentences.

    Raises:
        InteractiveActionError: a value is not a number, or the images are smaller than 8 x 8.
    """
    if not torch.isfinite(images).all():
        raise InteractiveActionError(f"The {what} holds values that are not numbers. Check the node that made it.")
    if min(images.shape[1:3]) < 8:
        raise InteractiveActionError(
            f"The {what} is {images.shape[2]} x {images.shape[1]} pixels. Give one of at least 8 x 8."
        )
    return images[..., :3]


def fit_style(style: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Returns style images (B, height, width, 3): the largest middle part of that shape, resized.

    Its proportions are kept, as a stretched texture is another style.

    Args:
        style: (B, h, w, 3) in 0..1.
        height: of the images.
        width: of the images.
    """
    scale = min(style.shape[1] / height, style.shape[2] / width)
    rows, columns = (max(1, round(side * scale)) for side in (height, width))
    top, left = (style.shape[1] - rows) // 2, (style.shape[2] - columns) // 2
    middle = rearrange(style[:, top : top + rows, left : left + columns], "b h w c -> b c h w")
    if middle.shape[2:] != (height, width):
        middle = torch.nn.functional.interpolate(middle, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
    return rearrange(middle, "b c h w -> b h w c")


def pair_batches(images: torch.Tensor, styles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns both as long as the longer one, the shorter one from its beginning again.

    So there are five styles of one image, or five images in one style.

    Args:
        images: (B, ...) latents.
        styles: (S, ...) latents.

    Raises:
        InteractiveActionError: neither can be, as with three styles for five images.
    """
    count = max(len(images), len(styles))
    if count % len(images) or count % len(styles):
        raise InteractiveActionError(
            f"There are {len(images)} images and {len(styles)} style images, which cannot be paired. Give one of "
            "either, or as many of both."
        )
    long_images, long_styles = (
        repeat(batch, "b ... -> (times b) ...", times=count // len(batch)) for batch in (images, styles)
    )
    return long_images, long_styles
