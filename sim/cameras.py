"""Cameras that stand around subject and object and frame both by their bounds."""

import numpy as np
import sapien
import sapien.render

FIELD_OF_VIEW = np.radians(32)
FILL = 0.9  # share of the picture that the bounds may take
WIDEST_AZIMUTH = np.radians(115)  # measured from the front; behind the robot its arm hides the object
SIDE, BEHIND = np.radians(95), np.radians(150)  # for what opens towards the robot
BETWEEN = np.radians([55, 125])  # for two robots that face each other
SMALL = 256  # pixels up to which a picture is drawn twice as large and averaged


class Rig:
    """``count`` cameras of a world at directions drawn by ``rng``; each re-aims for every picture, unless it is ``still``."""

    def __init__(self, world, count, width, height, rng, rig="following"):
        self.world, self.width, self.height = world, width, height
        self.scale = 2 if max(width, height) <= SMALL else 1
        spacing = 2 * WIDEST_AZIMUTH / count
        self.azimuths = -WIDEST_AZIMUTH + spacing * (np.arange(count) + rng.uniform(0.1, 0.9, count))
        if rig == "front, left and right":
            self.azimuths = np.resize(np.radians([0, -90, 90]), count)
        if world.shows_front_to_robot:  # from beside and behind the robot, or its back would be all there is to see
            self._keep_to(SIDE, BEHIND)
        elif len(world.articulations) > 1:  # from beside, or one of the two would hide what is between them
            self._keep_to(*BETWEEN)
        self.elevations = rng.uniform(np.radians(10), np.radians(32), count)
        self.fills = rng.uniform(0.85, 1.0, count) * FILL
        self.focal = height / 2 / np.tan(FIELD_OF_VIEW / 2)  # of both axes: square pixels
        self.camera = world.scene.add_camera("camera", width * self.scale, height * self.scale, FIELD_OF_VIEW, 0.01, 50)
        self.aim = world.surroundings() if rig == "still" else None
        self.robot_ids, self.object_ids = world.ids()

    def _keep_to(self, least, most):
        self.azimuths = np.sign(self.azimuths) * (least + np.abs(self.azimuths) * (most - least) / WIDEST_AZIMUTH)

    @property
    def intrinsics(self):
        return np.array([[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]])

    def shoot(self, index):
        """What camera ``index`` sees of the world as it stands, by the names and in the units of a ``Recording``."""
        axes = look(self.azimuths[index], self.elevations[index])
        position = frame((self.world.corners() if self.aim is None else self.aim) @ axes.T, np.array([self.width, self.height]) / 2 / self.focal * self.fills[index]) @ axes
        extrinsics = np.eye(4)
        extrinsics[:3, :3], extrinsics[:3, 3] = axes, -axes @ position
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = axes[[2, 0, 1]].T * [1, -1, -1], position  # sapien: x forward, y left, z up
        self.camera.entity.set_pose(sapien.Pose(pose))
        self.world.scene.update_render()
        self.camera.take_picture()
        colour = self.camera.get_picture("Color")[..., :3]
        entities = self.camera.get_picture("Segmentation")[..., 1]
        depth = -self.camera.get_picture("Position")[..., 2]
        if colour.dtype != np.uint8:  # mani_skill's import changes the format for the whole process
            colour = colour.clip(0, 1) * 255
        colour = np.where((entities == 0)[..., None], self.world.background ** (1 / 2.2) * 255, colour)
        middle = (slice(self.scale // 2, None, self.scale),) * 2
        return {
            "pictures": np.rint(_average(colour, self.scale)).astype(np.uint8),
            "subject_masks": np.isin(entities, self.robot_ids)[middle],
            "object_masks": np.isin(entities, self.object_ids)[middle],
            "depth": depth[middle].astype(np.float32),
            "intrinsics": self.intrinsics,
            "extrinsics": extrinsics,
        }


def look(azimuth, elevation):
    """Rows right, down, forward (3, 3) of a camera at that azimuth from the x axis and elevation, looking inwards."""
    cos, sin, rise, flat = np.cos(azimuth), np.sin(azimuth), np.sin(elevation), np.cos(elevation)
    return np.array([[-sin, cos, 0], [rise * cos, rise * sin, -flat], [-flat * cos, -flat * sin, -rise]])


def frame(points, tangents):
    """The position (3,) nearest to ``points`` (points, 3), all in the camera's axes, from which all of them lie within
    the ``tangents`` (2,) of half the angles of view, in the middle of the tighter axis.

    A point is seen if |x - x0| <= t (z - z0), so the highest of x - t z and of -x - t z bound x0 and z0 from both sides.
    """
    high = (points[:, :2] - tangents * points[:, 2:]).max(0)
    low = (-points[:, :2] - tangents * points[:, 2:]).max(0)
    return np.array([*(high - low) / 2, -((high + low) / (2 * tangents)).max()])


def _average(values, scale):
    height, width, channels = values.shape
    return values.reshape(height // scale, scale, width // scale, scale, channels).mean((1, 3))
