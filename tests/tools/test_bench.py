"""The benchmarks' runner, and what keeps the start of ComfyUI short."""

import subprocess
import sys

from interactive_action.tools.dev.server import ROOT

EXTRAS = ("sapien", "mani_skill", "trimesh", "coacd", "ray", "open_clip", "diffusers", "tensorboard", "matplotlib")

LOADING = f"""
import runpy, sys
runpy.run_path({str(ROOT / "__main__.py")!r})["enter_pack"]()
from interactive_action.benchmarks import startup
startup.load_once()
print(*sorted(name for name in {EXTRAS} if name in sys.modules))
"""


def test_loading_the_pack_into_comfyui_imports_no_heavy_package_of_an_extra():
    result = subprocess.run([sys.executable, "-c", LOADING], check=True, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1:] == [""]


def test_an_unknown_benchmark_is_answered_with_those_that_there_are():
    command = [sys.executable, str(ROOT), "tools.dev.bench", "nix"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "make bench BENCH=startup" in result.stderr
