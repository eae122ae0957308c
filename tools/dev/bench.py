"""Measures one thing: ``make bench BENCH=<name>`` runs ``measure()`` of ``benchmarks/<name>.py``.

The figures that it returns, a dict, are printed and written to ``benchmarks/results/<name>.json``, with a line about
the machine that they were measured on. A module whose ``RESULTS`` names another file adds its figures to that.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence

from ...files import write_atomically
from .server import ROOT

BENCHMARKS = ROOT / "benchmarks"


def main(arguments: Sequence[str]) -> None:
    """Measures what the only argument names; a sentence with all names where it names nothing."""
    names = sorted(path.stem for path in BENCHMARKS.glob("*.py"))
    if len(arguments) != 1 or arguments[0] not in names:
        sys.exit(f"Say which benchmark to run: {', '.join(f'make bench BENCH={name}' for name in names)}.")
    [name] = arguments
    module = importlib.import_module(f"...benchmarks.{name}", __package__)
    path = BENCHMARKS / "results" / f"{getattr(module, 'RESULTS', name)}.json"
    others = json.loads(path.read_text()) if hasattr(module, "RESULTS") and path.is_file() else {}
    text = json.dumps({**others, **module.measure(), "machine": machine()}, indent=2) + "\n"
    write_atomically(path, text.encode())
    print(text, end="")


def machine() -> str:
    """Describes what the figures depend on: cores, processor, GPU and Python."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} cores, {platform.machine()}, {device}, Python {platform.python_version()}"


if __name__ == "__main__":
    main(sys.argv[1:])
