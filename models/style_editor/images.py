"""Images for the editor: a style image may have any size, and is cut and resized to the image's."""

import torch

from ...errors import InteractiveActionError


def checked_images(images, what):
    """``images`` (B, H, W, 3), if they are numbers; a sentence otherwise."""
    if not torch.isfinite(images).all():
        raise InteractiveActionError(f"The {what} holds values that are not numbers. Check the node that made it.")
    if min(images.shape[1:3]) < 8:
        raise InteractiveActionError(
            f"The {what} is {images.shape[2]} x {images.shape[1]} pixels. Give one of at least 8 x 8."
        )
    return images[..., :3]


def fit_style(style, height, width):
    """Style images (B, h, w, 3) -> (B, height, width, 3): the largest middle part of that shape, resized.

    Its proportions are kept, as a stretched texture is another style.
    """
    scale = min(style.shape[1] / height, style.shape[2] / width)
    rows, columns = (max(1, round(side * scale)) for side in (height, width))
    top, left = (style.shape[1] - rows) // 2, (style.shape[2] - columns) // 2
    middle = style[:, top : top + rows, left : left + columns].movedim(-1, 1)
    if middle.shape[2:] != (height, width):
        middle = torch.nn.functional.interpolate(middle, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
    return middle.movedim(1, -1)


def paired(images, styles):
    """Both as long as the longer one, the shorter one from its beginning again: five styles of one image, or five images in
    one style. A sentence where neither can be: three styles for five images."""
    count = max(len(images), len(styles))
    if count % len(images) or count % len(styles):
        raise InteractiveActionError(
            f"There are {len(images)} images and {len(styles)} style images, which cannot be paired. Give one of either, or as "
            f"many of both."
        )
    return tuple(batch.repeat(count // len(batch), 1, 1, 1) for batch in (images, styles))
