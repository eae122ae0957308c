"""``make archive``: the pack as the Comfy registry serves it, into ``build/``, the same bytes from the same files.

It holds what git knows of this clone but what ``.comfyignore`` names, as the registry's own tool packs it.
"""

from __future__ import annotations

import pathlib
import subprocess
import zipfile

from ...errors import InteractiveActionError
from ...files import StrPath, atomic_file
from .server import ROOT

LARGEST = 60_000_000  # bytes; people wait for it, and it lies in every ComfyUI that has the pack
DATE = (2020, 1, 1, 0, 0, 0)  # of every entry


def main() -> None:
    """Writes the archive and says how large it is."""
    path = write_archive(ROOT / "build" / "interactive-action.zip")
    with zipfile.ZipFile(path) as archive:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(archive.infolist())} files")


def write_archive(path: StrPath) -> pathlib.Path:
    """Writes the archive.

    Args:
        path: of the .zip file.

    Returns:
        The same path.

    Raises:
        InteractiveActionError: it has become larger than ``LARGEST``.
    """
    path = pathlib.Path(path)
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in shipped_files():
            archive.writestr(zipfile.ZipInfo(name, DATE), (ROOT / name).read_bytes(), zipfile.ZIP_DEFLATED)
    if (size := path.stat().st_size) > LARGEST:
        raise InteractiveActionError(
            f"The archive has {size / 1e6:.1f} MB, and {LARGEST / 1e6:.0f} are the limit. Leave out in .comfyignore "
            "what users do not need."
        )
    return path


def shipped_files() -> list[str]:
    """Returns the paths of what users get, with slashes, in order."""
    import pathspec

    lines = (ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    return [name for name in tracked_files() if not ignored.match_file(name)]


def tracked_files() -> list[str]:
    """Returns the paths of all files that git knows, or will know once they are added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return sorted(name for name in set(names) if name and (ROOT / name).is_file())


if __name__ == "__main__":
    main()
