"""Set-up in this checkout, which has been set up: what it does a second time, and what it says when it cannot go on."""

import os
import pathlib
import subprocess
import sys

import pytest

from interactive_action.tools.dev import setup

SETUP = pathlib.Path(setup.__file__)
ELSEWHERE = pathlib.Path(sys.prefix).resolve() != setup.VENV.resolve()


def run_setup(*arguments, **environment):
    command = [sys.executable, str(SETUP), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.skipif(ELSEWHERE, reason="these tests run in an environment that set-up did not make")
def test_a_second_run_does_nothing():
    assert run_setup("vulkan", "browser").stdout == ""


@pytest.mark.skipif(ELSEWHERE, reason="these tests run in an environment that set-up did not make")
def test_a_comfyui_path_without_comfyui_is_refused(tmp_path):
    result = run_setup(COMFYUI_PATH=str(tmp_path))
    assert result.returncode == 1
    assert (
        result.stderr
        == f"COMFYUI_PATH is {tmp_path}, but there is no main.py in it. Set it to a folder that holds ComfyUI.\n"
    )


def test_windows_is_sent_to_wsl_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup.platform, "system", lambda: "Windows")
    with pytest.raises(SystemExit, match=r"this is Windows.*WSL 2.*docs/platforms\.md"):
        setup.main([])
    assert not (tmp_path / ".venv").exists()


def test_a_mac_without_a_browser_is_told_what_homebrew_has(monkeypatch):
    monkeypatch.setattr(setup.platform, "system", lambda: "Darwin")
    assert setup.unsupported("Darwin") == ""
    with pytest.raises(SystemExit, match=r"This Mac lacks a browser\. .*brew install --cask chromium"):
        setup.install_system_packages("a browser", "chromium")


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """The commands that set-up would run, in place of running them; its environment is an empty folder."""
    ran = []
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "stage", lambda title, command: ran.append(list(map(str, command))))
    return ran


def comfyui(folder):
    folder.mkdir()
    (folder / "requirements.txt").write_text("torch\n")
    return folder


@pytest.mark.parametrize(
    ("python", "folder", "locked"),
    [("3.11.7", ".comfyui", True), ("3.12.1", ".comfyui", False), ("3.11.7", "my-comfyui", False)],
)
def test_the_lock_is_for_its_own_python_and_set_ups_own_comfyui(
    commands, monkeypatch, tmp_path, python, folder, locked
):
    monkeypatch.setattr(setup, "output", lambda command: f"Python {python}")
    setup.install_packages(comfyui(tmp_path / folder))
    assert [str(setup.LOCK) in command for command in commands] == [locked, False, False]


def test_the_pack_itself_is_installed_where_it_lies_and_once(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "output", lambda command: "Python 3.12.1")
    folder = comfyui(tmp_path / ".comfyui")
    setup.install_packages(folder)
    assert commands[-1][-3:] == ["--no-deps", "--editable", str(tmp_path)]
    setup.install_packages(folder)
    assert len(commands) == 3
