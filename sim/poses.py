"""Poses (4, 4) of a hand in the world: its z axis points out of the hand, its fingers close along its y axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = Sequence[float] | np.ndarray  # (3,)

HAND = 0.046  # meters from the middle of a palm to the face of the hand


def top_down_pose(position: Point, yaw: float) -> np.ndarray:
    """At ``position``, pointing down, the fingers closing along the world's y turned by ``yaw``."""
    pose = np.eye(4)
    cos, sin = np.cos(yaw), np.sin(yaw)
    pose[:3, :3] = [[cos, sin, 0], [sin, -cos, 0], [0, 0, -1]]
    pose[:3, 3] = position
    return pose


def pose_from_axes(position: Point, forward: Point, closing: Point) -> np.ndarray:
    """At ``position``, pointing ``forward`` (3,), the fingers closing along ``closing`` (3,)."""
    pose = np.eye(4)
    z = np.array(forward, float) / np.linalg.norm(forward)
    y = closing - z * np.dot(closing, z)
    y /= np.linalg.norm(y)
    pose[:3, :3] = np.stack([np.cross(y, z), y, z], 1)
    pose[:3, 3] = position
    return pose


def translate(pose: np.ndarray, *offset: float) -> np.ndarray:
    """``pose`` moved by ``offset`` (3,) meters in the world."""
    moved = pose.copy()
    moved[:3, 3] += offset
    return moved


def rotate_about(pose: np.ndarray, point: Point, axis: Point, angle: float) -> np.ndarray:
    """``pose`` turned by ``angle`` about the line through ``point`` along ``axis``."""
    turn = rotation(axis, angle)
    moved = np.eye(4)
    moved[:3, :3] = turn @ pose[:3, :3]
    moved[:3, 3] = point + turn @ (pose[:3, 3] - point)
    return moved


def rotation(axis: Point, angle: float) -> np.ndarray:
    """Rotation (3, 3) by ``angle`` about ``axis`` (Rodrigues)."""
    x, y, z = np.array(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def wrap_to_symmetry(angle: float, turns: int) -> float:
    """The angle nearest to 0 among those that ``turns`` equal steps of a whole turn lead to."""
    step = 2 * np.pi / turns
    return (angle + step / 2) % step - step / 2


def palm_positions(middle: Point, apart: float) -> np.ndarray:
    """Places (2, 3) of a left and a right palm beside ``middle`` (3,), their faces ``apart`` meters from it."""
    return side_by_side(middle, apart + HAND)


def side_by_side(middle: Point, apart: float, yaw: float = 0.0) -> np.ndarray:
    """Places (2, 3) of a left and a right hand, ``apart`` meters from ``middle`` (3,) along y turned by ``yaw``."""
    left = np.array([-np.sin(yaw), np.cos(yaw), 0])
    return np.asarray(middle) + np.array([left, -left]) * apart
