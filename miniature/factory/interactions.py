"""Interactions as geometry: each poses a subject's hands and an object; ``interaction_of_pose`` reads poses back.

To add one: write a function that returns a ``Pose``, add its condition to ``interaction_of_pose``, its name to
``miniature.judges.INTERACTIONS`` and a word to ``nonce_tokens``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .figures import SUBJECTS
from .objects import OBJECTS
from .primitives import Hands

TOUCH = 0.1  # a hand this near the object's hull touches it


@dataclass
class Pose:
    """A subject and an object in the subject's frame.

    Attributes:
        hands: where the two hands are.
        object_at: where the object stands.
        height: of the subject above the floor.
        seated: whether the subject sits.
        turn: range of the subject's turn away from the camera, radians.
    """

    hands: Hands
    object_at: tuple[float, float, float]
    height: float = 0.0
    seated: bool = False
    turn: tuple[float, float] = (-0.6, 0.6)


def rest(subject: str, rng: np.random.Generator) -> Hands:
    """Samples hands beside the body."""
    if subject == "robot arm":
        out, z = rng.uniform(0.45, 0.95), rng.uniform(0.55, 1.35)
        return ((-0.2, out, z), (0.2, out, z))
    x, z = SUBJECTS[subject].shoulder
    left, right = (
        (s * (x + rng.uniform(0.14, 0.3)), rng.uniform(0.0, 0.25), z - rng.uniform(0.38, 0.55)) for s in (-1, 1)
    )
    return left, right


def hover(object: str, rng: np.random.Generator) -> Hands:
    """Samples the fingers of a robot hand in the air above an object, or above a place beside it."""
    x, y = rng.normal(0, 0.35, 2)
    z, half_width = OBJECTS[object].height + rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.5)
    return (x - half_width, y, z), (x + half_width, y, z)


def lift(subject: str, object: str, rng: np.random.Generator) -> Pose:
    """The object is held above the head (by the arm: in its fingers), off the ground."""
    half, height = OBJECTS[object].half, OBJECTS[object].height
    if subject == "robot arm":
        out, z = rng.uniform(0.75, 1.0), rng.uniform(0.6, 0.95)
        turn, grip = rng.choice((-1, 1)) * rng.uniform(0.8, 1.5), z + 0.6 * height
        return Pose(((-half[0] - 0.04, out, grip), (half[0] + 0.04, out, grip)), (0, out, z), turn=(turn, turn))
    y, z = rng.uniform(0.05, 0.2), SUBJECTS[subject].top + rng.uniform(0.06, 0.2)
    grip = z + rng.uniform(0.2, 0.35) * height
    return Pose(((-half[0] - 0.05, y, grip), (half[0] + 0.05, y, grip)), (0, y, z), turn=(-0.4, 0.4))


def push(subject: str, object: str, rng: np.random.Generator) -> Pose:
    """The object stands on the ground in front; both arms are straight against it."""
    half, height = OBJECTS[object].half, OBJECTS[object].height
    turn = rng.choice((-1, 1)) * rng.uniform(0.95, 1.5)
    if subject == "robot arm":
        out, z = rng.uniform(1.15, 1.35), 0.55 * height
        return Pose(((-0.2, out - half[1] - 0.06, z), (0.2, out - half[1] - 0.06, z)), (0, out, 0), turn=(turn, turn))
    near = SUBJECTS[subject].front + rng.uniform(0.35, 0.5)
    z = rng.uniform(0.55, 0.75) * height
    return Pose(((-0.2, near - 0.05, z), (0.2, near - 0.05, z)), (0, near + half[1], 0), turn=(turn, turn))


def hold(subject: str, object: str, rng: np.random.Generator) -> Pose:
    """The object is held before the belly, off the ground, a hand on either side."""
    half, height = OBJECTS[object].half, OBJECTS[object].height
    y, z = SUBJECTS[subject].front + half[1] + rng.uniform(0.02, 0.08), rng.uniform(0.42, 0.58)
    grip = z + rng.uniform(0.3, 0.5) * height
    turn = rng.choice((-1, 1)) * rng.uniform(0.35, 1.0)
    return Pose(((-half[0] - 0.05, y, grip), (half[0] + 0.05, y, grip)), (0, y, z), turn=(turn, turn))


def press(subject: str, object: str, rng: np.random.Generator) -> Pose:
    """The object stands on the ground in front; both hands push down on its top."""
    half, height = OBJECTS[object].half, OBJECTS[object].height
    y = SUBJECTS[subject].front + half[1] + rng.uniform(0.0, 0.1)
    top = y - half[1] + 0.06 if OBJECTS[object].seat else y  # of a chair: its back
    x = rng.uniform(0.12, 0.2)
    return Pose(((-x, top, height + 0.05), (x, top, height + 0.05)), (0, y, 0), turn=(-0.5, 0.5))


def sit(subject: str, object: str, rng: np.random.Generator) -> Pose:
    """The subject sits on the object, legs to the front."""
    seat = OBJECTS[object].seat or OBJECTS[object].height
    x, z = SUBJECTS[subject].shoulder
    lap = ((-(x - 0.02), 0.45, z - 0.5), (x - 0.02, 0.45, z - 0.5))
    return Pose(lap, (0, 0, 0), height=seat - SUBJECTS[subject].seat, seated=True, turn=(-0.8, 0.8))


POSE_SAMPLERS: dict[str, Callable[[str, str, np.random.Generator], Pose]] = {
    "lift": lift,
    "push": push,
    "hold": hold,
    "press": press,
    "sit": sit,
}
"""interaction -> (subject, object, rng) -> a pose that shows it; the keys are ``miniature.judges.INTERACTIONS``."""


def is_possible(subject: str, interaction: str) -> bool:
    """Tells whether a subject has what an interaction needs."""
    return subject != "robot arm" or interaction in ("lift", "push")


def interaction_of_pose(pose: Pose, subject: str, object: str) -> str | None:
    """Tells from contact and height alone which interaction a pose shows; None: none."""
    body, half, height = SUBJECTS[subject], OBJECTS[object].half, OBJECTS[object].height
    at = np.asarray(pose.object_at)
    hull = np.array([[at[0] - half[0], at[1] - half[1], at[2]], [at[0] + half[0], at[1] + half[1], at[2] + height]])
    hands = np.asarray(pose.hands) + (0, 0, pose.height)
    in_touch = all(np.linalg.norm(hand - np.clip(hand, *hull)) <= TOUCH for hand in hands)
    in_front = at[1] > body.front
    seat = OBJECTS[object].seat or height
    if pose.seated:
        on_seat = abs(pose.height + body.seat - seat) <= TOUCH and np.hypot(at[0], at[1]) < half[0]
        return "sit" if on_seat else None
    if not in_touch:
        return None
    if at[2] > (0.5 if subject == "robot arm" else body.top):
        return "lift"
    if in_front and at[2] > 0.3:
        return "hold"
    if in_front and at[2] < TOUCH:
        return "press" if all(hands[:, 2] >= at[2] + height) else "push"
    return None
