"""Reading files as people have them, and writing files so that no reader ever sees half of one.

Equal content gives equal bytes. Every failure is a sentence that names the file.
"""

import codecs
import contextlib
import json
import os
import pathlib
import re
import shutil
import struct
import tempfile
import unicodedata

import safetensors.torch

from .errors import InteractiveActionError, NotWrittenError

LONGEST_NAME = 200  # bytes of UTF-8: file systems take 255, and a number, an ending or a temporary mark may be added
_NAME = re.compile(r"\w[\w.-]*")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE
)  # Windows's devices
_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines also splits at U+2028 and others, which captions may hold


def checked_name(name, what):
    """Return ``name`` (NFC) if it can only ever name a file inside its own folder, on every system; a sentence otherwise.

    Letters and digits of any script, '-', '_' and '.'; at most ``LONGEST_NAME`` bytes; no name that Windows keeps for itself.
    """
    if not isinstance(name, str):
        raise InteractiveActionError(
            f"The {what} needs a name in letters, but is called {name!r}. Try a plain name such as 'pick-up'."
        )
    name = unicodedata.normalize("NFC", name)
    length = len(name.encode("utf-8", "surrogatepass"))
    if length > LONGEST_NAME:
        raise InteractiveActionError(
            f"The name of the {what} is too long: {name[:40]!r}... has {length} bytes, and {LONGEST_NAME} are the limit. Choose a shorter one."
        )
    if not _NAME.fullmatch(name) or ".." in name:
        raise InteractiveActionError(
            f"The {what} cannot be called {name!r}: a name may hold letters, digits, '-', '_' and '.', must begin with a "
            f"letter or digit and cannot lead to another folder. Try a plain name such as 'pick-up'."
        )
    if _RESERVED.fullmatch(name) or name.endswith("."):
        raise InteractiveActionError(
            f"The {what} cannot be called {name!r}: Windows keeps such names for itself, and nobody there could open the file. "
            f"Try a plain name such as 'pick-up'."
        )
    return name


def path_inside(folder, name, what):
    """The whole path of the file ``name`` (which may lie in folders below) of ``folder``; a sentence if it leads elsewhere."""
    folder = pathlib.Path(folder).resolve()
    try:
        path = (folder / name).resolve()
        if path.is_relative_to(folder):
            path.exists()  # raises for names that no file system takes
            return path
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last of links that lead in a ring
        raise InteractiveActionError(
            f"The {what} {str(name)[:80]!r} cannot be the name of a file: {_reason(error)}. Give a file of {folder.name}."
        ) from error
    raise InteractiveActionError(
        f"The {what} {str(name)!r} leads out of the folder {folder.name}. Put the file into it and give its name there."
    )


def free_path(folder, name, suffix=""):
    """The first of name, name-2, name-3, ... (with ``suffix``) that does not exist in ``folder``."""
    path, count = pathlib.Path(folder, f"{name}{suffix}"), 2
    while path.exists():
        path = path.with_name(f"{name}-{count}{suffix}")
        count += 1
    return path


# Reading


def read_text(path):
    """The text of a file in UTF-8, with or without a byte order mark, or in UTF-16 or UTF-32 with one."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InteractiveActionError(f"{path.name} could not be read: {_reason(error)}. Check the file.") from error
    marks = {
        codecs.BOM_UTF32_LE: "utf-32",
        codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
    }
    encoding = next((encoding for mark, encoding in marks.items() if data.startswith(mark)), "utf-8-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InteractiveActionError(
            f"{path.name} is not written in UTF-8: byte {error.start} is {data[error.start]:#04x}. Save it again as UTF-8, which every editor offers."
        ) from error


def lines_of(text):
    """The lines of ``text`` whatever system it was written on; nothing but line feed and carriage return ends one."""
    return _LINE_END.split(text)


def filled_lines(text):
    """The lines of ``text`` that hold something, each without the blanks around it."""
    return tuple(line.strip() for line in lines_of(text) if line.strip())


def read_json_lines(path):
    """(number, object) for each filled line of a .jsonl file, numbered from 1."""
    path = pathlib.Path(path)
    for number, line in enumerate(lines_of(read_text(path)), 1):
        if line.strip():
            row = parse_json(line, f"line {number} of {path.name}")
            if not isinstance(row, dict):
                raise InteractiveActionError(
                    f"Line {number} of {path.name} must be one JSON object in braces, but is {line[:40]!r}."
                )
            yield number, row


def parse_json(text, where):
    """What ``text`` says in JSON; ``where`` names it in the sentence if it does not."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InteractiveActionError(
            f"{where[:1].upper()}{where[1:]} is not JSON: {error}. Correct it, or leave it out."
        ) from error


# Writing


def write_atomically(path, data):
    """Write ``data`` (bytes) to ``path``: a crash leaves the old file or the new one, never a part."""
    path = pathlib.Path(path)
    temporary = None
    with told_in_a_sentence(path, len(data)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            if temporary:
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def new_folder(folder, what):
    """A hidden folder to write into, which takes the name ``folder`` once all is written; one that exists is not touched."""
    folder = pathlib.Path(folder)
    if folder.exists():
        raise InteractiveActionError(
            f"There is already a {what} called {folder.name!r}. Choose another name or remove it first."
        )
    temporary = None
    with told_in_a_sentence(folder):
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
def told_in_a_sentence(path, size=None):
    """Turns what the system says of a write to ``path`` (a full disk, a folder that may not be written) into a sentence.

    size: bytes to be written, if that is known.
    """
    path = pathlib.Path(path)
    try:
        yield
    except OSError as error:
        needed = f" It takes {_size(size)}." if size else ""
        raise NotWrittenError(
            f"{path.name} could not be written to the folder {path.parent.name}: {_reason(error)}.{needed}{_free(path.parent)} "
            f"Nothing half written is left. Make room or allow writing there, and try again."
        ) from error


def _reason(error):
    """The system's own words for an error, without paths."""
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _free(folder):
    with contextlib.suppress(OSError):
        return f" {_size(shutil.disk_usage(folder).free)} are free there."
    return ""


def _size(count):
    """Bytes as a person reads them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def safetensors_bytes(tensors, metadata):
    """Serialize as safetensors with a sorted header.

    The library writes metadata in the random order of a hash map, so the same content would give other
    bytes in every process; a token must be reproducible byte for byte.
    """
    data = safetensors.torch.save({key: value.contiguous() for key, value in tensors.items()}, metadata=metadata)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(
        json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
