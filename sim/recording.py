"""What was recorded: plain arrays, so that anything else can make and read them too."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from .scene import Scene

COLORS = {"subject": (60, 130, 255), "object": (255, 140, 30)}


@dataclass(frozen=True)
class ExternalSource:
    """What is known of images that were not simulated here."""

    action: str
    source: str = "another engine"

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain data."""
        return asdict(self)


@dataclass(eq=False)
class Recording:
    """N images of T episodes of one action.

    An image: ``images`` uint8 (N, H, W, 3); ``subject_masks`` and ``object_masks`` bool (N, H, W); ``depth`` float32
    (N, H, W) in meters along the view, 0 where there is nothing; ``intrinsics`` (N, 3, 3); ``extrinsics`` (N, 4, 4),
    world to camera in OpenCV's axes; ``link_poses`` (N, links, 7), where the robots' ``links`` (links,) are, in the
    world: position in meters and quaternion wxyz; ``subject``, ``object`` and ``phase`` names (N,); ``episode``,
    ``camera`` (N,) counted from 0 and ``time`` (N,) in seconds.

    The episodes: each ``contact_*`` (C,) is one link of the robot pressing on the object for one step of physics, with
    ``force`` in newtons around the ``point`` (C, 3) of the world; each ``step_*`` (S,) is one step, with ``joints`` (S,
    joints) in radians and meters and ``object_poses`` (S, 7), position in meters and quaternion wxyz. ``seeds`` (T,)
    succeeded; ``failed_seeds`` (F,) did not, for the reasons ``failures`` (F,), and nothing of them is in here.
    ``other_poses`` (S, objects, 7) are those of what else was there, ``articulation_qpos`` (S, joints) the positions of
    the joints that objects have, in meters and radians.

    In a furnished room ``instances`` uint16 (N, H, W) say what each pixel shows, as numbers of ``instance_names``;
    the first is nothing.

    ``scene`` is the ``Scene`` that was simulated, or an ``ExternalSource`` if the images come from somewhere else.
    """

    scene: Scene | ExternalSource
    images: np.ndarray
    subject_masks: np.ndarray
    object_masks: np.ndarray
    depth: np.ndarray
    intrinsics: np.ndarray
    extrinsics: np.ndarray
    subject: np.ndarray
    object: np.ndarray
    phase: np.ndarray
    episode: np.ndarray
    camera: np.ndarray
    time: np.ndarray
    contact_episode: np.ndarray
    contact_time: np.ndarray
    contact_link: np.ndarray
    contact_force: np.ndarray
    step_episode: np.ndarray
    step_time: np.ndarray
    joints: np.ndarray
    object_poses: np.ndarray
    seeds: np.ndarray
    failed_seeds: np.ndarray
    failures: np.ndarray
    other_poses: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 7)))
    articulation_qpos: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    contact_point: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    links: np.ndarray = field(default_factory=lambda: np.zeros(0, str))
    link_poses: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 7)))
    instances: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint16))
    instance_names: np.ndarray = field(default_factory=lambda: np.zeros(0, str))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def action(self) -> str:
        """What was done."""
        return self.scene.action

    @property
    def success_rate(self) -> float:
        """Share of the seeds tried whose action succeeded."""
        return len(self.seeds) / (len(self.seeds) + len(self.failed_seeds))

    @property
    def subject_boxes(self) -> list[list[dict[str, Any]]]:
        """One list an image, of at most one box around the subject's mask."""
        return [boxes_of(*pair) for pair in zip(self.subject_masks, self.subject)]

    @property
    def object_boxes(self) -> list[list[dict[str, Any]]]:
        """One list an image, of at most one box around the object's mask."""
        return [boxes_of(*pair) for pair in zip(self.object_masks, self.object)]

    def depth_images(self) -> np.ndarray:
        """Returns inverse depth (N, H, W) float32, as ControlNets want it: 1 where it is nearest, 0 for nothing."""
        inverse = np.divide(1, self.depth, out=np.zeros_like(self.depth), where=self.depth > 0)
        return inverse / max(inverse.max(), 1e-6)

    def summary(self) -> str:
        """What a user wants to know at once: did it work, and how hard did the robot press."""
        tried = len(self.seeds) + len(self.failed_seeds)
        rate = f"'{self.action}' succeeded with {len(self.seeds)} of {tried} seeds."
        lines = [f"{len(self)} images of {len(self.seeds)} episodes; {rate}"]
        for link in sorted(set(self.contact_link.tolist())):
            forces = self.contact_force[self.contact_link == link]
            lines.append(
                f"{link} pressed on the object with {np.median(forces):.1f} N (median), {forces.max():.1f} N (most)."
            )
        lines += [f"Seed {seed} failed: {failure}" for seed, failure in zip(self.failed_seeds, self.failures)]
        return "\n".join(lines)

    def overlay(self) -> np.ndarray:
        """The images uint8 (N, H, W, 3) with masks tinted and boxes outlined: subject blue, object orange."""
        pixels = self.images.astype(np.float32)
        for masks, color in ((self.subject_masks, COLORS["subject"]), (self.object_masks, COLORS["object"])):
            pixels[masks] = 0.6 * pixels[masks] + 0.4 * np.array(color)
        images = [Image.fromarray(image) for image in pixels.astype(np.uint8)]
        for boxes, color in ((self.subject_boxes, COLORS["subject"]), (self.object_boxes, COLORS["object"])):
            for image, entries in zip(images, boxes):
                for box in entries:
                    x, y = box["x"], box["y"]
                    corners = (x, y, x + box["width"] - 1, y + box["height"] - 1)
                    ImageDraw.Draw(image).rectangle(corners, outline=color, width=max(1, image.height // 200))
        return np.stack([np.asarray(image) for image in images])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but the scene, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "scene"}


def boxes_of(mask: np.ndarray, label: str) -> list[dict[str, Any]]:
    """The box around ``mask`` bool (H, W) in pixels as a BOUNDING_BOX entry.

    A list of one, or of none if it is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return []
    x, y = int(columns[0]), int(rows[0])
    return [
        {
            "x": x,
            "y": y,
            "width": int(columns[-1]) + 1 - x,
            "height": int(rows[-1]) + 1 - y,
            "label": str(label),
            "score": 1.0,
        }
    ]
