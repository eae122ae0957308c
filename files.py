"""Reading files as people have them, and writing files so that no reader ever sees half of one.

Equal content gives equal bytes. Every failure is a sentence that names the file.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from typing import Any

from .errors import InteractiveActionError, NotWrittenError

StrPath = str | os.PathLike[str]

LONGEST_NAME = 200  # bytes of UTF-8: file systems take 255, and a number, an ending or a temporary mark may be added
# Windows's devices
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
# UTF-32 first: its mark begins with UTF-16's
_MARKS = (("utf-32", codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), ("utf-16", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines also splits at U+2028 and others, which captions may hold


def checked_name(name: object, what: str, longest: int = LONGEST_NAME) -> str:
    """Returns ``name`` in Unicode's form NFC if on every system it can only name a file inside its own folder.

    Letters, digits and marks of any script, '-', '_' and '.'; at most ``longest`` bytes; no name of Windows's devices.

    Args:
        name: from a person, a graph or a file.
        what: the kind of thing that is named, for the sentence.
        longest: bytes of UTF-8.

    Raises:
        InteractiveActionError: it is not a text, is too long or could be another file somewhere.
    """
    if not isinstance(name, str):
        raise InteractiveActionError(
            f"The {what} needs a name in letters, but is called {name!r}. Try a plain name such as 'pick-up'."
        )
    name = unicodedata.normalize("NFC", name)
    length = len(name.encode("utf-8", "surrogatepass"))
    if length > longest:
        raise InteractiveActionError(
            f"The name of the {what} is too long: {name[:40]!r}... has {length} bytes, and {longest} are the "
            "limit. Choose a shorter one."
        )
    if not re.match(r"\w", name) or not all(map(may_stand_in_names, name)) or ".." in name:
        raise InteractiveActionError(
            f"The {what} cannot be called {name!r}: a name may hold letters, digits, '-', '_' and '.', must begin with "
            "a letter or digit and cannot lead to another folder. Try a plain name such as 'pick-up'."
        )
    if RESERVED.fullmatch(name) or name.endswith("."):
        raise InteractiveActionError(
            f"The {what} cannot be called {name!r}: Windows keeps such names for itself, and nobody there could open "
            "the file. Try a plain name such as 'pick-up'."
        )
    return name


def may_stand_in_names(character: str) -> bool:
    """Returns whether ``checked_name`` takes it; vowel signs, as Hindi and Thai have, are marks and no letters."""
    return character.isalnum() or character in "_-." or unicodedata.category(character) in ("Mn", "Mc")


def check_text(text: object, what: str) -> None:
    """Raises a sentence if ``text`` is none, or one that no tokenizer takes and no file holds.

    Args:
        text: from a person, a graph or a file.
        what: names it in the sentence.

    Raises:
        InteractiveActionError: the sentence.
    """
    if not isinstance(text, str):
        raise InteractiveActionError(f"{what} holds {text!r}. It must be text.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InteractiveActionError(
            f"{what} is {text!r}, which holds half a character that no file can hold. Type it again."
        ) from error


def path_inside(folder: StrPath, name: StrPath, what: str) -> pathlib.Path:
    """Returns the absolute path of the file ``name`` of ``folder``, links followed.

    Args:
        folder: which the path may not leave.
        name: relative to it; may lie in folders below.
        what: the kind of thing that is named, for the sentence.

    Raises:
        InteractiveActionError: the path leads out of the folder, or no file can have it.
    """
    folder = pathlib.Path(folder).resolve()
    try:
        path = (folder / name).resolve()
        if path.is_relative_to(folder):
            path.exists()  # raises for names that no file system takes
            return path
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last of links that lead in a ring
        raise InteractiveActionError(
            f"The {what} {str(name)[:80]!r} cannot be the name of a file: {_reason(error)}. "
            f"Give a file of {folder.name}."
        ) from error
    raise InteractiveActionError(
        f"The {what} {str(name)!r} leads out of the folder {folder.name}. Put the file into it and give its name there."
    )


def free_path(folder: StrPath, name: str, suffix: str = "") -> pathlib.Path:
    """Returns the first of name, name-2, name-3, ... that does not exist in ``folder``.

    Args:
        folder: need not exist.
        name: of the file, without its suffix.
        suffix: with its dot.
    """
    path, count = pathlib.Path(folder, f"{name}{suffix}"), 2
    while path.exists():
        path = path.with_name(f"{name}-{count}{suffix}")
        count += 1
    return path


def read_text(path: StrPath) -> str:
    """Returns the text of a file in UTF-8, with or without a byte order mark, or in UTF-16 or UTF-32 with one.

    Raises:
        InteractiveActionError: the file cannot be read, or is in another encoding.
    """
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InteractiveActionError(f"{path.name} could not be read: {_reason(error)}. Check the file.") from error
    encoding = next((name for name, *marks in _MARKS if data.startswith(tuple(marks))), "utf-8-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InteractiveActionError(
            f"{path.name} is not written in UTF-8: byte {error.start} is {data[error.start]:#04x}. "
            "Save it again as UTF-8, which every editor offers."
        ) from error


def lines_of(text: str) -> list[str]:
    """Returns the lines of ``text``: nothing but the line feeds and carriage returns of any system ends one."""
    return _LINE_END.split(text)


def filled_lines(text: str) -> tuple[str, ...]:
    """Returns the lines of ``text`` that hold something, each without the blanks around it."""
    return tuple(line.strip() for line in lines_of(text) if line.strip())


def read_json_lines(path: StrPath) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (number, object) for each filled line of a .jsonl file; lines are numbered from 1.

    Raises:
        InteractiveActionError: the file cannot be read, or a line is no JSON object.
    """
    path = pathlib.Path(path)
    for number, line in enumerate(lines_of(read_text(path)), 1):
        if line.strip():
            row = parse_json(line, f"line {number} of {path.name}")
            if not isinstance(row, dict):
                raise InteractiveActionError(
                    f"Line {number} of {path.name} must be one JSON object in braces, but is {line[:40]!r}."
                )
            yield number, row


