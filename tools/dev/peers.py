"""What the benchmarks compare with: packages in folders apart from the pack's environment, made when first asked for.

A process that is to run with them gets the folder as ``PYTHONPATH``; what they share with the pack is in ``.venv/``.
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from .setup import ROOT, digest, stage

PEERS = ROOT / ".peers"


def provide(name: str, *installs: Sequence[str]) -> pathlib.Path:
    """Installs a peer, unless it is there.

    Args:
        name: its folder's.
        *installs: arguments of ``pip install``, a list for each call of it.

    Returns:
        The folder.
    """
    folder = PEERS / name
    stamp, key = folder / "installed", digest(sys.version, json.dumps(installs))
    if not (stamp.exists() and stamp.read_text() == key):
        PEERS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PEERS, prefix=f".{name}-") as temporary:
            made, replaced = pathlib.Path(temporary, name), pathlib.Path(temporary, "replaced")
            pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            pip += ["--target", str(made)]
            for number, arguments in enumerate(installs, 1):
                stage(f"what {name} needs, to compare with ({number} of {len(installs)})", [*pip, *arguments])
            (made / stamp.name).write_text(key)
            if folder.exists():
                folder.rename(replaced)
            made.rename(folder)
    return folder
