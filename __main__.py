"""The command ``interactive-action`` without its installation: ``python <this folder> ...``.

``python -m interactive_action ...`` is the same where the pack is installed, and what torchrun's ``-m`` wants.
"""

from __future__ import annotations

import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent
PACKAGE = "interactive_action"


def enter_pack() -> None:
    """Makes this folder importable as ``interactive_action``, and nothing of it as a top-level name.

    A clone in ComfyUI's custom_nodes has a name of its own and is seldom installed, but the simulator's process, a node
    of a Ray cluster and the tests have to start from its path alone. And the folder must leave ``sys.path``, where
    Python puts a folder that it runs: its ``nodes`` would hide ComfyUI's.
    """
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != ROOT]
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    assert spec is not None  # there is a loader for every .py
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    enter_pack()
    from interactive_action.cli.main import main

    sys.exit(main())
