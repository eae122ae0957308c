"""What the factory keeps on disk, so that an interrupted stage goes on: arrays, texts and states of trainings.

Every file is written whole or not at all.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...files import write_atomically

CACHE = Path(__file__).parents[1] / ".cache"


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes an array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_atomically(path, buffer.getvalue())


def save_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8."""
    write_atomically(path, text.encode())


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes the state of a training: state dicts, numbers and texts."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """Reads what ``save_state`` wrote, onto a device; None where there is nothing."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
