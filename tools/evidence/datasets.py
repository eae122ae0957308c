"""What the methods learn from: captioned images."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from ...captions.dataset import InteractionDataset
from ...captions.templates import TEMPLATES, paired_prompts
from ...files import write_atomically

NUM_EPISODES = 12
HELD, BEFORE = "held", "before contact"
"""Key frames: of the action, and of the same scenes before it."""


def paired_dataset(
    images: Iterable[np.ndarray], subjects: Iterable[object], objects: Iterable[object]
) -> InteractionDataset:
    """Pairs images with prompts for their subjects and objects.

    Args:
        images: uint8 (H, W, 3).
        subjects: a name for each.
        objects: a name for each.

    Source:
        Interactive-Action (anonymous, 2025), section 3.2.
    """
    student, teacher = zip(*(paired_prompts(TEMPLATES, str(who), str(what)) for who, what in zip(subjects, objects)))
    pixels = torch.stack([torch.as_tensor(image) for image in images])
    return InteractionDataset(pixels.float() / 255, student, teacher)


def simulated_dataset(folder: pathlib.Path, action: str, side: int, key_frames: str = HELD) -> InteractionDataset:
    """Records an action by the simulator, unless it is there.

    Args:
        folder: where recordings are kept.
        action: its name.
        side: of an image, pixels.
        key_frames: which.
    """
    path = folder / f"{file_stem(action)}_{file_stem(key_frames)}_{side}.npz"
    if not path.exists():
        from ...sim.actions import ACTIONS
        from ...sim.plan import Plan
        from ...sim.record import record
        from ...sim.scene import Scene, able

        scene = Scene(robot=able(action)[0], action=action, object=ACTIONS[action].objects[0])
        recording = record(scene, Plan(num_episodes=NUM_EPISODES, key_frames=key_frames, width=side, height=side))
        buffer = io.BytesIO()
        np.savez(buffer, images=recording.images, subject=recording.subject, object=recording.object)
        write_atomically(path, buffer.getvalue())
    arrays = np.load(path, allow_pickle=False)
    return paired_dataset(arrays["images"], arrays["subject"], arrays["object"])


def file_stem(*names: object) -> str:
    """Turns names into a part of a file's name."""
    return "_".join(str(name).replace(",", "").replace(" ", "-") for name in names)


def even_places(count: int, limit: int) -> Sequence[int]:
    """Lists at most ``limit`` places of ``count``, spread evenly from the first."""
    places = min(limit, count)
    return [place * count // places for place in range(places)]
