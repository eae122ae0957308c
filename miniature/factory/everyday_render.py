"""Renders a scene of the everyday domain: its image, with the masks and boxes of subject and object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import numpy as np

from .figures import ARM_COLORS, HAND_PARTS, SUBJECTS, robot_arm, robot_hand
from .objects import object_parts
from .raycast import Backdrop, Camera, Geometry, Point, cast, corners

if TYPE_CHECKING:
    from .everyday_world import Scene

SIZE = 96  # pixels, side of an image

Box: TypeAlias = tuple[int, int, int, int]
"""x, y, width and height, in pixels."""

PLACES: dict[str, dict[str, Any]] = {
    "in a kitchen": dict(floor=(0.86, 0.82, 0.76), second=(0.72, 0.64, 0.58), wall=(0.72, 0.86, 0.8), tile=1.0, at=3.0),
    "in a room": dict(floor=(0.6, 0.38, 0.22), second=(0.52, 0.31, 0.17), wall=(0.9, 0.66, 0.56), tile=None, at=3.0),
    "in a park": dict(
        floor=(0.38, 0.66, 0.26), second=(0.32, 0.6, 0.22), wall=(0.72, 0.88, 0.98), top=(0.35, 0.62, 0.95)
    ),
    "in a desert": dict(
        floor=(0.93, 0.76, 0.46), second=(0.88, 0.69, 0.38), wall=(0.99, 0.93, 0.66), top=(0.95, 0.78, 0.4)
    ),
    "in the snow": dict(
        floor=(0.94, 0.96, 1.0), second=(0.87, 0.91, 0.98), wall=(0.82, 0.82, 0.95), top=(0.6, 0.62, 0.86)
    ),
    "in a plain room": dict(floor=(0.55, 0.5, 0.46), second=(0.55, 0.5, 0.46), wall=(0.6, 0.6, 0.62), at=3.0),
    "in a studio": dict(floor=(0.7, 0.7, 0.71), second=(0.7, 0.7, 0.71), wall=(0.85, 0.85, 0.86), at=3.0),
}
"""Colors of floor and wall; tile: side of a checked floor's tiles, None for planks; at: y of the wall, if any."""


class Facts(TypedDict, total=False):
    """What captions and judges need to know of an image, as plain data; subject or object is "" where it is missing."""

    seed: int
    subject: str
    object: str
    color: str
    place: str
    relation: str
    subject_box: Box | None
    object_box: Box | None


@dataclass
class Shot:
    """A rendered scene.

    Attributes:
        scene: what it shows.
        image: uint8 (SIZE, SIZE, 3).
        subject_mask, object_mask: bool (SIZE, SIZE), visible pixels.
    """

    scene: Scene
    image: np.ndarray
    subject_mask: np.ndarray
    object_mask: np.ndarray

    @property
    def subject_box(self) -> Box | None:
        """The box of the subject's visible pixels."""
        return box_of(self.subject_mask)

    @property
    def object_box(self) -> Box | None:
        """The box of the object's visible pixels."""
        return box_of(self.object_mask)

    def facts(self) -> Facts:
        """Returns what captions and judges need to know."""
        scene = self.scene
        return Facts(
            seed=scene.seed,
            subject=scene.subject,
            object=scene.object,
            color=scene.color,
            place=scene.place,
            relation=scene.relation,
            subject_box=self.subject_box,
            object_box=self.object_box,
        )


def box_of(mask: np.ndarray) -> Box | None:
    """Returns the tight box around a mask (H, W), None for an empty one."""
    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(np.ptp(columns) + 1), int(np.ptp(rows) + 1)


def box_gap(a: Box, b: Box) -> int:
    """Returns the free pixels between two boxes along the axis that separates them best (negative: they overlap)."""
    return max(max(a[i], b[i]) - min(a[i] + a[i + 2], b[i] + b[i + 2]) for i in (0, 1))


