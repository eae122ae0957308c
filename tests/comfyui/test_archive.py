"""The archive that users get: small, the same every time, and a whole pack in a ComfyUI of its own."""

import re
import subprocess
import sys
import zipfile

import pytest

from interactive_action.tests.comfyui.graphs import drawing
from interactive_action.tests.comfyui.test_pack import loading_lines, our_nodes
from interactive_action.tools.dev import archive
from interactive_action.tools.dev.server import ROOT, ComfyServer

NEEDED = (
    "__init__.py", "pyproject.toml", "requirements.txt", "requirements-sim.txt", "LICENSE", "README.md",
    "tools/editable/backend.py", "locales/zh/nodeDefs.json", "workflows/use-a-token.json", "workflows/use-a-token.jpg",
    "workflows/api/use-a-token.json", "web/docs/InteractiveTokenLoader.md", "sim/shaders/light.glsl",
    "miniature/models/checkpoints/interactive-action-miniature.safetensors",
    "miniature/models/detector/model.safetensors",
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return archive.write_archive(tmp_path_factory.mktemp("archive") / "pack.zip")


def test_the_archive_has_what_users_need_and_nothing_of_development(path):
    names = set(zipfile.ZipFile(path).namelist())
    assert names >= set(NEEDED)
    assert not [name for name in names if re.match(r"tests/|benchmarks/|docs/|tools/(dev|demos|evidence)/|\.ci/", name)]
    assert not [name for name in names if name.startswith(("/", "..")) or "\\" in name]
    assert path.stat().st_size <= archive.LARGEST


def test_every_image_of_a_help_page_is_in_it(path):
    names = set(zipfile.ZipFile(path).namelist())
    for page in (ROOT / "web" / "docs").rglob("*.md"):
        for image in re.findall(r"!\[[^\]]*\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / image).resolve().relative_to(ROOT).as_posix() in names, f"{page.name}: {image}"


def test_the_same_files_give_the_same_bytes(path, tmp_path):
    assert archive.write_archive(tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_an_archive_that_has_grown_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(archive.InteractiveActionError, match=r"MB, and 0 are the limit.*\.comfyignore"):
        archive.write_archive(tmp_path / "pack.zip")


@pytest.mark.server
def test_it_is_installed_by_the_managers_steps_into_a_comfyui_of_its_own_and_draws(path, tmp_path, client):
    """The Manager unpacks, runs pip over requirements.txt, and ComfyUI is started."""
    folder = tmp_path / "comfyui" / "custom_nodes" / "interactive-action"
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "-r", str(folder / "requirements.txt")], check=True, capture_output=True, text=True
    )
    assert "Successfully installed" not in done.stdout  # ComfyUI and this environment have it all
    with ComfyServer(tmp_path / "server", pack=folder) as server:
        own = server.client()
        assert our_nodes(own).keys() == our_nodes(client).keys()
        templates = own.get("/workflow_templates").decode()
        assert "use-a-token" in templates
        assert own.run(drawing())["show"]["images"]
        assert not [line for line in loading_lines(server) if "FAILED" in line]
