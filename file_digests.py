"""A key of what is in files: it changes with their contents, whatever their times say."""

from __future__ import annotations

import hashlib
import os
import pathlib
import time
from collections.abc import Iterable

BLOCK = 2**20  # bytes read at a time
SETTLED = 3.0  # seconds; file systems keep times in steps of up to two

_Mark = tuple[int, ...]
_digests: dict[pathlib.Path, tuple[_Mark, bytes]] = {}  # path -> what the system said of the file, and its digest


def contents_key(files: Iterable[pathlib.Path]) -> str:
    """Returns a key of the names and contents of ``files``, in any order.

    Files are not read again as long as the system says that nobody wrote them: thousands of images take a moment.

    Args:
        files: paths; one that cannot be read counts as missing.
    """
    key = hashlib.blake2b(digest_size=16)
    for file in sorted(set(files)):
        key.update(os.fsencode(file) + b"\0" + _digest(file) + b"\0")
    return key.hexdigest()


def files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files in ``folder`` and below, without hidden ones; none where there is no such folder."""
    paths = folder.rglob("*")
    return [path for path in paths if not _hidden(path.relative_to(folder)) and os.path.isfile(path)]


def _hidden(path: pathlib.Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _digest(file: pathlib.Path) -> bytes:
    """The digest of a file's bytes; empty if it cannot be read."""
    try:
        status = os.stat(file)
        mark = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        known = _digests.get(file)
        if known and known[0] == mark:
            return known[1]
        digest = hashlib.blake2b(digest_size=16)
        with open(file, "rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
    except (OSError, ValueError):
        return b""
    # A file that was written just now may be written again within the same tick of the clock, which the system would
    # not tell apart: what is remembered is older. The change time shows edits whose time was set back afterwards.
    if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED:
        _digests[file] = (mark, digest.digest())
    return digest.digest()
