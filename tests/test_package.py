"""The clone as an ordinary package: what belongs to it, and the two doors of ``__init__.py``."""

import base64
import fnmatch
import hashlib
import os
import re
import runpy
import subprocess
import sys
import zipfile

import pytest

from interactive_action.tools.dev.server import ROOT, comfyui_path

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
DEVELOPMENT = {"tests", "tools", "benchmarks", "docs"}  # of a clone alone
MADE = {"__pycache__", "build", "demo", "demo-edit", "demo-rooms", "serve", "evidence", "interactive_action.egg-info"}


def folders(top=ROOT):
    """Every folder of the package below ``top``, and itself."""
    yield top
    for folder in sorted(top.iterdir()):
        hidden = folder.name.startswith(".") or folder.name in MADE or (top == ROOT and folder.name in DEVELOPMENT)
        if folder.is_dir() and not folder.is_symlink() and not hidden:
            yield from folders(folder)


def dotted(folder):
    return ".".join(["interactive_action", *folder.relative_to(ROOT).parts])


def test_the_packages_are_the_folders_with_code():
    assert sorted(SETUPTOOLS["packages"]) == sorted(dotted(folder) for folder in folders() if list(folder.glob("*.py")))


def test_every_other_file_of_a_room_belongs_to_the_package():
    patterns = [
        "/".join([*package.split(".")[1:], pattern.replace("**", "*")])
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
    ]
    files = [file.relative_to(ROOT) for folder in folders() if folder != ROOT for file in folder.iterdir()]
    for file in files:
        if (ROOT / file).is_file() and file.suffix != ".py" and not file.name.startswith("."):
            assert any(fnmatch.fnmatch(file.as_posix(), pattern) for pattern in patterns), file
    assert (ROOT / "py.typed").is_file()


def test_the_plain_requirements_are_the_package_s():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line] == PROJECT["project"]["dependencies"]


def test_the_lock_has_the_versions_that_are_required():
    pins = re.compile(r"^([\w-]+)==([^;\s]+)(?:; python_version (<|>=) .*)?$", re.MULTILINE)
    lock = (ROOT / "tools" / "dev" / "requirements.lock").read_text(encoding="utf-8")
    required = (ROOT / "tools" / "dev" / "requirements.txt").read_text(encoding="utf-8")
    locked = {name.lower(): version for name, version, _ in pins.findall(lock)}
    for name, version, condition in pins.findall(required):
        if condition != "<":  # the others are Python 3.10's
            assert locked.get(name.lower()) == version, name


def test_a_file_that_is_added_to_a_wheel_is_in_its_record(tmp_path):
    backend = runpy.run_path(str(ROOT / "tools" / "editable" / "backend.py"))
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("a-1.dist-info/RECORD", "a-1.dist-info/RECORD,,\n")
    backend["add_file"](tmp_path / "a.whl", "a.pth", b"/a folder\n")
    with zipfile.ZipFile(tmp_path / "a.whl") as wheel:
        assert wheel.read("a.pth") == b"/a folder\n"
        name, digest, size = wheel.read("a-1.dist-info/RECORD").decode().splitlines()[0].split(",")
    expected = base64.urlsafe_b64encode(hashlib.sha256(b"/a folder\n").digest()).decode().rstrip("=")
    assert (name, digest, size) == ("a.pth", f"sha256={expected}", "10")


@pytest.fixture
def clone(tmp_path):
    """This clone by another name, in another place."""
    (tmp_path / "Mon clône (1)").symlink_to(ROOT, target_is_directory=True)
    return tmp_path / "Mon clône (1)"


IMPORT = """
import sys
import interactive_action
import interactive_action.captions.templates, interactive_action.client, interactive_action.files
print(*sorted({"nodes", "comfy", "comfy_api", "folder_paths", "torch", "interactive_action.nodes"} & set(sys.modules)))
"""


def test_importing_the_package_needs_no_comfyui_even_if_there_is_one(tmp_path):
    (tmp_path / "interactive_action").symlink_to(ROOT, target_is_directory=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(comfyui_path())])}
    command = [sys.executable, "-c", IMPORT]
    assert subprocess.check_output(command, env=environment, cwd=tmp_path, text=True).strip() == ""


def test_the_folder_starts_under_any_name_and_from_anywhere(clone, tmp_path):
    command = [sys.executable, str(clone), "--help"]
    assert subprocess.check_output(command, cwd=tmp_path, text=True).startswith("usage: interactive-action")


def test_the_folder_is_entered_without_becoming_a_place_for_imports(clone, tmp_path):
    code = (
        "import pathlib, runpy, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "runpy.run_path(sys.argv[1] + '/__main__.py')['enter_pack']()\n"
        "import importlib.util, interactive_action.errors\n"
        "print(importlib.util.find_spec('trainers'), interactive_action.__doc__.split(':')[0])"
    )
    output = subprocess.check_output([sys.executable, "-c", code, str(clone)], cwd=tmp_path, text=True)
    assert output.strip() == "None Interactive Action"


def test_the_simulator_s_process_starts_by_the_folder(clone):
    process = subprocess.run([sys.executable, str(clone), "sim.worker"], input=b"", capture_output=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, b"", b"")


def test_the_client_says_what_it_lacks(monkeypatch):
    from interactive_action.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "websocket", None)
    with pytest.raises(MissingExtraError, match=r"websocket-client is not installed.*pip install -e \"\.\[client\]\""):
        runpy.run_path(str(ROOT / "client.py"), run_name="interactive_action.client")
