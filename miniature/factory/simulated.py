"""The simulated domain in training: the pack's own recordings of a robot arm and a cube, apart and lifted.

They are for the autoencoder, which must be able to draw them, and for the judges. The base model never sees one.
"""

import json

import numpy as np

from .everyday_world import SIZE, box_gap, box_of
from .world_images import save_array, save_text

COLORS = ("red", "green", "blue", "yellow")
FIRST_SEED = 7000
LEAST_CUBE, LEAST_ROBOT = 0.02, 0.06  # shares of the image


def _record(color, moments, frames, num_episodes, seed):
    """Images and facts of one recording; images that show too little, or the wrong nearness, are left out."""
    from ...sim.plan import Plan
    from ...sim.record import record
    from ...sim.scene import Scene

    recording = record(
        Scene(object_color=color, seed=seed),
        Plan(num_episodes=num_episodes, key_frames=moments, frames_per_episode=frames, width=SIZE, height=SIZE),
    )
    for image, robot, cube in zip(recording.images, recording.subject_masks, recording.object_masks):
        if cube.mean() < LEAST_CUBE or robot.mean() < LEAST_ROBOT:
            continue
        robot_box, cube_box = box_of(robot), box_of(cube)
        if (box_gap(robot_box, cube_box) >= 0) == (moments == "before contact"):
            yield (
                image,
                dict(
                    subject="robot arm",
                    object="box",
                    color=color,
                    place="simulated",
                    relation="and",
                    subject_box=robot_box,
                    object_box=cube_box,
                ),
            )


def generate(folder, num_episodes=40, seed=FIRST_SEED):
    """Record ``num_episodes`` successful num_episodes a color into ``folder``: apart.npy with apart.json, and lifted.npy."""
    if (folder / "lifted.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    apart = [
        shot for k, color in enumerate(COLORS) for shot in _record(color, "before contact", 2, num_episodes, seed + k)
    ]
    lifted = [shot for k, color in enumerate(COLORS) for shot in _record(color, "held", 1, num_episodes, seed + k)]
    save_array(folder / "apart.npy", np.stack([image for image, _ in apart]))
    save_text(folder / "apart.json", json.dumps([facts for _, facts in apart]))
    save_array(folder / "lifted.npy", np.stack([image for image, _ in lifted]))


def load(folder):
    """Images apart (N, 96, 96, 3) with their N facts, and lifted images."""
    return (
        np.load(folder / "apart.npy"),
        json.loads((folder / "apart.json").read_text()),
        np.load(folder / "lifted.npy"),
    )
