"""The real ComfyUI, with this pack in it: as a server in a process of its own, or importable in this one.

A script has one to itself with ``with ComfyServer() as server: outputs = server.client().run(prompt)``.
"""

from __future__ import annotations

import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from ...client import ComfyClient, open_url
from ...errors import InteractiveActionError
from ...files import StrPath

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT = 300  # seconds; a first start reads gigabytes of libraries from a cold disk


def comfyui_path() -> pathlib.Path:
    """Returns the folder of the ComfyUI to run.

    The user's own (COMFYUI_PATH), otherwise the one that set-up unpacked.
    """
    path = pathlib.Path(os.environ.get("COMFYUI_PATH") or ROOT / ".comfyui").expanduser().resolve()
    if not (path / "main.py").is_file():
        raise InteractiveActionError(
            f"ComfyUI was looked for in {path}, but there is no main.py. "
            "Run `make` with a target (it fetches ComfyUI), or set COMFYUI_PATH to your own."
        )
    return path


def comfyui_version() -> str:
    """Returns the version of that ComfyUI."""
    version: str = runpy.run_path(str(comfyui_path() / "comfyui_version.py"))["__version__"]
    return version


def enter_comfyui(base: StrPath) -> None:
    """Makes ComfyUI importable in this process, on the CPU; to be called before anything of it is imported.

    Args:
        base: the folder for its models, input, output and user files.
    """
    sys.path.append(str(comfyui_path()))  # last: its top-level `utils`, `app`, `tests` must hide nothing
    from comfy.cli_args import args

    args.cpu = True
    args.base_directory = str(base)


def server_command(
    base: StrPath, port: int | str, arguments: Sequence[str] = (), pack: StrPath | None = None
) -> list[str]:
    """Returns the command line that starts ComfyUI with this pack on a loopback port.

    Args:
        base: the folder for its models, input, output, user files and nodes.
        port: on which it listens.
        arguments: more of ComfyUI's own command line.
        pack: the folder of the pack; this clone by default.
    """
    import torch

    base, pack = pathlib.Path(base).resolve(), pathlib.Path(pack or ROOT).resolve()
    link = base / "custom_nodes" / "interactive-action"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.resolve() == pack):
        link.unlink(missing_ok=True)
        link.symlink_to(pack, target_is_directory=True)
    command = [sys.executable, str(comfyui_path() / "main.py"), "--listen", "127.0.0.1", "--port", str(port)]
    command += ["--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
    command += ["--disable-api-nodes", "--disable-auto-launch"]
    return command + ([] if torch.cuda.is_available() else ["--cpu"]) + list(arguments)


def free_port() -> int:
    """Returns a loopback port on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class ComfyServer:
    """A ComfyUI server for the length of a ``with`` block.

    Args:
        base: the folder for its models, input, output and user files; a temporary one when None.
        arguments: more of ComfyUI's own command line.
        environment: variables to add to this process's.
        pack: the folder of the pack; this clone by default.

    Raises:
        InteractiveActionError: it does not come up; the end of its log says why.
    """

    def __init__(
        self,
        base: StrPath | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        pack: StrPath | None = None,
    ) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if base is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="interactive-action-")
            base = self._temporary.name
        self.base = pathlib.Path(base).resolve()
        self.address = f"127.0.0.1:{free_port()}"
        self._arguments = arguments
        self._environment = environment or {}
        self._pack = pack
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> ComfyServer:
        command = server_command(self.base, self.address.rpartition(":")[2], self._arguments, self._pack)
        self.base.mkdir(parents=True, exist_ok=True)
        with open(self.base / "server.log", "wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.base,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
                start_new_session=True,  # a process group of its own, so that the end takes its workers with it
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self) -> ComfyClient:
        """Returns a headless client of this server."""
        return ComfyClient(self.address)

    def log(self) -> str:
        """Returns everything that the server has printed so far."""
        return (self.base / "server.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ends the server and whatever it started; harmless when it has ended already."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(timeout=10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        if self._temporary:
            self._temporary.cleanup()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise InteractiveActionError(
                    f"ComfyUI ended with status {self._process.returncode} while it started:\n{self._tail()}"
                )
            try:
                with open_url(f"http://{self.address}/system_stats", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise InteractiveActionError(
            f"ComfyUI did not answer on {self.address} within {START_TIMEOUT} s. Its last lines:\n{self._tail()}"
        )

    def _tail(self, lines: int = 15) -> str:
        return "\n".join(self.log().splitlines()[-lines:])
