"""What the methods learn from: captioned images."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...captions.dataset import InteractionDataset
from ...captions.templates import TEMPLATES, paired_prompts
from ...files import write_atomically

HELD, BEFORE = "held", "before contact"
"""Key frames: of the action, and of the same scenes before it."""


@dataclass(frozen=True)
class Images:
    """What is recorded.

    Args:
        num_episodes: runs of the action.
        room: where it happens; a name of the simulator's rooms.
        seed: of the first episode.
        masked: whether subject and object weigh more than what is around them.
    """

    num_episodes: int = 12
    room: str = "plain"
    seed: int = 0
    masked: bool = False


IMAGES = {
    "one room": Images(),
    "12 images": Images(num_episodes=2),
    "furnished rooms": Images(room="living room"),
    "masks": Images(masked=True),
    "style judge": Images(num_episodes=3, seed=5000),
}
"""Name -> what is recorded. Methods learn from the first but for ablations, and never from the last."""

UNMASKED_WEIGHT = 0.2  # of pixels that are neither subject nor object, where masks weigh


def paired_dataset(
    images: Iterable[np.ndarray],
    subjects: Iterable[object],
    objects: Iterable[object],
    masks: torch.Tensor | None = None,
    teacher_word: str = "and",
) -> InteractionDataset:
    """Pairs images with prompts for their subjects and objects.

    Args:
        images: uint8 (H, W, 3).
        subjects: a name for each.
        objects: a name for each.
        masks: (N, H, W), how much each pixel counts; None: all alike.
        teacher_word: stands in the second prompt of each pair where the new word stands in the first.

    Source:
        Interactive-Action (anonymous, 2025), section 3.2.
    """
    student, teacher = zip(*(paired_prompts(TEMPLATES, str(who), str(what)) for who, what in zip(subjects, objects)))
    if teacher_word != "and":
        teacher = tuple(tuple(text.replace(" and ", f" {teacher_word} ") for text in group) for group in teacher)
    pixels = torch.stack([torch.as_tensor(image) for image in images])
    return InteractionDataset(pixels.float() / 255, student, teacher, masks=masks)


def simulated_arrays(
    folder: pathlib.Path, action: str, side: int, key_frames: str = HELD, images: Images = IMAGES["one room"]
) -> dict[str, np.ndarray]:
    """Records an action by the simulator, unless it is there.

    Args:
        folder: where recordings are kept.
        action: its name.
        side: of an image, pixels.
        key_frames: which.
        images: how many, and where.

    Returns:
        "images" uint8 (N, side, side, 3), "subject" and "object" names (N,), and their "masks" bool (N, side, side).
    """
    stem = file_stem(action, key_frames, side, images.num_episodes, images.room, images.seed)
    path = folder / f"{stem}.npz"
    if not path.exists():
        from ...sim.actions import ACTIONS
        from ...sim.plan import Plan
        from ...sim.record import record
        from ...sim.scene import Scene, able

        scene = Scene(
            robot=able(action)[0],
            action=action,
            object=ACTIONS[action].objects[0],
            room=images.room,
            seed=images.seed,
        )
        plan = Plan(num_episodes=images.num_episodes, key_frames=key_frames, width=side, height=side)
        recording = record(scene, plan)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            images=recording.images,
            subject=recording.subject,
            object=recording.object,
            masks=recording.subject_masks | recording.object_masks,
        )
        write_atomically(path, buffer.getvalue())
    return dict(np.load(path, allow_pickle=False))


def simulated_dataset(
    folder: pathlib.Path,
    action: str,
    side: int,
    key_frames: str = HELD,
    images: Images = IMAGES["one room"],
    teacher_word: str = "and",
) -> InteractionDataset:
    """Returns the recordings of ``simulated_arrays`` with their prompts; see there for the arguments."""
    arrays = simulated_arrays(folder, action, side, key_frames, images)
    masks = torch.from_numpy(arrays["masks"]).float().clamp(min=UNMASKED_WEIGHT) if images.masked else None
    return paired_dataset(arrays["images"], arrays["subject"], arrays["object"], masks, teacher_word)


def file_stem(*names: object) -> str:
    """Turns names into a part of a file's name."""
    return "_".join(str(name).replace(",", "").replace(" ", "-") for name in names)


def even_places(count: int, limit: int) -> Sequence[int]:
    """Lists at most ``limit`` places of ``count``, spread evenly from the first."""
    places = min(limit, count)
    return [place * count // places for place in range(places)]
