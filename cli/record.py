"""``interactive-action record``: the simulator without ComfyUI."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterable

from ..errors import InteractiveActionError
from ..sim import recording_folder
from ..sim.actions import ACTIONS
from ..sim.interiors import ROOMS
from ..sim.key_frames import KEY_FRAMES
from ..sim.plan import CAMERA_MODES, Plan
from ..sim.pool import Pool
from ..sim.robots import ROBOTS
from ..sim.scene import OBJECT_COLORS, OFFERED, PLACE_COLORS, RANDOM, Scene
from .fields import add_fields, from_fields
from .progress import progress_bar

STOPPED = "Stopped. Nothing was written."
CHOICES: dict[str, Iterable[str]] = {
    "robot": ROBOTS,
    "action": ACTIONS,
    "object": OFFERED,
    "object_color": (RANDOM, *OBJECT_COLORS),
    "ground": (RANDOM, *PLACE_COLORS),
    "background": (RANDOM, *PLACE_COLORS),
    "room": ROOMS,
    "key_frames": KEY_FRAMES,
    "camera_mode": CAMERA_MODES,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder, and an option for each field of ``Scene`` and ``Plan``."""
    parser.add_argument("folder", type=pathlib.Path, help="a new folder for the recording")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="simulators at once; the images do not change (default: 1)"
    )
    for kind in (Scene, Plan):
        add_fields(parser, kind, CHOICES)


def run(arguments: argparse.Namespace) -> int:
    """Records and writes the folder; returns the exit status."""
    folder, workers = arguments.folder, arguments.workers
    if folder.exists():
        raise InteractiveActionError(f"{folder} exists already. Name a new folder, or remove it first.")
    if workers < 1:
        raise InteractiveActionError(f"workers is {workers}. It must be at least 1.")
    scene, plan = from_fields(Scene, arguments), from_fields(Plan, arguments)
    with Pool(workers) as pool, progress_bar("image") as progress:
        recording = pool.record(scene, plan, progress)
    recording_folder.save(recording, folder)
    print(f"{recording.summary()}\nWritten to {folder}.")
    return 0
