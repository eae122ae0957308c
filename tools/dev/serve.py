"""Runs ComfyUI with this pack until Ctrl-C: ``make serve``. Its models, images and workflows lie in ``serve/``."""

import os
import sys

from .server import ROOT, server_command

port = sys.argv[1] if len(sys.argv) > 1 else "8188"
command = server_command(ROOT / "serve", port)
print(f"ComfyUI with Interactive Action starts on http://127.0.0.1:{port}; its files are in serve/. Ctrl-C ends it.")
sys.stdout.flush()
os.execv(command[0], command)
