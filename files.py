"""Writing files so that no reader ever sees half of one, and so that equal content gives equal bytes."""

import json
import os
import pathlib
import re
import struct
import tempfile

import safetensors.torch

from .errors import InteractiveActionError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def checked_name(name, what):
    """Return ``name`` if it can only ever name a file inside its own folder; a sentence otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InteractiveActionError(
            f"The {what} cannot be called {name!r}: a name may hold letters, digits, '-', '_' and '.', must begin with a "
            f"letter or digit and cannot lead to another folder. Try a plain name such as 'pick-up'."
        )
    return name


def free_path(folder, name, suffix=""):
    """The first of name, name-2, name-3, ... (with ``suffix``) that does not exist in ``folder``."""
    path, count = pathlib.Path(folder, f"{name}{suffix}"), 2
    while path.exists():
        path = path.with_name(f"{name}-{count}{suffix}")
        count += 1
    return path


def write_atomically(path, data):
    """Write ``data`` (bytes) to ``path``: a crash leaves the old file or the new one, never a part."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def safetensors_bytes(tensors, metadata):
    """Serialise as safetensors with a sorted header.

    The library writes metadata in the random order of a hash map, so the same content would give other
    bytes in every process; a token must be reproducible byte for byte.
    """
    data = safetensors.torch.save({key: value.contiguous() for key, value in tensors.items()}, metadata=metadata)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
