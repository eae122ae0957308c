"""Lets the tests import the pack as ``interactive_action``, and ComfyUI, and share one real ComfyUI server.

Tests are marked by what they need: ``sim`` (the simulator), ``server`` (a real ComfyUI), ``browser`` (Chromium) and
``slow``. A folder or a fixture marks by itself; what starts one of them by hand says so with ``@pytest.mark``.
"""

import pathlib
import runpy
import tempfile

import pytest
import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
runpy.run_path(str(ROOT / "__main__.py"))["enter_pack"]()

# From here on the pack and ComfyUI can be imported.
# ruff: noqa: E402
from interactive_action.captions.dataset import InteractionDataset
from interactive_action.captions.templates import paired_prompts
from interactive_action.tools.dev.server import ComfyServer, enter_comfyui

BASE = tempfile.TemporaryDirectory(prefix="interactive-action-")  # ComfyUI's folders in this process; removed at exit
enter_comfyui(BASE.name)

FOLDER_MARKS = {"sim": "sim"}
FIXTURE_MARKS = {"simulator": "sim", "whole": "sim", "server": "server", "bare": "server", "browser": "browser"}


def pytest_collection_modifyitems(items):
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        marks = {FOLDER_MARKS.get(folder), *(FIXTURE_MARKS.get(name) for name in item.fixturenames)}
        for mark in marks - {None}:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The real ComfyUI with this pack in it, started once for all tests that ask for it."""
    with ComfyServer(tmp_path_factory.mktemp("comfyui"), arguments=["--cache-classic"]) as running:
        yield running


@pytest.fixture
def client(server):
    """A fresh headless client of the shared server."""
    return server.client()


# The simulator


@pytest.fixture(scope="session")
def simulator():
    """One process of the simulator for all tests that ask for it."""
    from interactive_action.sim.client import Simulator

    simulator = Simulator()
    yield simulator
    simulator.close()


@pytest.fixture(scope="session")
def whole(simulator):
    """One episode of a can from its first moment to its last, wider than high."""
    from interactive_action.sim.plan import Plan
    from interactive_action.sim.scene import Scene

    return simulator.record(
        Scene(object="can", object_color="blue", seed=2),
        Plan(num_episodes=1, key_frames="whole action", frames_per_episode=5, width=128, height=96),
    )


# The embedded model, loaded once by ComfyUI's own loader, as a checkpoint loader node in a graph would


@pytest.fixture(scope="session")
def checkpoint():
    """(MODEL, CLIP, VAE) of the embedded checkpoint, loaded in inference mode, as ComfyUI does."""
    import comfy.sd

    from interactive_action.miniature.weights import CHECKPOINT
    from interactive_action.nodes import embedded_models as miniature

    miniature.register()
    with torch.inference_mode():
        return comfy.sd.load_checkpoint_guess_config(str(CHECKPOINT))[:3]


@pytest.fixture
def engine(checkpoint):
    from interactive_action.models.comfy_engine import ComfyEngine

    with ComfyEngine(*checkpoint) as engine:
        yield engine


@pytest.fixture(scope="session")
def dataset():
    """Four images of noise: enough for arithmetic."""
    y, y_and = paired_prompts(
        ("{subject} <v*> {object}", "a photo of {subject} <v*> {object}"), "robot arm", "red cube"
    )
    images = torch.rand(4, 96, 96, 3, generator=torch.Generator().manual_seed(0))
    return InteractionDataset(images, (y,) * 4, (y_and,) * 4)