def world_from_body(turn: float) -> np.ndarray:
    """Returns the rotation (3, 3) of a body: turn 0 looks at the camera (-y), positive turns towards +x; radians."""
    s, c = np.sin(turn), np.cos(turn)
    return np.array([[-c, s, 0], [-s, -c, 0], [0, 0, 1.0]])


def render(scene: Scene, size: int = SIZE) -> Shot:
    """Renders the image of a scene, ``size`` x ``size`` pixels, with its masks."""
    parts, camera = fit_view(scene)
    image, shares = cast(parts, camera, _backdrop(scene), size)
    return Shot(scene, image, shares[0] > 0.5, shares[1] > 0.5)


def fit_view(scene: Scene) -> tuple[list[Geometry], Camera]:
    """Aims the camera at a scene.

    Returns:
        The scene's parts, and a camera that shows all of them, ``scene.fill`` of the image wide or high, at
        ``scene.shift`` of the free space.
    """
    parts = scene_parts(scene)
    points = corners(parts[:HAND_PARTS] + [p for p in parts if p.owner == 2] if scene.close else parts)
    camera = Camera.look_at(scene.camera_at, (points.max(0) + points.min(0)) / 2)
    plane = camera.project(points)
    low, high = plane.min(0), plane.max(0)
    span = (high - low).max() / scene.fill
    free = (span * 0.98 - (high - low)) / 2
    camera.span = span
    camera.center = tuple((low + high) / 2 + free * (2 * np.asarray(scene.shift) - 1))
    return parts, camera


def scene_parts(scene: Scene) -> list[Geometry]:
    """Builds the primitives of a scene in the world."""
    parts = []
    if scene.subject:
        at = (*scene.at, scene.pose.height)
        parts += _in_world(_subject_parts(scene), world_from_body(scene.turn), at, owner=1)
    if scene.object:
        object_in_body = object_parts(scene.object, scene.color, plain=scene.place == "in a plain room")
        parts += _in_world(object_in_body, world_from_body(scene.object_turn), scene.object_at, owner=2)
    return parts


def _subject_parts(scene: Scene) -> list[Geometry]:
    """Builds the subject in its own frame."""
    build = SUBJECTS[scene.subject].build
    if build is not None:
        return build(scene.pose.hands, scene.pose.seated)
    color = ARM_COLORS[scene.wear["arm"]]
    if scene.close:
        return robot_hand(scene.pose.hands, color, scene.wear["size"])
    return robot_arm(scene.pose.hands, color)


def _in_world(parts: Sequence[Geometry], rotation: np.ndarray, at: Point, owner: int) -> list[Geometry]:
    """Moves parts into the world and marks their owner."""
    at = np.asarray(at, float)
    return [
        replace(
            p,
            owner=owner,
            to_world=np.hstack([rotation @ p.to_world[:, :3], (rotation @ p.to_world[:, 3] + at)[:, None]]),
        )
        for p in parts
    ]


def _backdrop(scene: Scene) -> Backdrop:
    """Builds floor, wall and light of a scene."""
    place, jitter = PLACES[scene.place], scene.wear["jitter"]
    floor, second, wall = (tuple(np.clip(np.multiply(place[k], jitter), 0, 1)) for k in ("floor", "second", "wall"))
    if scene.place == "in a plain room":  # of any colors
        floor = second = scene.wear["floor"]
        wall = scene.wear["wall"]
    ox, oy = scene.wear["offset"]

    def checks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squares = np.floor((x + ox) / place["tile"]) + np.floor((y + oy) / place["tile"])
        return np.asarray(squares % 2, float)

    def planks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(np.floor((y + oy) / 0.45) % 2, float)

    def dunes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        waves = np.sin(1.7 * x + ox * 6 + 0.8 * np.sin(y + oy))
        return np.asarray(0.5 + 0.5 * waves * np.sin(1.1 * y + oy * 6))

    pattern = checks if place.get("tile") else planks if "tile" in place else dunes
    return Backdrop(
        floor,
        second,
        pattern,
        wall,
        place.get("top", tuple(0.92 * c for c in wall)),
        place.get("at"),
        np.asarray(scene.sun),
        scene.ambient,
        scene.tint,
    )
