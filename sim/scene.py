"""What is to be simulated, checked before anything is started."""

from __future__ import annotations

import pathlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InteractiveActionError
from .actions import ACTIONS
from .actions.action import Action
from .custom_object import CustomObject
from .custom_robot import CustomRobot
from .furniture import CATEGORIES
from .interiors import ROOMS, Room
from .layout import Layout
from .meshes import LARGEST, SMALLEST, SUFFIXES, UPS, files, mesh_object
from .object_spec import ObjectSpec
from .objects import OBJECTS
from .robots import ROBOTS

if TYPE_CHECKING:
    import numpy as np

    from .layout_room import LayoutRoom
    from .robot import Robot

RANDOM = "random"
OBJECT_COLORS = {
    "red": (0.80, 0.03, 0.03),
    "green": (0.04, 0.48, 0.08),
    "blue": (0.03, 0.12, 0.75),
    "yellow": (0.90, 0.70, 0.02),
    "orange": (0.90, 0.30, 0.02),
    "purple": (0.32, 0.05, 0.50),
}
PLAIN_COLORS = ("red", "green", "blue", "yellow")  # what random chooses from: every model knows their names
PLACE_COLORS = {  # dark enough for a white robot to stand out
    "grey": (0.22, 0.22, 0.23),
    "sand": (0.42, 0.32, 0.19),
    "brown": (0.20, 0.11, 0.06),
    "slate": (0.09, 0.12, 0.17),
    "sage": (0.17, 0.24, 0.16),
    "sky": (0.20, 0.32, 0.46),
    "rose": (0.38, 0.19, 0.19),
    "plum": (0.16, 0.09, 0.18),
}
OFFERED = tuple(
    name for name in OBJECTS if any(name in action.objects for action in ACTIONS.values())
)  # to be acted on
OF_ANYTHING = tuple(
    name for name, action in ACTIONS.items() if action.arrange is Action.arrange
)  # needs no object made for it
OF_JOINTED = tuple(name for name, action in ACTIONS.items() if "drawer cabinet" in action.objects)
WIDEST_JITTER = 0.15


