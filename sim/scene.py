"""What is to be simulated, checked before anything is started."""

from dataclasses import asdict, dataclass

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .objects import OBJECTS
from .robots import ROBOTS
from .rooms import ROOMS

RANDOM = "random"
OBJECT_COLOURS = {
    "red": (0.80, 0.03, 0.03),
    "green": (0.04, 0.48, 0.08),
    "blue": (0.03, 0.12, 0.75),
    "yellow": (0.90, 0.70, 0.02),
    "orange": (0.90, 0.30, 0.02),
    "purple": (0.32, 0.05, 0.50),
}
PLACE_COLOURS = {  # dark enough for a white robot to stand out
    "grey": (0.22, 0.22, 0.23),
    "sand": (0.42, 0.32, 0.19),
    "brown": (0.20, 0.11, 0.06),
    "slate": (0.09, 0.12, 0.17),
    "sage": (0.17, 0.24, 0.16),
    "sky": (0.20, 0.32, 0.46),
    "rose": (0.38, 0.19, 0.19),
    "plum": (0.16, 0.09, 0.18),
}
OFFERED = tuple(name for name in OBJECTS if any(name in action.objects for action in ACTIONS.values()))  # to be acted on
WIDEST_JITTER = 0.15


@dataclass(frozen=True)
class Scene:
    """One action of one robot on one object. Colours are linear RGB by name; ``random`` draws one for each take.

    ``size_jitter`` is the largest relative change of the object's size. The same scene with the same seed gives the same
    pictures, pixel by pixel, on the same machine. ``action_seed`` draws the motion apart from the rest: the same seed with
    another one, or with another action on the same object, has the same object, room, light and still cameras; -1 is the seed.
    """

    robot: str = "panda"
    action: str = "pick up"
    object: str = "cube"
    object_colour: str = RANDOM
    ground: str = RANDOM
    background: str = RANDOM
    size_jitter: float = 0.1
    seed: int = 0
    room: str = "plain"
    action_seed: int = -1

    def __post_init__(self):
        for name, known in (("robot", ROBOTS), ("action", ACTIONS), ("object", OFFERED), ("room", ROOMS)):
            _check(name, getattr(self, name), known)
        for name, known in (("object_colour", OBJECT_COLOURS), ("ground", PLACE_COLOURS), ("background", PLACE_COLOURS)):
            _check(name, getattr(self, name), (RANDOM, *known))
        offered = ACTIONS[self.action].objects
        if self.object not in offered:
            raise InteractiveActionError(f"'{self.action}' is not offered for a {self.object}, but for: {', '.join(offered)}.")
        if not 0 <= self.size_jitter <= WIDEST_JITTER:
            raise InteractiveActionError(f"size_jitter must be between 0 and {WIDEST_JITTER}, but is {self.size_jitter}.")
        if isinstance(self.action_seed, bool) or not isinstance(self.action_seed, int) or self.action_seed < -1:
            raise InteractiveActionError(f"The action_seed must be a whole number from -1 upwards, but is {self.action_seed!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InteractiveActionError(f"The seed must be a whole number from 0 upwards, but is {self.seed!r}.")

    def to_json(self):
        return asdict(self)


def _check(name, value, known):
    if value not in known:
        raise InteractiveActionError(f"There is no {name.replace('_', ' ')} {value!r}. Choose one of: {', '.join(known)}.")
