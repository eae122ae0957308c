"""The simulator works with what requirements-sim.txt names and ComfyUI brings, and nothing more."""

import os
import subprocess
import sys

from interactive_action.tools.dev.server import ROOT

# what sapien and mani_skill ask for besides; as good as not installed, also in the simulator's own process
UNWANTED = (
    "cv2",
    "pyperclip",
    "importlib_resources",
    "gymnasium",
    "h5py",
    "trimesh",
    "coacd",
    "ray",
    "mplib",
)


def test_an_action_is_recorded_without_what_the_simulators_packages_ask_for_besides(tmp_path):
    lines = "".join(f"sys.modules[{name!r}] = None\n" for name in UNWANTED)
    (tmp_path / "sitecustomize.py").write_text(f"import sys\n{lines}", encoding="utf-8")
    size = ("--width", "64", "--height", "64", "--num-episodes", "1", "--frames-per-episode", "1")
    command = [sys.executable, str(ROOT), "record", str(tmp_path / "recording"), "--object", "cube", *size]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "recording").rglob("*.png"))) >= 4


def test_the_command_names_the_robots_that_set_up_installs():
    from interactive_action.tools.dev.setup import ROBOTS

    names = (ROOT / "requirements-sim.txt").read_text(encoding="utf-8").splitlines()
    assert ROBOTS in names
    assert any(name.startswith("sapien>=") for name in names)
