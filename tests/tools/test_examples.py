"""The examples of docs/: what they say is what runs."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest
from PIL import Image

from interactive_action.client import load_workflow
from interactive_action.errors import InteractiveActionError
from interactive_action.tokens.token_file import load_token
from interactive_action.tools.dev import notebook
from interactive_action.tools.dev.server import ROOT

EXAMPLES = ROOT / "docs" / "examples"
FAST = ("EPISODES, STEPS, DENOISING_STEPS = 12, 400, 20", "EPISODES, STEPS, DENOISING_STEPS = 1, 2, 2")


@pytest.fixture
def anywhere(tmp_path):
    """A folder far from the clone, and an environment in which the package is installed."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "interactive_action").symlink_to(ROOT, target_is_directory=True)
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "OMP_NUM_THREADS": "1"}
    return tmp_path / "work", environment


def run(script, anywhere, *arguments):
    folder, environment = anywhere
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ten_lines_queue_a_shipped_workflow_and_save_its_images(server, anywhere):
    script = EXAMPLES / "queue_a_workflow.py"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 10
    printed = run(script, anywhere, server.address)
    saved = sorted((anywhere[0] / "images").iterdir())
    assert len(saved) == 16  # eight with the token, eight with plain words
    assert all(path.name in printed for path in saved)
    assert Image.open(saved[0]).size == (96, 96)


def test_the_page_about_programs_shows_the_example_as_it_is():
    page = (ROOT / "docs" / "headless.md").read_text(encoding="utf-8")
    code = (EXAMPLES / "queue_a_workflow.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert f"```python\n{code}```" in page


def test_a_workflow_that_is_not_shipped_is_answered_with_those_that_are():
    assert load_workflow("use-a-token")["1"]["class_type"] == "CheckpointLoaderSimple"
    for name in ("gone", "../../pyproject", ""):
        with pytest.raises(InteractiveActionError, match="no workflow called .* Choose one of: .*use-a-token"):
            load_workflow(name)


def test_the_notebook_is_made_from_the_script():
    script = notebook.SCRIPT.read_text(encoding="utf-8")
    assert notebook.notebook_path().read_text(encoding="utf-8") == notebook.notebook(script), (
        "run `python . tools.dev.notebook`"
    )
    content = json.loads(notebook.notebook(script))
    assert {cell["cell_type"] for cell in content["cells"]} == {"code", "markdown"}
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            ast.parse("".join(cell["source"]))


@pytest.mark.sim
@pytest.mark.slow
def test_the_notebook_records_trains_draws_and_scores_without_comfyui(anywhere):
    cells = json.loads(notebook.notebook_path().read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert FAST[0] in code
    guard = "\nimport sys\nassert not {'comfy', 'folder_paths'} & set(sys.modules)\n"
    script = pathlib.Path(anywhere[0], "cells.py")
    # the simulator's process imports the script anew where processes are spawned
    script.write_text(code.replace(*FAST) + guard, encoding="utf-8")
    printed = run(script, anywhere)
    assert "with the word: IAScore" in printed
    assert load_token(anywhere[0] / "lift.safetensors").trigger_word == "<lift>"
    assert Image.open(anywhere[0] / "drawn.png").size == (4 * 96, 2 * 96)
