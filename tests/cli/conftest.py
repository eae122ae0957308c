"""The command line as a person runs it: in a process of its own."""

import subprocess
import sys

import pytest

from interactive_action.tools.dev.server import ROOT


@pytest.fixture
def interactive_action():
    """Runs ``interactive-action`` with these arguments from the folder alone; returns the finished process."""

    def run(*arguments):
        command = [sys.executable, str(ROOT), *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    return run


@pytest.fixture
def package_path(tmp_path):
    """A folder for PYTHONPATH in which this clone is called ``interactive_action``."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "interactive_action").symlink_to(ROOT, target_is_directory=True)
    return str(tmp_path / "packages")
