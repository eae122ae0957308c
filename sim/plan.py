"""What is to be recorded of a scene, checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InteractiveActionError
from .key_frames import KEY_FRAMES

CAMERA_MODES = ("tracking", "fixed", "front, left and right", "tracking_close", "orbit", "wrist", "manual")
LIMITS = {
    "num_episodes": (1, 1000),
    "cameras": (4, 64),
    "frames_per_episode": (1, 100),
    "width": (32, 2048),
    "height": (32, 2048),
}
ANGLES = {"field_of_view": (10, 120), "azimuth": (-360, 360), "elevation": (-5, 89), "distance": (0, 10)}


@dataclass(frozen=True)
class Plan:
    """What is recorded of a scene: images of key frames of several episodes, from several cameras.

    Args:
        num_episodes: runs of the action, each with another seed.
        cameras: views of each key frame.
        key_frames: which part of the action becomes images, a name of ``KEY_FRAMES``.
        frames_per_episode: key frames of each episode.
        width: of the images in pixels.
        height: of the images in pixels.
        camera_mode: "tracking" cameras aim anew for every image; "tracking_close" ones go nearer where the object
            would be
            less than 2 % of the image; those of "orbit" stand evenly around all but where the robot stands; "fixed" and
            "manual" ones aim once, at where the object stands at first; "wrist" ones are fixed to the hand.
        field_of_view: from bottom to top, in degrees.
        azimuth: of the first manual or wrist camera, in degrees from the front.
        elevation: of manual and orbit cameras, in degrees.
        distance: of a manual camera in meters; 0 lets it frame hand and object.

    Raises:
        InteractiveActionError: a number is out of its bounds, or a name unknown.
    """

    num_episodes: int = 8
    cameras: int = 4
    key_frames: str = "held"
    frames_per_episode: int = 2
    width: int = 512
    height: int = 512
    camera_mode: str = CAMERA_MODES[0]
    field_of_view: float = 32.0
    azimuth: float = 0.0
    elevation: float = 20.0
    distance: float = 0.0

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InteractiveActionError(f"{name} must be a whole number from {least} to {most}, but is {value!r}.")
        for name, (least, most) in ANGLES.items():
            if not least <= getattr(self, name) <= most:
                raise InteractiveActionError(f"{name} must be from {least} to {most}, but is {getattr(self, name)!r}.")
        if self.camera_mode not in CAMERA_MODES:
            raise InteractiveActionError(
                f"There is no camera mode {self.camera_mode!r}. Choose one of: {', '.join(CAMERA_MODES)}."
            )
        if self.key_frames not in KEY_FRAMES:
            raise InteractiveActionError(
                f"There are no key frames {self.key_frames!r}. Choose one of: {', '.join(KEY_FRAMES)}."
            )

    @property
    def images(self) -> int:
        """How many images the plan makes."""
        return self.num_episodes * self.frames_per_episode * self.cameras
