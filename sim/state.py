"""The whole world at one time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

TIMESTEP = 1 / 200  # seconds of a step of physics


@dataclass(frozen=True)
class State:
    """What physics has moved.

    Args:
        time: seconds.
        qpos: (joints,) of the robots.
        position: (3,) of the object, in meters.
        quaternion: (4,) of the object, wxyz.
        others: (objects, 7) poses of what else is there.
        articulation_qpos: (jointed,) positions of the joints that objects have.
        room: where furniture is, as the room gives and takes it.
    """

    time: float
    qpos: np.ndarray
    position: np.ndarray
    quaternion: np.ndarray
    others: np.ndarray
    articulation_qpos: np.ndarray
    room: np.ndarray = field(default_factory=lambda: np.zeros(0))
