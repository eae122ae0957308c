"""Messages between the simulator's process and ours: a line of json and plain arrays, so nothing is ever unpickled."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import IO, Any

import numpy as np


def send(stream: IO[bytes], message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
    """Write a dict that json knows and a dict of arrays of numbers or strings."""
    arrays = {name: np.asarray(array) for name, array in (arrays or {}).items()}
    described = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    stream.write(json.dumps({**message, "arrays": described}).encode() + b"\n")
    stream.writelines(array.tobytes() for array in arrays.values())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The next (dict, dict of arrays); EOFError when the other side has gone."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    return message, {name: _array(stream, np.dtype(kind), shape) for name, kind, shape in message.pop("arrays")}


def _array(stream: IO[bytes], dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    data = bytearray(stream.read(dtype.itemsize * math.prod(shape)))
    if len(data) < dtype.itemsize * math.prod(shape):
        raise EOFError
    return np.ndarray(shape, dtype, data)
