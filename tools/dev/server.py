"""The real ComfyUI, with this pack in it: as a server in a process of its own, or importable in this one.

A script has one to itself with ``with ComfyServer() as server: outputs = server.client().run(prompt)``.
"""

import os
import pathlib
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ...client import ComfyClient, open_url
from ...errors import InteractiveActionError

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT = 300  # seconds; a first start reads gigabytes of libraries from a cold disk


def comfyui_path():
    """The ComfyUI to run: the user's own where COMFYUI_PATH names one, otherwise the one that set-up unpacked."""
    path = pathlib.Path(os.environ.get("COMFYUI_PATH") or ROOT / ".comfyui").expanduser().resolve()
    if not (path / "main.py").is_file():
        raise InteractiveActionError(
            f"ComfyUI was looked for in {path}, but there is no main.py. "
            "Run `make` with a target (it fetches ComfyUI), or set COMFYUI_PATH to your own."
        )
    return path


def comfyui_version():
    """The version of that ComfyUI."""
    return runpy.run_path(str(comfyui_path() / "comfyui_version.py"))["__version__"]


def enter_comfyui(base):
    """Make ComfyUI importable in this process, on the CPU and with its folders (models, output, ...) below `base`.

    To be called before anything of ComfyUI is imported.
    """
    sys.path.append(str(comfyui_path()))  # last: its top-level `utils`, `app`, `tests` must hide nothing
    from comfy.cli_args import args

    args.cpu = True
    args.base_directory = str(base)


def server_command(base, port, arguments=()):
    """The command line that starts ComfyUI on a loopback port, with its folders and this pack below `base`."""
    import torch

    base = pathlib.Path(base).resolve()
    pack = base / "custom_nodes" / "interactive-action"
    pack.parent.mkdir(parents=True, exist_ok=True)
    if not (pack.is_symlink() and pack.resolve() == ROOT):
        pack.unlink(missing_ok=True)
        pack.symlink_to(ROOT, target_is_directory=True)
    command = [sys.executable, str(comfyui_path() / "main.py"), "--listen", "127.0.0.1", "--port", str(port)]
    command += ["--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
    command += ["--disable-api-nodes", "--disable-auto-launch"]
    return command + ([] if torch.cuda.is_available() else ["--cpu"]) + list(arguments)


def free_port():
    """A loopback port on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ComfyServer:
    """A ComfyUI server for the length of a ``with`` block.

    base: the folder for its models, input, output and user files; a temporary one when None.
    arguments: more of ComfyUI's own command line. environment: variables to add to this process's.
    Raises InteractiveActionError with the end of the server's log when it does not come up.
    """

    def __init__(self, base=None, arguments=(), environment=None):
        self._temporary = None if base else tempfile.TemporaryDirectory(prefix="interactive-action-")
        self.base = pathlib.Path(base or self._temporary.name).resolve()
        self.address = f"127.0.0.1:{free_port()}"
        self._arguments = arguments
        self._environment = environment or {}
        self._process = None

    def __enter__(self):
        command = server_command(self.base, self.address.rpartition(":")[2], self._arguments)
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

    def __exit__(self, *_):
        self.stop()

    def client(self):
        """A headless client of this server."""
        return ComfyClient(self.address)

    def log(self):
        """Everything that the server has printed so far."""
        return (self.base / "server.log").read_text(encoding="utf-8", errors="replace")

    def stop(self):
        """End the server and whatever it started; harmless when it has ended already."""
        for wish in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, wish)
                self._process.wait(timeout=10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        if self._temporary:
            self._temporary.cleanup()

    def _wait_until_it_answers(self):
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

    def _tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])
