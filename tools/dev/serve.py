"""Runs ComfyUI with this pack until Ctrl-C: ``make serve``. Its models, images and workflows lie in ``serve/``."""

from __future__ import annotations

import os
import sys

from .server import ROOT, server_command


def main(port: str = "8188") -> None:
    """Becomes ComfyUI, listening on a port of this machine."""
    command = server_command(ROOT / "serve", port)
    print(
        f"ComfyUI with Interactive Action starts on http://127.0.0.1:{port}; its files are in serve/. Ctrl-C ends it."
    )
    sys.stdout.flush()
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:2])
