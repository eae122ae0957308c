"""Lets the tests import the pack as ``interactive_action``, and ComfyUI, and share one real ComfyUI server."""

import pathlib
import runpy
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "__main__.py"))["enter_pack"]()

from interactive_action.tools.server import ComfyServer, enter_comfyui

BASE = tempfile.TemporaryDirectory(prefix="interactive-action-")  # ComfyUI's folders in this process; removed at exit
enter_comfyui(BASE.name)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The real ComfyUI with this pack in it, started once for all tests that ask for it."""
    with ComfyServer(tmp_path_factory.mktemp("comfyui"), arguments=["--cache-classic"]) as running:
        yield running


@pytest.fixture
def client(server):
    """A fresh headless client of the shared server."""
    return server.client()
