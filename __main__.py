"""``python . <module> [arguments]`` runs a module of the pack without ComfyUI, for example ``python . tools.demos.token``.

The folder may have any name and must never lie on ``sys.path`` (its ``nodes`` would hide ComfyUI's),
so the pack is entered under one fixed package name instead.
"""

import pathlib
import runpy
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parent
PACKAGE = "interactive_action"


def enter_pack():
    """Make the pack importable as ``interactive_action`` and nothing of it importable as a top-level name."""
    sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != ROOT]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(ROOT)]
    sys.modules[PACKAGE] = package


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Name the module to run, for example: python . tools.demos.token")
    enter_pack()
    module = sys.argv.pop(1)
    from interactive_action.errors import InteractiveActionError

    try:
        runpy.run_module(f"{PACKAGE}.{module}", run_name="__main__", alter_sys=True)
    except InteractiveActionError as error:
        sys.exit(str(error))
