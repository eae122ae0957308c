"""Taking in anybody's token: ours, or an embedding of A1111, diffusers, OneTrainer or ComfyUI.

Whatever the file was, one of ours is written, so that every loader lists it and shows what it knows. Nothing in a file
is ever run (``token_file``).
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import unicodedata

import torch

from ..errors import InteractiveActionError
from ..files import LONGEST_NAME, RESERVED, checked_name, may_stand_in_names
from .token import InteractiveToken
from .token_file import load_token, save_token

IMPORTED_FROM = "interactive_action.imported_from"
# what programs call every file, which says nothing about the token in it
PLAIN_NAMES = {"learned_embeds", "learned_embeds_2", "embedding", "embeddings", "model", "pytorch_model", "token"}


def import_token(
    path: str | os.PathLike[str], folders: tuple[str | os.PathLike[str], str | os.PathLike[str]], name: str = ""
) -> pathlib.Path:
    """Writes a token from anywhere into the folder in which the loader finds it.

    A token that is there already, with the same vectors under the same name, is not written again.

    Args:
        path: a ``.safetensors``, ``.pt`` or ``.bin`` file.
        folders: for plain and for layer-wise tokens.
        name: of the new file, and so of the word; empty: ``own_name``.

    Returns:
        The path of the token.

    Raises:
        InteractiveActionError: the file is no token, the name cannot be a file's, or the disk refuses.
    """
    path = pathlib.Path(path)
    token = load_token(path)
    name = checked_name(name.strip(), "token") if name.strip() else own_name(token)
    folder = folders[1] if token.layers else folders[0]
    there = pathlib.Path(folder, f"{name}.safetensors")
    if there.exists() and _is_same(there, token):
        return there
    provenance = {IMPORTED_FROM: path.name, **token.provenance}
    return save_token(dataclasses.replace(token, name=name, provenance=provenance), folder)


def own_name(token: InteractiveToken) -> str:
    """Returns the name of a token that nobody named: its file's, or where that says nothing, the one inside.

    Args:
        token: as it was loaded; it is called as its file is.
    """
    inside = token.provenance.get("modelspec.trigger_phrase", "").strip("<>") or token.provenance.get("modelspec.title")
    plain = token.name.casefold() in PLAIN_NAMES
    return name_from(inside if plain and inside else token.name, "token")


def name_from(text: str, fallback: str) -> str:
    """Returns the nearest name that ``checked_name`` takes: ``My style (v2)`` becomes ``My-style-v2``.

    Args:
        text: a title or the name of somebody's file, without its suffix.
        fallback: for a text that has no letters or digits.
    """
    kept = "".join(letter if may_stand_in_names(letter) else "-" for letter in unicodedata.normalize("NFC", text))
    start = re.search(r"\w", kept)
    name = re.sub(r"\.{2,}", ".", re.sub(r"-{2,}", "-", kept[start.start() :] if start else ""))
    name = f"_{name}" if RESERVED.fullmatch(name) else name
    return name.encode()[:LONGEST_NAME].decode(errors="ignore").rstrip("-.") or fallback


def _is_same(path: pathlib.Path, token: InteractiveToken) -> bool:
    """Whether the file at ``path`` holds the same vectors."""
    try:
        other = load_token(path)
    except InteractiveActionError:  # broken; it stays, and the new one gets a number
        return False
    return other.widths == token.widths and torch.equal(other.vectors, token.vectors) and other.gate == token.gate
