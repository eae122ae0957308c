"""The files of users that a scene is made of, told apart by content: people export a mesh again under its name."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import re
import struct
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..errors import InteractiveActionError

NAMING = {  # what follows a keyword that names files
    ".obj": re.compile(rb"mtllib[ \t]+([^\r\n]{1,1024})"),
    ".mtl": re.compile(rb"(?i:map_\w+|bump|disp|decal|refl|norm)[ \t]+([^\r\n]{1,1024})"),
}
BLOCK = 2**20


def with_named(path: str | pathlib.Path) -> list[pathlib.Path]:
    """``path`` and the files there are that it names (materials, buffers, textures), and that those name."""
    path, files = pathlib.Path(path), []
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.append(file)
            folders = {file.parent, path.parent}  # readers look for a material's textures beside either
            names = _named(file) if os.path.isfile(file) else ()
            waiting += [folder / name for name in names for folder in folders if os.path.isfile(folder / name)]
    return [path, *sorted(files[1:])]


def version(files: Iterable[pathlib.Path]) -> tuple[tuple[str, str], ...]:
    """A key of ``files`` that changes with their contents, whatever their names and times say."""
    return tuple((str(file), _digest(file)) for file in files)


def _digest(file: pathlib.Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        str(file).encode()  # C++ opens it by its name in UTF-8
        with open(file, "rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
    except UnicodeEncodeError as error:
        sentence = f"The name of {str(file)!r} is not in UTF-8, and SAPIEN opens no others. Rename it."
        raise InteractiveActionError(sentence) from error
    except OSError as error:
        raise InteractiveActionError(f"{file.name} could not be read: {error.strerror}. Check the file.") from error
    return digest.hexdigest()


def _named(file: pathlib.Path) -> Sequence[str]:
    """Names of the files that belong to a file. One that is broken names none: who reads it says so."""
    read: dict[str, Callable[[pathlib.Path], Sequence[str]]]
    read = {".obj": _of_lines, ".mtl": _of_lines, ".ply": _of_ply, ".gltf": _of_gltf, ".glb": _of_glb, ".dae": _of_dae}
    try:
        return read.get(file.suffix.lower(), lambda _: ())(file)
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError, struct.error, ET.ParseError):
        return ()


def _of_lines(file: pathlib.Path) -> Sequence[str]:
    """Names may hold blanks, and options or other names stand before: each word and each end of a line may be one."""
    names = set()
    if file.suffix.lower() == ".obj":
        names.add(f"{file.stem}.mtl")  # which is read where the one that is named is not there
    for rest in map(os.fsdecode, NAMING[file.suffix.lower()].findall(file.read_bytes())):
        words = rest.split()
        names.update(words, (rest.split(maxsplit=count)[-1].strip() for count in range(len(words))))
    return sorted(name.replace("\\", "/") for name in names)


def _of_ply(file: pathlib.Path) -> Sequence[str]:
    names = []
    with open(file, "rb") as lines:
        for line in lines:
            words = os.fsdecode(line).split(maxsplit=2)
            if words[:1] == ["end_header"]:
                break
            if [word.lower() for word in words[:2]] == ["comment", "texturefile"]:
                names.append(words[2].strip())
    return names


def _of_gltf(file: pathlib.Path) -> Sequence[str]:
    return _uris(json.loads(file.read_bytes()))


def _of_glb(file: pathlib.Path) -> Sequence[str]:
    with open(file, "rb") as content:
        *_, length, kind = struct.unpack("<4s4I", content.read(20))
        return _uris(json.loads(content.read(min(length, os.path.getsize(file))))) if kind == 0x4E4F534A else ()


def _uris(document: dict[str, Any]) -> Sequence[str]:
    uris = [entry.get("uri") for kind in ("buffers", "images") for entry in document.get(kind, ())]
    return [urllib.parse.unquote(uri) for uri in uris if uri and not uri.startswith("data:")]


def _of_dae(file: pathlib.Path) -> Sequence[str]:
    images = [element for element in ET.parse(file).iter() if element.tag.rpartition("}")[2] == "init_from"]
    texts = [text.strip() for image in images for text in image.itertext() if text.strip()]
    return [urllib.parse.unquote(text.removeprefix("file://")) for text in texts]


@functools.lru_cache(1)
def forget_files(_version: tuple[tuple[str, str], ...]) -> None:
    """Lets SAPIEN forget what it has read if the user's files are others than last time.

    It keeps meshes and textures by their paths as long as the process lives: a new one under the name of an old one
    would not be seen, and the memory would grow with each.
    """
    import sapien.physx
    import sapien.render

    sapien.render.clear_cache()
    sapien.physx.clear_cache()
