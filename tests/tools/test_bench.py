"""The benchmarks' runner, and the one promise that is a benchmark's."""

import importlib
import subprocess
import sys

from interactive_action.tools.dev.server import ROOT


def test_importing_the_pack_adds_at_most_half_a_second_to_comfyui():
    assert importlib.import_module("interactive_action.benchmarks.startup").load_in_a_fresh_process() <= 0.5


def test_an_unknown_benchmark_is_answered_with_those_that_there_are():
    command = [sys.executable, str(ROOT), "tools.dev.bench", "nix"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "make bench BENCH=startup" in result.stderr
