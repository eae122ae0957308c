"""The one reader of images from people: upright, in 8 bits, of a size that fits into memory, or a sentence."""

from __future__ import annotations

import logging
import pathlib
import struct

import numpy as np
from PIL import Image, ImageOps

from .errors import InteractiveActionError
from .files import StrPath

LONGEST_SIDE = 8192  # pixels; larger ones unpack to gigabytes, though their files may be tiny
BACKGROUNDS = {"RGB": "white", "L": "black"}  # behind what is transparent: paper for images, nothing for masks


def read_image(path: StrPath, mode: str = "RGB") -> Image.Image:
    """Returns the image in a file as people see it, with 8 bits a channel.

    A camera's orientation is applied; 16-bit and float images keep their whole range; what is transparent shows white
    (black in masks); of an animation the first frame is read, and a warning logged.

    Args:
        path: of any format that Pillow reads.
        mode: "RGB" for images, "L" for masks.

    Raises:
        InteractiveActionError: names the file, which is missing, no image, broken or has a side over ``LONGEST_SIDE``.
    """
    path = pathlib.Path(path)
    try:
        with Image.open(path) as image:
            if max(image.size) > LONGEST_SIDE:
                raise _too_large(path, image.size)
            if getattr(image, "n_frames", 1) > 1:
                logging.getLogger(__name__).warning(
                    "%s is an animation of %d frames; the first is used.",
                    ascii(path.name),
                    getattr(image, "n_frames", 1),
                )
            image.load()
            return _opaque(_eight_bits(ImageOps.exif_transpose(image), path), mode)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except FileNotFoundError as error:
        raise InteractiveActionError(
            f"There is no image {path.name!r} in the folder {path.parent.name!r}. Put it there, or correct the name."
        ) from error
    except (OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, struct.error, MemoryError) as error:
        reason = str(error).replace(str(path.parent), "").rstrip(".")
        raise InteractiveActionError(
            f"{path.name} could not be read as an image: {reason}. Save it again as PNG or JPEG."
        ) from error


def _eight_bits(image: Image.Image, path: pathlib.Path) -> Image.Image:
    """Images of more than 8 bits a channel with their whole range, where PIL's own conversion would cut it off."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InteractiveActionError(
            f"{path.name} has values that are negative or no numbers. Save it with values from 0 to 1."
        )
    # By custom, floats are shares of 1 and integers 16-bit; a float image of larger values is in the range of its kind.
    ranges = (1, 255, 65535) if image.mode == "F" else (65535,)
    white = next((limit for limit in ranges if values.max() <= limit), None)
    if white is None:
        raise InteractiveActionError(f"{path.name} has values up to {values.max():g}. Save it with 16 bits at most.")
    return Image.fromarray((values / white * 255).round().astype(np.uint8))


def _opaque(image: Image.Image, mode: str) -> Image.Image:
    """The image in ``mode``, without transparency."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUNDS[mode]), image)
    return image.convert(mode)


def _too_large(path: pathlib.Path, size: tuple[int, int] | None = None) -> InteractiveActionError:
    """The error about an image of ``size`` (width, height), if that is known."""
    extent = f"has {size[0]} x {size[1]} pixels" if size else "has more pixels than fit into memory"
    return InteractiveActionError(
        f"{path.name} {extent}, and {LONGEST_SIDE} a side are the limit. "
        "Make it smaller; models see 512 to 1024 pixels."
    )
