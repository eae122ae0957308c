"""What the pack adds to the start of ComfyUI: the time in which ComfyUI's loader loads it, after all else."""

from __future__ import annotations

import asyncio
import importlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from ..errors import InteractiveActionError
from ..tools.dev.server import ROOT, enter_comfyui

RUNS = 5


def measure() -> dict[str, float | list[float]]:
    """Returns "seconds", the median of fresh processes, each of which has loaded the whole of ComfyUI before."""
    runs = [load_in_a_fresh_process() for _ in range(RUNS)]
    return {"seconds": round(statistics.median(runs), 3), "runs": [round(seconds, 3) for seconds in runs]}


def load_in_a_fresh_process() -> float:
    """Loads the pack in a process that has loaded nothing of it yet.

    Returns:
        Seconds.

    Raises:
        InteractiveActionError: the pack does not load.
    """
    command = [sys.executable, str(ROOT), "benchmarks.startup"]
    child = subprocess.run(command, check=False, capture_output=True, text=True)
    if child.returncode:
        raise InteractiveActionError(f"The pack does not load into ComfyUI, which says:\n{child.stderr}")
    return float(child.stdout.split()[-1])


def load_once() -> float:
    """Loads the pack in this process; returns seconds."""
    with tempfile.TemporaryDirectory() as base:
        enter_comfyui(base)
        nodes: Any = importlib.import_module("nodes")  # ComfyUI's
        asyncio.run(nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False))
        start = time.perf_counter()
        if not asyncio.run(nodes.load_custom_node(str(ROOT))):
            sys.exit(1)
        return time.perf_counter() - start


if __name__ == "__main__":
    print(load_once())
