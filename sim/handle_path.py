"""How a hand goes with a handle while what it belongs to opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .poses import pose_from_axes, rotate_about, rotation, translate

FOLLOW = (1.0, 0.8, 0.6, 0.4, 0.2)  # shares of a door's turn that the hand may turn with it


@dataclass(frozen=True, eq=False)
class HandlePath:
    """Where a handle is taken, and how it moves; all in the axes in which hands are led.

    Args:
        slides: along the axis; else it turns about it.
        at: (3,) the middle of the bar while it is shut, in meters.
        forward: (3,) the direction in which the hand comes.
        closing: (3,) the direction along which the fingers close.
        pivot: (3,) a point of the axis.
        axis: (3,) unit vector.
    """

    slides: bool
    at: np.ndarray
    forward: np.ndarray
    closing: np.ndarray
    pivot: np.ndarray
    axis: np.ndarray

    def hand(self, opening: float, follow: float, tilt: float) -> np.ndarray:
        """Pose (4, 4) of the hand on the handle.

        Args:
            opening: meters or radians by which the joint is open.
            follow: share of a door's turn by which the hand turns with it.
            tilt: radians by which the hand comes aslant.
        """
        if self.slides:
            pose = pose_from_axes(self.at, rotation(self.closing, tilt) @ self.forward, self.closing)
            return translate(pose, *(opening * self.axis))
        place = rotate_about(pose_from_axes(self.at, self.forward, self.closing), self.pivot, self.axis, opening)[:3, 3]
        turn = rotation(self.axis, follow * opening) @ rotation(self.axis, tilt)
        return pose_from_axes(place, turn @ self.forward, turn @ self.closing)


def approached(poses: Sequence[np.ndarray], gap: float) -> list[np.ndarray]:
    """Poses (4, 4) with one before the first, from which the hand comes, ``gap`` meters back."""
    return [translate(poses[0], *(-gap * poses[0][:3, 2])), *poses]
