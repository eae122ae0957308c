"""A token made ready to be shared: a folder with the token, an image of what it does and its card."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..files import checked_name, free_path, new_folder, write_atomically
from .card import card
from .token import InteractiveToken
from .token_file import save_token

if TYPE_CHECKING:
    from PIL import Image

CARD = "README.md"  # what the hub shows as a repository's page
PREVIEW_SIDE, THUMBNAIL_SIDE = 768, 256  # pixels, at most


def export_token(
    token: InteractiveToken,
    folder: str | os.PathLike[str],
    image: Image.Image | None = None,
    report: Mapping[str, Any] | None = None,
    *,
    description: str = "",
    license: str = "",
) -> pathlib.Path:
    """Writes ``<folder>/<name>/`` with ``<name>.safetensors``, ``<name>.preview.png`` and ``README.md``.

    Args:
        token: to be shared, under its name.
        folder: is made if need be; a folder of that name in it stays, and a number is added.
        image: what the token does; without one there is no preview.
        report: what IAScore said about images with it.
        description: a sentence or two for people.
        license: under which the token is shared; what its file says by default.

    Returns:
        The new folder; it is there whole or not at all.

    Raises:
        InteractiveActionError: the token is broken, or the disk refuses.
    """
    name = checked_name(token.name, "token")
    told = {"modelspec.license": license.strip(), "modelspec.description": " ".join(description.split())}
    told |= {"modelspec.thumbnail": _thumbnail(image) if image else "", "modelspec.tags": "interaction"}
    told |= {"modelspec.usage_hint": f"Write {token.trigger_word} in a prompt."}
    provenance = {**token.provenance, **{key: value for key, value in told.items() if value}}
    token = dataclasses.replace(token, provenance=provenance)
    target = free_path(folder, name)
    with new_folder(target, "folder of an exported token") as temporary:
        save_token(token, temporary)
        if image:
            write_atomically(temporary / preview_name(name), preview_bytes(image))
        write_atomically(temporary / CARD, card(token, report, preview_name(name) if image else "").encode())
    return target


def preview_name(name: str) -> str:
    """Returns what the image of the token ``name`` is called, where other packs look for it, too."""
    return f"{name}.preview.png"


def preview_bytes(image: Image.Image) -> bytes:
    """Returns an image as a PNG of at most ``PREVIEW_SIDE`` pixels, without metadata."""
    return _encoded(image, PREVIEW_SIDE, "PNG", optimize=True)


def _thumbnail(image: Image.Image) -> str:
    """A small JPEG as a data URL, which modelspec has in the file itself."""
    return "data:image/jpeg;base64," + base64.b64encode(_encoded(image, THUMBNAIL_SIDE, "JPEG", quality=85)).decode()


def _encoded(image: Image.Image, side: int, form: str, **options: Any) -> bytes:
    small, data = image.convert("RGB"), io.BytesIO()
    small.thumbnail((side, side))
    small.info.clear()
    small.save(data, form, **options)
    return data.getvalue()
