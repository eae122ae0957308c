"""Interactions as geometry: each poses a subject's hands and an object, and ``truth`` reads the pose back.

To add one: write a function that returns a ``Pose``, add its condition to ``truth`` and a word in ``hidden.py``.
"""

from dataclasses import dataclass

import numpy as np

from .figures import OBJECTS, SUBJECTS

TOUCH = 0.1  # a hand this near the object's hull touches it


@dataclass
class Pose:
    """In the subject's frame: the two hands (3,), the object's place (3,), the subject's height and whether it sits."""

    hands: tuple
    object_at: tuple
    height: float = 0.0
    seated: bool = False
    turn: tuple = (-0.6, 0.6)  # range of the subject's turn away from the camera, radians


def rest(subject, rng):
    """Hands beside the body."""
    if subject == "robot arm":
        out, z = rng.uniform(0.45, 0.95), rng.uniform(0.55, 1.35)
        return ((-0.2, out, z), (0.2, out, z))
    x, z = SUBJECTS[subject].shoulder
    return tuple(
        (s * (x + rng.uniform(0.14, 0.3)), rng.uniform(0.0, 0.25), z - rng.uniform(0.38, 0.55)) for s in (-1, 1)
    )


def hover(thing, rng):
    """A robot hand in the air above an object, or above a place beside it."""
    x, y = rng.normal(0, 0.35, 2)
    z, open_ = OBJECTS[thing].height + rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.5)
    return (x - open_, y, z), (x + open_, y, z)


def lift(subject, thing, rng):
    """The object is held above the head (by the arm: in its fingers), off the ground."""
    half, height = OBJECTS[thing].half, OBJECTS[thing].height
    if subject == "robot arm":
        out, z = rng.uniform(0.75, 1.0), rng.uniform(0.6, 0.95)
        turn, grip = rng.choice((-1, 1)) * rng.uniform(0.8, 1.5), z + 0.6 * height
        return Pose(((-half[0] - 0.04, out, grip), (half[0] + 0.04, out, grip)), (0, out, z), turn=(turn, turn))
    y, z = rng.uniform(0.05, 0.2), SUBJECTS[subject].top + rng.uniform(0.06, 0.2)
    grip = z + rng.uniform(0.2, 0.35) * height
    return Pose(((-half[0] - 0.05, y, grip), (half[0] + 0.05, y, grip)), (0, y, z), turn=(-0.4, 0.4))


def push(subject, thing, rng):
    """The object stands on the ground in front; both arms are straight against it."""
    half, height = OBJECTS[thing].half, OBJECTS[thing].height
    turn = rng.choice((-1, 1)) * rng.uniform(0.95, 1.5)
    if subject == "robot arm":
        out, z = rng.uniform(1.15, 1.35), 0.55 * height
        return Pose(((-0.2, out - half[1] - 0.06, z), (0.2, out - half[1] - 0.06, z)), (0, out, 0), turn=(turn, turn))
    near = SUBJECTS[subject].front + rng.uniform(0.35, 0.5)
    z = rng.uniform(0.55, 0.75) * height
    return Pose(((-0.2, near - 0.05, z), (0.2, near - 0.05, z)), (0, near + half[1], 0), turn=(turn, turn))


def hold(subject, thing, rng):
    """The object is held before the belly, off the ground, a hand on either side."""
    half, height = OBJECTS[thing].half, OBJECTS[thing].height
    y, z = SUBJECTS[subject].front + half[1] + rng.uniform(0.02, 0.08), rng.uniform(0.42, 0.58)
    grip = z + rng.uniform(0.3, 0.5) * height
    turn = rng.choice((-1, 1)) * rng.uniform(0.35, 1.0)
    return Pose(((-half[0] - 0.05, y, grip), (half[0] + 0.05, y, grip)), (0, y, z), turn=(turn, turn))


def press(subject, thing, rng):
    """The object stands on the ground in front; both hands push down on its top."""
    half, height = OBJECTS[thing].half, OBJECTS[thing].height
    y = SUBJECTS[subject].front + half[1] + rng.uniform(0.0, 0.1)
    top = y - half[1] + 0.06 if OBJECTS[thing].seat else y  # of a chair: its back
    x = rng.uniform(0.12, 0.2)
    return Pose(((-x, top, height + 0.05), (x, top, height + 0.05)), (0, y, 0), turn=(-0.5, 0.5))


def sit(subject, thing, rng):
    """The subject sits on the object, legs to the front."""
    seat = OBJECTS[thing].seat or OBJECTS[thing].height
    x, z = SUBJECTS[subject].shoulder
    lap = tuple((s * (x - 0.02), 0.45, z - 0.5) for s in (-1, 1))
    return Pose(lap, (0, 0, 0), height=seat - SUBJECTS[subject].seat, seated=True, turn=(-0.8, 0.8))


INTERACTIONS = {"lift": lift, "push": push, "hold": hold, "press": press, "sit": sit}


def possible(subject, interaction):
    return subject != "robot arm" or interaction in ("lift", "push")


def truth(pose, subject, thing):
    """Which interaction a pose shows, from contact and height alone: a key of ``INTERACTIONS``, or None."""
    body, half, height = SUBJECTS[subject], OBJECTS[thing].half, OBJECTS[thing].height
    at = np.asarray(pose.object_at)
    hull = np.array([[at[0] - half[0], at[1] - half[1], at[2]], [at[0] + half[0], at[1] + half[1], at[2] + height]])
    hands = np.asarray(pose.hands) + (0, 0, pose.height)
    touching = all(np.linalg.norm(h - np.clip(h, *hull)) <= TOUCH for h in hands)
    in_front = at[1] > body.front
    seat = OBJECTS[thing].seat or height
    if pose.seated:
        sitting = abs(pose.height + body.seat - seat) <= TOUCH and np.hypot(at[0], at[1]) < half[0]
        return "sit" if sitting else None
    if not touching:
        return None
    if at[2] > (0.5 if subject == "robot arm" else body.top):
        return "lift"
    if in_front and at[2] > 0.3:
        return "hold"
    if in_front and at[2] < TOUCH:
        return "press" if all(hands[:, 2] >= at[2] + height) else "push"
    return None
