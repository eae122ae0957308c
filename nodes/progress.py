"""The progress bar of a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management
import comfy.utils


def shown_progress(total: int) -> Callable[..., None]:
    """Returns a progress callback that moves the node's bar and raises when the user cancels."""
    bar = comfy.utils.ProgressBar(total)

    def progress(done: int, total: int, preview: Any = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(done, total)

    return progress
