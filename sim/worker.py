"""The simulator's process: ``python <this pack> sim.worker``, started and spoken to by ``client.py``.

It takes one request after the other from its input and ends when that closes, so it never outlives who started it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import IO, TYPE_CHECKING

import numpy as np

from ..errors import InteractiveActionError, MissingExtraError
from .layout import Layout
from .plan import Plan
from .protocol import receive, send
from .scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .progress import Episode, ImageProgress


class Stopped(Exception):
    """The other side does not want the rest."""


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answers each request: an episode with images, each of which waits for "go on" or "stop"; drifts; or an error."""

    def show(done: int, image: np.ndarray) -> None:
        send(replies, {"kind": "image", "done": done}, {"image": image})
        if receive(requests)[0]["answer"] == "stop":
            raise Stopped

    while True:
        request, _ = receive(requests)
        try:
            if "layout" in request:
                send(replies, {"kind": "drift"}, {"meters": _drift(Layout.from_json(request["layout"]))})
                continue
            scenes = [Scene(**scene) for scene in request["scenes"]]
            parts, failure = _run_episode(scenes, Plan(**request["plan"]), request["seed"], show)
            arrays = {f"{number} {name}": array for number, part in enumerate(parts) for name, array in part.items()}
            send(replies, {"kind": "episode", "failure": failure}, arrays)
        except Stopped:
            send(replies, {"kind": "stopped"})
        except InteractiveActionError as error:
            send(replies, {"kind": "error", "sentence": str(error)})
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 (a mistake of ours must not end the process, nor stay unsaid)
            traceback.print_exc()
            sentence = f"The simulation failed with a {type(error).__name__}: {error}"
            send(replies, {"kind": "error", "sentence": sentence})


def _run_episode(scenes: Sequence[Scene], plan: Plan, seed: int, progress: ImageProgress) -> Episode:
    try:
        from .record import record_episode
    except ImportError as error:
        raise MissingExtraError(f"{error.name}, which simulates the scene,", "sim") from error
    return record_episode(scenes, plan, seed, progress)


def _drift(layout: Layout) -> np.ndarray:
    try:
        from .standing import drift
    except ImportError as error:
        raise MissingExtraError(f"{error.name}, which simulates rooms,", "sim") from error
    return drift(layout)


def main() -> None:
    """Serves on standard input and output until the input closes."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints, C++ included, must not disturb the replies
    try:
        serve(sys.stdin.buffer, replies)
    except (EOFError, BrokenPipeError):
        os._exit(0)  # nobody is left to read; SAPIEN's own end takes seconds and may abort


if __name__ == "__main__":
    main()
