"""``interactive-action`` as a whole: helps at once, refuses in sentences, and is the same by every way in."""

import shlex
import subprocess
import sys
import time

import pytest

from interactive_action.cli.main import COMMANDS, EPILOG, SUMMARIES
from interactive_action.tools.dev.server import ROOT

IMPORTS = """
import sys
from interactive_action.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print(*sorted({"torch", "numpy", "PIL", "sapien", "transformers"} & set(sys.modules)), sep="\\n", file=sys.stderr)
"""


def test_help_answers_at_once(interactive_action):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = interactive_action("--help")
        seconds.append(time.perf_counter() - start)
    assert all(name in result.stdout for name in SUMMARIES)
    assert min(seconds) < 0.3


def test_help_imports_nothing_heavy(package_path):
    command = [sys.executable, "-c", IMPORTS]
    result = subprocess.run(command, env={"PYTHONPATH": package_path}, check=True, capture_output=True, text=True)
    assert result.stderr.strip() == ""


def test_without_a_command_it_helps(interactive_action):
    assert interactive_action().stdout == interactive_action("--help").stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps(interactive_action, name):
    result = interactive_action(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: interactive-action {name}")


@pytest.mark.parametrize("name", ["nix", "run.toml", "sim.nix", "tools.evidence.nix", "--nix"])
def test_an_unknown_command_is_refused_with_those_that_there_are(interactive_action, name):
    result = interactive_action(name)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert name == "--nix" or all(command in result.stderr for command in SUMMARIES)


def test_a_tool_s_refusal_is_a_sentence_and_status_2(interactive_action):
    result = interactive_action("bench", "nix")
    assert result.returncode == 2
    assert "make bench BENCH=" in result.stderr


def test_the_package_is_the_same_program_as_the_folder(interactive_action, package_path, tmp_path):
    command = [sys.executable, "-m", "interactive_action", "--help"]
    result = subprocess.run(command, env={"PYTHONPATH": package_path}, cwd=tmp_path, check=True, capture_output=True)
    assert result.stdout.decode() == interactive_action("--help").stdout


def test_run_inside_the_folder_nothing_of_it_is_a_top_level_module(package_path):
    code = "import runpy, sys; sys.argv[1:] = ['--help']\n"
    code += "try: runpy.run_module('interactive_action', run_name='__main__', alter_sys=True)\n"
    code += "except SystemExit: import importlib.util; sys.exit(importlib.util.find_spec('trainers') is not None)"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": package_path}, cwd=ROOT, check=True)


def test_what_is_missing_without_comfyui_is_said_with_what_installs_it(tmp_path, package_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['numpy'] = None\n")
    command = [sys.executable, "-m", "interactive_action", "record", str(tmp_path / "new")]
    environment = {"PYTHONPATH": f"{tmp_path}:{package_path}"}
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("numpy is not installed")
    assert 'pip install -e ".[standalone]"' in result.stderr


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error():
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT))} train --print-config p-plus | head -n 1"
    result = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    assert result.stdout.startswith("model =")
    assert result.stderr == ""


@pytest.mark.parametrize("line", [line.strip() for line in EPILOG.splitlines() if "record " in line])
def test_the_examples_are_ones_that_the_scene_takes(line):
    import argparse

    from interactive_action.cli import record
    from interactive_action.cli.fields import from_fields
    from interactive_action.sim.scene import Scene

    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    assert from_fields(Scene, parser.parse_args(shlex.split(line)[2:])).action == "lift overhead"