@dataclass(frozen=True)
class Scene:
    """One action of one robot on one object.

    The same scene with the same seed gives the same images, pixel by pixel, on the same machine.

    Args:
        robot: who acts.
        action: what it does.
        object: what is acted on; an action is offered for some objects only.
        object_color: color of the object; random: another one for each episode.
        ground: color of the ground; random: another one for each episode.
        background: color behind the ground; random: another one for each episode.
        size_jitter: largest relative change of the object's size.
        seed: decides everything random: places, sizes, colors, light, motion and cameras.
        room: where it happens; all but the plain one are furnished anew for each episode.
        action_seed: of the motion alone. The same seed with another one, or with another action on the same object,
            has the same object, room, light and still cameras; -1: the seed.
        stage: action for which the place was prepared, if it is not the one that is done; see ``triples.py``.
        mesh: path of a mesh that replaces the object; its caption name is the file's stem.
        mesh_size: longest side of the mesh in meters.
        mesh_up: axis of the mesh that points upwards; auto goes by the format.
        custom_robot: replaces the robot.
        custom_object: replaces the object, to be opened or closed.
        layout: a furnished room that replaces ``room``.
        item: number of the object of the layout that is opened or closed, or on which things are put; -1: one that
            fits; -2: the floor.
        part: name of the door or drawer that is opened or closed; empty: one that fits.
    """

    robot: str = "panda"
    action: str = "pick up"
    object: str = "cube"
    object_color: str = RANDOM
    ground: str = RANDOM
    background: str = RANDOM
    size_jitter: float = 0.1
    seed: int = 0
    room: str = "plain"
    action_seed: int = -1
    stage: str = ""
    mesh: str = ""
    mesh_size: float = 0.08
    mesh_up: str = UPS[0]
    custom_robot: CustomRobot | None = None
    custom_object: CustomObject | None = None
    layout: Layout | None = None
    item: int = -1
    part: str = ""

    def __post_init__(self) -> None:
        for name, kind in (("custom_robot", CustomRobot), ("custom_object", CustomObject)):
            if isinstance(getattr(self, name), dict):  # from json
                object.__setattr__(self, name, kind(**getattr(self, name)))
        if isinstance(self.layout, dict):
            object.__setattr__(self, "layout", Layout.from_json(self.layout))
        choices: Collection[str]
        for name, choices in (("robot", ROBOTS), ("action", ACTIONS), ("object", OFFERED), ("room", ROOMS)):
            _check(name, getattr(self, name), choices)
        for name, choices in (("object_color", OBJECT_COLORS), ("ground", PLACE_COLORS), ("background", PLACE_COLORS)):
            _check(name, getattr(self, name), (RANDOM, *choices))
        offered = ACTIONS[self.action].objects
        if self.custom_object:
            if self.mesh or self.action not in OF_JOINTED:
                raise InteractiveActionError(
                    "An object of one's own with a joint has no other mesh, and is offered for: "
                    f"{', '.join(OF_JOINTED)}."
                )
        elif self.mesh:
            self._check_mesh()
        elif self.opens_furniture:
            pass
        elif self.object not in offered:
            raise InteractiveActionError(
                f"'{self.action}' is not offered for a {self.object}, but for: {', '.join(offered)}."
            )
        self._check_robot()
        if self.layout:
            self._check_layout(self.layout)
        if self.stage:
            _check("stage", self.stage, ACTIONS)
        if not 0 <= self.size_jitter <= WIDEST_JITTER:
            raise InteractiveActionError(
                f"size_jitter must be between 0 and {WIDEST_JITTER}, but is {self.size_jitter}."
            )
        if isinstance(self.action_seed, bool) or not isinstance(self.action_seed, int) or self.action_seed < -1:
            raise InteractiveActionError(
                f"The action_seed must be a whole number from -1 upwards, but is {self.action_seed!r}."
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InteractiveActionError(f"The seed must be a whole number from 0 upwards, but is {self.seed!r}.")

    @property
    def opens_furniture(self) -> bool:
        """Whether the layout's furniture is acted on."""
        return bool(self.layout and self.action in OF_JOINTED and not self.custom_object)

    def place(self, robot: Robot, rng: np.random.Generator) -> Room | LayoutRoom:
        """Where it happens.

        Args:
            robot: who acts.
            rng: chooses where in a layout.

        Raises:
            InteractiveActionError: the layout has no place for it.
        """
        if not self.layout:
            return ROOMS[self.room]
        from .layout_room import LayoutRoom
        from .stations import FLOOR, PUT, find_stations

        item = FLOOR if robot.humanoid else self.item
        stations = find_stations(self.layout, robot, self.action if self.opens_furniture else PUT, item, self.part)
        return LayoutRoom(self.layout, stations[rng.integers(len(stations))], robot)

    def object_spec(self) -> ObjectSpec:
        """The ``ObjectSpec`` that is acted on."""
        if self.custom_object:
            return self.custom_object.spec()
        return mesh_object(self.mesh, self.mesh_size, self.mesh_up) if self.mesh else OBJECTS[self.object]

    def own_files(self) -> list[pathlib.Path]:
        """The paths of all files of the user's that it is made of."""
        custom = [one for one in (self.custom_robot, self.custom_object) if one]
        return [file for one in custom for file in one.files()] + (files(self.mesh) if self.mesh else [])

    def caption_name(self, color: str) -> str:
        """What the object of a ``color`` is called.

        One's own as one says, a mesh as its file, and all else by color and kind.
        """
        if self.custom_object:
            return self.custom_object.caption_name
        if self.mesh:
            return pathlib.Path(self.mesh).stem.replace("_", " ").replace("-", " ")
        return f"{color} {OBJECTS[self.object].word or self.object}"

    def _check_robot(self) -> None:
        custom, action = self.custom_robot, ACTIONS[self.action]
        if custom and (action.two_handed or (action.grasps and not custom.gripper_links)):
            fits = [
                name for name, one in ACTIONS.items() if not one.two_handed and (custom.gripper_links or not one.grasps)
            ]
            raise InteractiveActionError(
                f"This {custom.caption_name} has not the hands to '{self.action}'. Choose one of: {', '.join(fits)}."
            )
        if not custom and self.robot not in able(self.action):
            raise InteractiveActionError(
                f"A {self.robot} cannot '{self.action}'. Choose one of: {', '.join(able(self.action))}."
            )
        stands = custom.stands if custom else ROBOTS[self.robot].base.stands
        if stands and ROOMS[self.room].below and not self.layout:
            level = ", ".join(name for name, room in ROOMS.items() if not room.below)
            who = custom.caption_name if custom else self.robot
            raise InteractiveActionError(
                f"A {who} stands on the floor, and things in the {self.room} on a table. Choose: {level}."
            )

    def _check_layout(self, layout: Layout) -> None:
        if ACTIONS[self.action].robots > 1:
            raise InteractiveActionError(
                f"'{self.action}' needs two robots that face each other, for which rooms have no place. Choose another."
            )
        last = len(layout.objects) - 1
        if isinstance(self.item, bool) or not isinstance(self.item, int) or not -2 <= self.item <= last:
            raise InteractiveActionError(
                f"item is {self.item!r}, and the layout's objects are numbered from 0 to {last}. Give one of these, -1 "
                "for one that fits, or -2 for the floor."
            )
        if self.opens_furniture and self.item >= 0 and not CATEGORIES[layout.objects[self.item].category].opens:
            raise InteractiveActionError(
                f"Object {self.item} of the layout is a {layout.objects[self.item].category}, and nothing of it opens. "
                f"Choose one of: {', '.join(sorted(name for name, kind in CATEGORIES.items() if kind.opens))}."
            )

    def _check_mesh(self) -> None:
        _check("mesh_up", self.mesh_up, UPS)
        if pathlib.Path(self.mesh).suffix.lower() not in SUFFIXES:
            raise InteractiveActionError(
                f"{pathlib.Path(self.mesh).name!r} is no mesh. Give one of these: {', '.join(SUFFIXES)}."
            )
        if not SMALLEST <= self.mesh_size <= LARGEST:
            raise InteractiveActionError(
                f"mesh_size must be from {SMALLEST} to {LARGEST} meters, but is {self.mesh_size}."
            )
        if self.action not in OF_ANYTHING:
            raise InteractiveActionError(
                f"'{self.action}' is not offered for a thing of one's own, but: {', '.join(OF_ANYTHING)}."
            )

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain data."""
        return {**asdict(self), "layout": self.layout.to_json() if self.layout else None}


def able(action: str) -> tuple[str, ...]:
    """Names of the robots that have the hands for an action, and the reach."""
    return tuple(
        name
        for name, robot in ROBOTS.items()
        if bool(robot.humanoid) == ACTIONS[action].two_handed and action not in robot.unsupported_actions
    )


def _check(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise InteractiveActionError(
            f"There is no {name.replace('_', ' ')} {value!r}. Choose one of: {', '.join(choices)}."
        )
