"""Cameras that stand around subject and object and frame both by their bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sapien

from .environment_maps import cubemap
from .framing import box_corners
from .rendering import add_camera, render_camera, sort_front_to_back

if TYPE_CHECKING:
    from .plan import Plan
    from .world import World


FILL = 0.9  # share of the image that the bounds may take
WIDEST_AZIMUTH = np.radians(115)  # measured from the front; behind the robot its arm hides the object
SIDE, BEHIND = np.radians(95), np.radians(150)  # for what opens towards the robot
BETWEEN = np.radians([55, 125])  # for two robots that face each other
BESIDE = np.radians([70, 115])  # for an object before the robot that hides its hands
LEAST, WANTED, TRIES = 0.02, 0.026, 3  # share of the image that the object must, and then should take; steps towards it
WRIST, AHEAD = (
    (0.09, 0.15, -0.11),
    0.03,
)  # meters from the fingertips, across, along and behind the hand; and where its cameras look
LOWEST = (-np.inf, *np.arange(0.1, 0.65, 0.1))  # meters over the ground; what is lower is left out to stay in a room
AROUND = np.radians(135)  # an orbit leaves out where the robot itself stands
SUBJECT, OBJECT = 1, 2  # what a pixel shows
SMALL = 256  # pixels up to which an image is drawn twice as large and averaged


class CameraRig:
    """The cameras of a ``Plan`` in a world, at directions that ``rng`` decides where the plan leaves them open.

    Each aims anew for every image, unless it is fixed, and those on the wrist go with the hand.
    """

    def __init__(self, world: World, plan: Plan, rng: np.random.Generator) -> None:
        self.world, self.width, self.height, self.camera_mode, self.distance = (
            world,
            plan.width,
            plan.height,
            plan.camera_mode,
            plan.distance,
        )
        self.scale = 2 if max(self.width, self.height) <= SMALL else 1
        count, spacing = plan.cameras, 2 * WIDEST_AZIMUTH / plan.cameras
        self.azimuths = -WIDEST_AZIMUTH + spacing * (np.arange(count) + rng.uniform(0.1, 0.9, count))
        if self.camera_mode == "front, left and right":
            self.azimuths = np.resize(np.radians([0, -90, 90]), count)
        if self.camera_mode == "orbit":
            self.azimuths = np.linspace(-AROUND, AROUND, count)
        elif self.camera_mode in ("wrist", "manual"):
            self.azimuths = np.radians(plan.azimuth) + np.arange(count) * 2 * np.pi / count
        elif world.shows_front_to_robot:  # from beside and behind the robot, or its back would be all there is to see
            self._keep_to(SIDE, BEHIND)
        elif len(world.articulations) > 1:  # from beside, or one of the two would hide what is between them
            self._keep_to(*BETWEEN)
        elif world.hides_hands and self.camera_mode != "front, left and right":  # from beside, too
            self._keep_to(*BESIDE)
        self.elevations = rng.uniform(np.radians(10), np.radians(32), count)
        if self.camera_mode in ("orbit", "manual"):
            self.elevations[:] = np.radians(plan.elevation)
        self.fills = rng.uniform(0.85, 1.0, count) * FILL
        field_of_view = np.radians(plan.field_of_view)
        self.focal = self.height / 2 / np.tan(field_of_view / 2)  # of both axes: square pixels
        self.camera = add_camera(world.scene, self.width * self.scale, self.height * self.scale, field_of_view)
        sort_front_to_back(world.scene)
        if world.environment_map is not None:
            world.scene.set_environment_map(cubemap(world.environment_map))
        self.aim = world.surroundings() if self.camera_mode in ("fixed", "manual") else None
        robots, parts = world.segmentation_ids()
        self.roles = np.zeros(
            1 + max(entity.per_scene_id for entity in world.scene.entities), np.uint8
        )  # by segmentation id
        self.roles[robots], self.roles[parts] = SUBJECT, OBJECT
        self.instances = world.room.instances(world) if world.room.instance_names else None

    def _keep_to(self, least: float, most: float) -> None:
        self.azimuths = np.sign(self.azimuths) * (least + np.abs(self.azimuths) * (most - least) / WIDEST_AZIMUTH)

    @property
    def intrinsics(self) -> np.ndarray:
        """The camera matrix (3, 3) in pixels."""
        return np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]])

    def render(self, index: int) -> dict[str, np.ndarray]:
        """What camera ``index`` sees of the world as it stands, by the names and in the units of a ``Recording``."""
        if self.camera_mode == "wrist":
            return self._render(*self._beside_hand(self.azimuths[index]), self.world.world_from_tcp[None, :3, 3])
        axes = look_at(self.azimuths[index], self.elevations[index])
        points = self.world.corners() if self.aim is None else self.aim
        shot = self._render(axes, self._stand(axes, points, index), points)
        middle = np.array(self.world.item.entity.pose.p)
        for _ in range(TRIES if self.camera_mode == "tracking_close" else 0):
            share = shot["object_masks"].mean()
            if share == 0 or share >= LEAST:
                break
            points = middle + (points - middle) * np.sqrt(share / WANTED)
            shot = self._render(axes, self._stand(axes, points, index), points)
        return shot

    def _stand(self, axes: np.ndarray, points: np.ndarray, index: int) -> np.ndarray:
        """Where a camera with those ``axes`` must stand (3,) to frame ``points`` (points, 3)."""
        if self.camera_mode == "manual" and self.distance:
            return points.mean(0) - self.distance * axes[2]
        tangents = np.array([self.width, self.height]) / 2 / self.focal * self.fills[index]
        for lowest in LOWEST:
            place = fit_view(np.maximum(points, [-np.inf, -np.inf, lowest]) @ axes.T, tangents) @ axes
            if self.world.room.has_free(place):
                break
        return place

    def _beside_hand(self, angle: float) -> tuple[np.ndarray, np.ndarray]:
        """Axes (3, 3) and place (3,) of a camera at that angle around the hand, which looks past the fingertips."""
        hand = self.world.world_from_tcp
        aside = WRIST[0] * np.cos(angle) * hand[:3, 0] + WRIST[1] * np.sin(angle) * hand[:3, 1]
        place, aim = hand[:3, 3] + aside + WRIST[2] * hand[:3, 2], hand[:3, 3] + AHEAD * hand[:3, 2]
        forward = (aim - place) / np.linalg.norm(aim - place)
        right = np.cross(forward, aside) / np.linalg.norm(np.cross(forward, aside))
        return np.stack([right, np.cross(forward, right), forward]), place

    def _render(self, axes: np.ndarray, position: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
        bounds = np.array(self.world.item.solid_bounds())
        self.world.room.leave_out(position, points, box_corners(np.stack([bounds[:, 0].min(0), bounds[:, 1].max(0)])))
        extrinsics = np.eye(4)
        extrinsics[:3, :3], extrinsics[:3, 3] = axes, -axes @ position
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = axes[[2, 0, 1]].T * [1, -1, -1], position  # sapien: x forward, y left, z up
        self.camera.entity.set_pose(sapien.Pose(pose))
        colors, meters, entities = render_camera(self.world.scene, self.camera)
        colors[entities == 0, :3] = np.rint(self.world.background ** (1 / 2.2) * 255)
        middle = (slice(self.scale // 2, None, self.scale),) * 2
        roles = self.roles[entities[middle]]
        named = {} if self.instances is None else {"instances": self.instances[entities[middle]]}
        return {
            **named,
            "images": _average(colors[..., :3], self.scale),
            "subject_masks": roles == SUBJECT,
            "object_masks": roles == OBJECT,
            "depth": meters[middle],
            "intrinsics": self.intrinsics,
            "extrinsics": extrinsics,
        }


def look_at(azimuth: float, elevation: float) -> np.ndarray:
    """Rows right, down, forward (3, 3) of a camera at that azimuth from the x axis and elevation, looking inwards."""
    cos, sin, rise, flat = np.cos(azimuth), np.sin(azimuth), np.sin(elevation), np.cos(elevation)
    return np.array([[-sin, cos, 0], [rise * cos, rise * sin, -flat], [-flat * cos, -flat * sin, -rise]])


def fit_view(points: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Returns the position (3,) nearest to ``points`` (points, 3) from which all of them are in view.

    All are in the camera's axes, and lie within the ``tangents`` (2,) of half the angles of view, in the middle of the
    tighter axis. A point is seen if |x - x0| <= t (z - z0), so the highest of x - t z and of -x - t z bound x0 and z0
    from both sides.
    """
    high = (points[:, :2] - tangents * points[:, 2:]).max(0)
    low = (-points[:, :2] - tangents * points[:, 2:]).max(0)
    return np.array([*(high - low) / 2, -((high + low) / (2 * tangents)).max()])


def _average(colors: np.ndarray, scale: int) -> np.ndarray:
    if scale == 1:
        return colors
    height, width, channels = colors.shape
    squares = colors.reshape(height // scale, scale, width // scale, scale, channels)
    return np.rint(squares.mean((1, 3), dtype=np.float32)).astype(np.uint8)
