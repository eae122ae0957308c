"""The simulated domain in training: the pack's own recordings of a robot arm and a cube, apart and lifted.

They are for the autoencoder, which must be able to show them, and for the judges. The base model never sees one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .cache import save_array, save_text
from .everyday_render import SIZE, Facts, box_gap, box_of

COLORS = ("red", "green", "blue", "yellow")
FIRST_SEED = 7000
MIN_CUBE, MIN_ROBOT = 0.02, 0.06  # shares of the image
APART, LIFTED = "before contact", "held"  # key frames


def _record(
    color: str, key_frames: str, frames_per_episode: int, num_episodes: int, seed: int
) -> Iterator[tuple[np.ndarray, Facts]]:
    """Records images with their facts; those that show too little, or the wrong nearness, are left out."""
    from ...sim.plan import Plan
    from ...sim.record import record
    from ...sim.scene import Scene

    plan = Plan(
        num_episodes=num_episodes,
        key_frames=key_frames,
        frames_per_episode=frames_per_episode,
        width=SIZE,
        height=SIZE,
    )
    recording = record(Scene(object_color=color, seed=seed), plan)
    for image, robot, cube in zip(recording.images, recording.subject_masks, recording.object_masks):
        if cube.mean() < MIN_CUBE or robot.mean() < MIN_ROBOT:
            continue
        robot_box, cube_box = box_of(robot), box_of(cube)
        assert robot_box and cube_box  # the masks are not empty
        if (box_gap(robot_box, cube_box) >= 0) == (key_frames == APART):
            yield (
                image,
                Facts(
                    subject="robot arm",
                    object="box",
                    color=color,
                    place="simulated",
                    relation="and",
                    subject_box=robot_box,
                    object_box=cube_box,
                ),
            )


def generate(folder: Path, num_episodes: int = 40, seed: int = FIRST_SEED) -> None:
    """Records the simulated domain into a folder, unless it is there: apart.npy with apart.json, and lifted.npy.

    Args:
        folder: where the files go.
        num_episodes: successful ones, for each color and either kind of key frame.
        seed: of the first color.
    """
    if (folder / "lifted.npy").exists():
        return
    seeds = list(enumerate(COLORS, seed))
    apart = [shot for number, color in seeds for shot in _record(color, APART, 2, num_episodes, number)]
    lifted = [shot for number, color in seeds for shot in _record(color, LIFTED, 1, num_episodes, number)]
    save_array(folder / "apart.npy", np.stack([image for image, _ in apart]))
    save_text(folder / "apart.json", json.dumps([facts for _, facts in apart]))
    save_array(folder / "lifted.npy", np.stack([image for image, _ in lifted]))


def load(folder: Path) -> tuple[np.ndarray, list[Facts], np.ndarray]:
    """Reads images apart, uint8 (N, 96, 96, 3), with their N facts, and lifted images."""
    facts = json.loads((folder / "apart.json").read_text())
    return np.load(folder / "apart.npy"), facts, np.load(folder / "lifted.npy")
