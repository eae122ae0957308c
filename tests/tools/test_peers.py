"""What benchmarks compare with is installed once, into a folder of its own, and never by halves."""

import subprocess
import sys
import zipfile

import pytest

from interactive_action.tools.dev import peers


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "PEERS", tmp_path / ".peers")
    return tmp_path / ".peers"


def wheel(folder, name, version):
    """A wheel of one module, which knows its version; pip's arguments to install it without asking an index."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return ["--no-index", str(path)]


def version_in(folder, name):
    command = [sys.executable, "-c", f"import {name}; print({name}.version)"]
    environment = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.mark.slow
def test_a_peer_is_installed_once_and_for_those_alone_that_ask_for_it(tmp_path, capsys):
    needs = wheel(tmp_path, "toy_peer", "1.0"), wheel(tmp_path, "toy_part", "2.0")
    made = peers.provide("toy", *needs)
    assert capsys.readouterr().out.count("Setting up what toy needs") == 2
    assert version_in(made, "toy_peer") == "1.0" and version_in(made, "toy_part") == "2.0"
    assert version_in("", "toy_peer") == ""
    assert peers.provide("toy", *needs) == made and capsys.readouterr().out == ""


@pytest.mark.slow
def test_what_is_asked_for_anew_replaces_it_whole(tmp_path):
    peers.provide("toy", wheel(tmp_path, "toy_peer", "1.0"), wheel(tmp_path, "toy_part", "2.0"))
    made = peers.provide("toy", wheel(tmp_path, "toy_peer", "1.1"))
    assert (version_in(made, "toy_peer"), version_in(made, "toy_part")) == ("1.1", "")


@pytest.mark.slow
def test_one_that_cannot_be_installed_is_a_sentence_and_leaves_what_there_was(tmp_path, folder):
    made = peers.provide("toy", wheel(tmp_path, "toy_peer", "1.0"))
    with pytest.raises(SystemExit, match="run make again"):
        peers.provide("toy", wheel(tmp_path, "toy_peer", "1.1"), ["--no-index", "there_is_no_such_package"])
    assert version_in(made, "toy_peer") == "1.0" and list(folder.iterdir()) == [made]
