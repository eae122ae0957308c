"""Writing tensors as .safetensors files: whole, or in pieces as they lie in memory.

Reading them needs nothing of the pack: ``safetensors.safe_open``.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .files import StrPath, atomic_file

if TYPE_CHECKING:
    import torch

_ERROR_NUMBER = re.compile(r"\b(?:os error|code:) (\d+)")  # as safetensors from 0.6 on writes it, and before


def safetensors_bytes(tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None) -> bytes:
    """Returns a .safetensors file whose header is sorted, so that equal content gives equal bytes.

    The library alone writes metadata in the random order of a hash map, another one in every process.

    Args:
        tensors: by name, of any shape and strides.
        metadata: texts by name; None: no metadata.
    """
    import safetensors.torch  # brings torch, which nothing else here needs

    data = safetensors.torch.save({key: value.contiguous() for key, value in tensors.items()}, metadata=metadata)
    (length,) = struct.unpack("<Q", data[:8])
    entries = json.loads(data[8 : 8 + length])
    header = json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def write_safetensors(
    path: StrPath, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Writes gigabytes of tensors without making one more copy of them in memory, as ``safetensors_bytes`` would.

    Args:
        path: whose folder is made if need be; a crash leaves the old file or the new one, never a part.
        tensors: by name, of any shape and strides.
        metadata: texts by name; None: no metadata.

    Raises:
        NotWrittenError: the system refuses; what was there before is unchanged.
    """
    import safetensors.torch

    size = sum(tensor.nbytes for tensor in tensors.values())
    with atomic_file(path, size) as temporary:
        try:
            safetensors.torch.save_file(
                {key: value.contiguous() for key, value in tensors.items()}, temporary, metadata=metadata
            )
        except safetensors.SafetensorError as error:  # a full disk among others: the library hides the system's error
            number = _ERROR_NUMBER.search(str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
