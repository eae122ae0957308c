"""Setuptools' build backend, with an editable install that editors and type checkers follow, too.

The package is the clone's own folder, whatever that is called. For such a layout setuptools' editable install brings a
hook (a "finder"), which a running Python obeys and a tool that only reads code does not. So there is a folder
``build/editable`` besides, with one link called ``interactive_action``, and a line in site-packages that names it.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import zipfile
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 (what else pip asks a backend for)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "interactive_action"


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Returns the file name of the wheel that ``pip install -e .`` installs."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    folder = ROOT / "build" / "editable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / PACKAGE).exists():
            (folder / PACKAGE).unlink(missing_ok=True)  # of a clone that was moved
            (folder / PACKAGE).symlink_to("../..", target_is_directory=True)
    except OSError:  # Windows lets developers alone make links
        return name
    add_file(pathlib.Path(wheel_directory, name), f"{PACKAGE}.pth", f"{folder}\n".encode())
    return name


def add_file(wheel: pathlib.Path, name: str, content: bytes) -> None:
    """Adds a file to a wheel and to its list of files."""
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record = next(file for file in files if file.endswith(".dist-info/RECORD"))
    files[record] = f"{name},sha256={digest},{len(content)}\n".encode() + files[record]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in {name: content, **files}.items():
            archive.writestr(file, data)
