"""Set-up in this checkout, which has been set up: what it does a second time, and what it says when it cannot go on."""

import os
import pathlib
import subprocess
import sys

SETUP = pathlib.Path(__file__).resolve().parents[2] / "tools" / "dev" / "setup.py"


def run_setup(*arguments, **environment):
    command = [sys.executable, str(SETUP), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})


def test_a_second_run_does_nothing():
    assert run_setup("vulkan", "browser").stdout == ""


def test_a_comfyui_path_without_comfyui_is_refused(tmp_path):
    result = run_setup(COMFYUI_PATH=str(tmp_path))
    assert result.returncode == 1
    assert (
        result.stderr
        == f"COMFYUI_PATH is {tmp_path}, but there is no main.py in it. Set it to a folder that holds ComfyUI.\n"
    )
