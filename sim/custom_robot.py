"""A robot of one's own, as one describes it; ``robot_measurements.py`` finds out the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from ..errors import InteractiveActionError
from . import urdf
from .robot_measurements import AXES, measured_robot
from .user_files import version

if TYPE_CHECKING:
    import pathlib

    from .robot import Robot


FURTHEST = 2.0  # meters by which it may be moved


@dataclass(frozen=True)
class CustomRobot:
    """A robot of a URDF file.

    Args:
        folder: nothing outside of it is read.
        urdf: a file in ``folder``, or a folder there with one.
        ee_link: the end effector: the link that is led.
        gripper_links: those that close; none for a stick.
        approach_axis: the axis of ``ee_link`` that points out of the hand, one of ``AXES``.
        caption_name: what captions call it.
        rest_qpos: positions of the joints that lead to ``ee_link``, in radians and meters; empty: they are found.
        base_offset: meters that it stands nearer to the object than other robots do.
        height: meters of its base above the ground.
        stands: on the floor, and not on the table.

    Raises:
        InteractiveActionError: a value is outside its bounds.
    """

    folder: str
    urdf: str
    ee_link: str
    gripper_links: tuple[str, ...] = ()
    approach_axis: str = "z"
    caption_name: str = "robot arm"
    rest_qpos: tuple[float, ...] = ()
    base_offset: float = 0.0
    height: float = 0.0
    stands: bool = False

    def __post_init__(self) -> None:
        for name in ("gripper_links", "rest_qpos"):  # lists in json
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.approach_axis not in AXES:
            raise InteractiveActionError(
                f"approach_axis must be one of {', '.join(AXES)}, but is {self.approach_axis!r}."
            )
        if not self.caption_name.strip():
            raise InteractiveActionError("Say what the robot is called: captions name it.")
        for name in ("base_offset", "height"):
            if not abs(getattr(self, name)) <= FURTHEST:  # nor is a NaN
                raise InteractiveActionError(
                    f"{name} must be from {-FURTHEST} to {FURTHEST} meters, but is {getattr(self, name)}."
                )
        if not np.isfinite(self.rest_qpos).all():
            raise InteractiveActionError(
                f"rest_qpos must be numbers of radians and meters, but is {list(self.rest_qpos)}."
            )

    def parts(self) -> tuple[ET.Element, list[str], set[str]]:
        """(root element, names of the joints that reach, of those that close): what can be told without simulating.

        Raises:
            InteractiveActionError: the URDF has no such links, or none of its joints moves them.
        """
        root = urdf.read(self.folder, self.urdf)
        for link in (self.ee_link, *self.gripper_links):
            if link not in urdf.links_of(root):
                raise InteractiveActionError(
                    f"The URDF {self.urdf!r} has no link {link!r}. It has: {', '.join(urdf.links_of(root))}."
                )
        arm = _moving(root, self.ee_link)
        closing = {name for finger in self.gripper_links for name in _moving(root, finger) if name not in arm}
        if not arm:
            raise InteractiveActionError(
                f"No joint of {self.urdf!r} moves the link {self.ee_link!r}. Name the last link of the arm."
            )
        for joint in root.findall("joint"):
            limit = joint.find("limit")
            lower, upper = (float(limit.get(end, 0.0)) if limit is not None else 0.0 for end in urdf.LIMITS)
            if lower > upper:
                raise InteractiveActionError(
                    f"The joint {joint.get('name')!r} of {self.urdf!r} has the limits {lower} and {upper}, the lower "
                    f"one above the upper. Mend them."
                )
        if self.gripper_links and (len(set(self.gripper_links)) < 2 or not closing):
            raise InteractiveActionError(
                "A hand needs two fingers or more, of which one at least moves on a joint of its own. Name the links "
                "of both, or of none."
            )
        if self.rest_qpos and len(self.rest_qpos) != len(arm):
            raise InteractiveActionError(
                f"{len(arm)} joints lead to {self.ee_link!r} ({', '.join(arm)}), but rest_qpos has "
                f"{len(self.rest_qpos)} numbers. Give one for each, or none."
            )
        return root, arm, closing

    def files(self) -> list[pathlib.Path]:
        """The paths of all its files."""
        return urdf.files(self.folder, self.urdf)

    def robot(self) -> Robot:
        """The ``Robot``, measured once for each version of its files."""
        return measured_robot(self, version(self.files()))


def _moving(root: ET.Element, link: str) -> list[str]:
    return [joint.get("name", "") for joint in urdf.joints_to(root, link) if joint.get("type") in urdf.MOVES]
