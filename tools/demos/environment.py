"""What the demos share: one ComfyUI with a progress bar, and what a summary says of the machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from ...client import ComfyClient
from ...files import write_atomically
from ..dev.server import ROOT, ComfyServer, comfyui_version

BASE = ROOT / "serve"
"""ComfyUI's folders: those of ``make serve``, so that what a demo learns is there in the web page."""

TRAINING_SHARE = 0.7  # of the run's time, for the progress bar


@contextlib.contextmanager
def comfyui() -> Iterator[tuple[ComfyClient, tqdm]]:
    """Runs ComfyUI; gives a client of it and a progress bar from 0 to 1."""
    with (
        tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar}| {elapsed} {desc}", desc="ComfyUI starts") as bar,
        ComfyServer(BASE) as server,
    ):
        yield server.client(), bar


def versions(*packages: str) -> dict[str, str]:
    """Returns the versions of ComfyUI, Python and some packages."""
    return {
        "comfyui": comfyui_version(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def write_summary(folder: pathlib.Path, summary: dict[str, Any]) -> None:
    """Writes and prints a demo's figures."""
    text = json.dumps(summary, indent=1) + "\n"
    write_atomically(folder / "summary.json", text.encode())
    print(text, end="")
