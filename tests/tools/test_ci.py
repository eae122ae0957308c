"""``.ci/run`` in small repositories whose ``make test`` says where it runs."""

import os
import pathlib
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / ".ci" / "run"
MAKEFILE = """
test:
	@cat committed; test ! -e uncommitted && echo clean; read line || echo no input
	@mkdir .venv; pwd; exit {status}
"""


@pytest.fixture
def repository(tmp_path):
    """A function (folder's name, status of its tests) that makes a repository with a commit and a file beside it."""

    def make(name, status):
        folder = tmp_path / name
        (folder / ".ci").mkdir(parents=True)
        shutil.copy(SCRIPT, folder / ".ci")
        (folder / "Makefile").write_text(MAKEFILE.format(status=status))
        (folder / "committed").write_text("committed\n")
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        for command in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message", "all")):
            subprocess.run(["git", *command], cwd=folder, check=True)
        (folder / "uncommitted").touch()
        return folder

    return make


def run(folder, start):
    """Runs the script from the folder ``start`` without standard input; returns (exit status, the lines it prints).

    Where these tests run under ``make``, its variables would make the inner one say which folder it enters and leaves.
    """
    outer_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    environment = {name: value for name, value in os.environ.items() if name not in outer_make}
    result = subprocess.run(
        ["bash", "-c", f"exec bash '{folder}/.ci/run' <&-"],
        cwd=start,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stdout.splitlines()


def test_it_runs_the_commit_in_a_folder_of_the_packs_name_and_leaves_nothing(repository, tmp_path):
    folder = repository("a clone of another name", 0)
    before = sorted(folder.rglob("*"))
    status, lines = run(folder, tmp_path)
    assert status == 0
    assert lines[:3] == ["committed", "clean", "no input"]
    assert pathlib.Path(lines[-1]).name == "interactive-action"
    assert not pathlib.Path(lines[-1]).exists()
    assert sorted(folder.rglob("*")) == before


def test_a_folder_of_that_name_is_where_it_runs(repository):
    folder = repository("interactive-action", 0)
    status, lines = run(folder, "/")
    assert (status, lines[-1]) == (0, str(folder))


def test_tests_that_fail_make_it_fail_and_nothing_is_left_either(repository, tmp_path):
    folder = repository("other", 1)
    status, lines = run(folder, tmp_path)
    assert status != 0
    assert pathlib.Path(lines[-1]).name == "interactive-action"
    assert [path.name for path in (folder / ".ci").iterdir()] == ["run"]
