"""What is to be recorded of a scene, checked before anything is started."""

from dataclasses import dataclass

from ..errors import InteractiveActionError
from .key_frames import MOMENTS

RIGS = ("following", "still", "front, left and right", "close", "orbit", "wrist", "free")
LIMITS = {"num_episodes": (1, 1000), "cameras": (4, 64), "frames_per_episode": (1, 100), "width": (32, 2048), "height": (32, 2048)}
ANGLES = {"field_of_view": (10, 120), "azimuth": (-360, 360), "elevation": (-5, 89), "distance": (0, 10)}


@dataclass(frozen=True)
class Plan:
    """``takes`` runs of the action, each with another seed, at ``frames_per_episode`` of its ``moments`` from every camera.

    The cameras of a ``rig`` aim anew for every image (following; close, which goes nearer where the object would be less
    than 2 % of the image; orbit, evenly around all but where the robot stands), or once at where the object stands at first (still, free), or are
    fixed to the hand (wrist). Those of orbit and free stand at ``elevation``, the first of free and wrist at ``azimuth``
    from the front, in degrees; a free one ``distance`` meters away, unless that is 0, which lets it frame hand and object.
    """

    takes: int = 8
    cameras: int = 4
    moments: str = "held"
    frames_per_episode: int = 2
    width: int = 512
    height: int = 512
    rig: str = RIGS[0]
    field_of_view: float = 32.0
    azimuth: float = 0.0
    elevation: float = 20.0
    distance: float = 0.0

    def __post_init__(self):
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InteractiveActionError(f"{name} must be a whole number from {least} to {most}, but is {value!r}.")
        for name, (least, most) in ANGLES.items():
            if not least <= getattr(self, name) <= most:
                raise InteractiveActionError(f"{name} must be from {least} to {most}, but is {getattr(self, name)!r}.")
        if self.camera_mode not in RIGS:
            raise InteractiveActionError(f"There is no rig {self.camera_mode!r}. Choose one of: {', '.join(RIGS)}.")
        if self.key_frames not in MOMENTS:
            raise InteractiveActionError(f"There are no moments {self.key_frames!r}. Choose one of: {', '.join(MOMENTS)}.")

    @property
    def images(self):
        return self.num_episodes * self.frames_per_episode * self.cameras