def parse_json(text: str, where: str) -> Any:
    """Returns the value of ``text`` in JSON.

    Args:
        text: to be parsed.
        where: names it in the sentence.

    Raises:
        InteractiveActionError: it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InteractiveActionError(
            f"{where[:1].upper()}{where[1:]} is not JSON: {error}. Correct it, or leave it out."
        ) from error


def write_atomically(path: StrPath, data: bytes) -> None:
    """Writes a file; a crash leaves the old one or the new one, never a part.

    Args:
        path: whose folder is made if need be.
        data: the whole content.

    Raises:
        NotWrittenError: the system refuses; what was there before is unchanged.
    """
    with atomic_file(path, len(data)) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def atomic_file(path: StrPath, size: int | None = None) -> Iterator[pathlib.Path]:
    """Yields a hidden file to write into, which takes its name once the ``with`` block has ended well.

    Args:
        path: the name, whose folder is made if need be; a file that bears it is replaced.
        size: bytes to be written, if that is known.

    Raises:
        NotWrittenError: the system refuses; what was there before is unchanged.
    """
    path = pathlib.Path(path)
    temporary = None
    with write_errors(path, size):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            os.close(handle)
            temporary = pathlib.Path(name)
            yield temporary
            with open(temporary, "r+b") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            if temporary:
                temporary.unlink()
            raise


@contextlib.contextmanager
def new_folder(folder: StrPath, what: str) -> Iterator[pathlib.Path]:
    """Yields a hidden folder to write into, which takes its name once the ``with`` block has ended well.

    Args:
        folder: the name; a folder that exists is not touched.
        what: the kind of folder, for the sentence.

    Raises:
        InteractiveActionError: there is such a folder already.
        NotWrittenError: the system refuses to write; nothing is left.
    """
    folder = pathlib.Path(folder)
    if folder.exists():
        raise InteractiveActionError(
            f"There is already a {what} called {folder.name!r}. Choose another name or remove it first."
        )
    temporary = None
    with write_errors(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            os.rename(temporary, folder)
        except BaseException:
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextlib.contextmanager
def write_errors(path: StrPath, size: int | None = None) -> Iterator[None]:
    """Turns the system's errors in the ``with`` block (a full disk, a read-only folder) into NotWrittenErrors.

    Args:
        path: what is written.
        size: bytes to be written, if that is known.
    """
    path = pathlib.Path(path)
    try:
        yield
    except OSError as error:
        needed = f" It takes {_size(size)}." if size else ""
        raise NotWrittenError(
            f"{path.name} could not be written to the folder {path.parent.name}: {_reason(error)}.{needed}"
            f"{_free_space(path.parent)} Nothing half written is left. Make room or allow writing there, and try again."
        ) from error


def _reason(error: Exception) -> str:
    """The system's own words for an error, without paths."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _free_space(folder: pathlib.Path) -> str:
    """A sentence about the room on the disk; empty if the system does not say."""
    with contextlib.suppress(OSError):
        return f" {_size(shutil.disk_usage(folder).free)} are free there."
    return ""


def _size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _umask() -> int:
    """The bits that new files of this process lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
