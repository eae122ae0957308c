"""What a robot is: its URDF, what reaches, what closes, where it stands; and how SAPIEN loads it."""

from __future__ import annotations

import importlib.util
import pathlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InteractiveActionError, MissingExtraError
from . import urdf

if TYPE_CHECKING:
    import sapien
    from sapien.physx import PhysxArticulation
    from sapien.wrapper.urdf_loader import URDFLoader

Matrix = tuple[tuple[float, ...], ...]
Box = tuple[tuple[float, float, float], tuple[float, float, float]]

IDENTITY: Matrix = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
OWN_COLLISIONS = 1 << 29  # the group of PhysX whose members do not collide with one another


@dataclass(frozen=True)
class MountedHand:
    """A hand of a second URDF, for an arm without one.

    Args:
        urdf: the hand's file in the mani_skill wheel.
        root: the link of it that is mounted, with all that it carries.
        flange: the link of the arm on which it is mounted.
    """

    urdf: str
    root: str
    flange: str


@dataclass(frozen=True)
class Model:
    """Where a robot's links and joints come from.

    Args:
        urdf: a file in the mani_skill wheel; of ``description``: what errors call it.
        description: a whole URDF, read instead of a file.
        hand: mounted on it.
    """

    urdf: str
    description: str = ""
    hand: MountedHand | None = None

    def path(self) -> pathlib.Path:
        """The URDF file in the wheel.

        Raises:
            MissingExtraError: the wheel is not installed.
            InteractiveActionError: the wheel has no such file.
        """
        return _in_wheel(self.urdf)

    def load(self, loader: URDFLoader) -> PhysxArticulation:
        """The articulation, by a loader of SAPIEN's."""
        if self.description:
            return urdf.load(loader, ET.fromstring(self.description), f"robot {self.urdf!r}")
        if self.hand:
            return urdf.load(loader, self._mounted(self.hand), f"robot {self.urdf!r}")
        return loader.load(str(self.path()))

    def _mounted(self, mounted: MountedHand) -> ET.Element:
        """The URDF of arm and hand, whose meshes stay where they are."""
        arm, hand = (ET.parse(_in_wheel(file)).getroot() for file in (self.urdf, mounted.urdf))
        for root, file in ((arm, self.urdf), (hand, mounted.urdf)):
            for mesh in root.iter("mesh"):
                name = mesh.get("filename", "").removeprefix("package://")
                mesh.set("filename", str(_in_wheel(file).parent / name))
        links = {mounted.root, *(link for link in urdf.links_of(hand) if _carries(hand, mounted.root, link))}
        arm.extend(link for link in hand.findall("link") if link.get("name") in links)
        arm.extend(joint for joint in hand.findall("joint") if urdf.parent_of(joint) in links)
        mount = ET.SubElement(arm, "joint", name="mount", type="fixed")
        ET.SubElement(mount, "parent", link=mounted.flange)
        ET.SubElement(mount, "child", link=mounted.root)
        return arm


@dataclass(frozen=True)
class Manipulator:
    """What reaches.

    Args:
        joints: their numbers among all joints of the robot.
        ee_link: the end effector: the link between the fingertips.
        ee_from_tcp: pose (4, 4), in the axes of ``ee_link``, of the point that is led: its z axis points out of the
            hand, the fingers close along its y axis, and the fingertips end a centimeter beyond it.
    """

    joints: tuple[int, ...]
    ee_link: str
    ee_from_tcp: Matrix = IDENTITY


@dataclass(frozen=True)
class Gripper:
    """What closes.

    Args:
        links: the fingers; empty: there are none.
        reach: meters by which an object may stick up between the fingers before it touches the palm.
        closed_qpos: all joint positions of the robot with the hand closed, or with fists; empty: the last ones, which
            are the fingers', are 0.
        tcp_closing_offset: meters by which the fingertips recede as they close.
    """

    links: tuple[str, ...] = ()
    reach: float = 0.0
    closed_qpos: tuple[float, ...] = ()
    tcp_closing_offset: float = 0.0


@dataclass(frozen=True)
class Base:
    """Where a robot stands.

    Args:
        position: (3,) in meters.
        stands: on the floor, and not on a table.
        radius: of the disc of floor that it needs, or the column that it stands on, in meters; 0: it needs none.
    """

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stands: bool = False
    radius: float = 0.18


@dataclass(frozen=True)
class HandleReach:
    """Where a robot takes handles of fronts, as ``rehearsal.Rehearsal`` measures it. All in meters.

    Args:
        near: least distance of a handle from the axis of the base.
        far: largest distance.
        low: least height of a handle above the floor.
        high: largest height; an arm stands on a column of the height that it needs.
    """

    near: float = 0.4
    far: float = 0.7
    low: float = 0.05
    high: float = 1.6


@dataclass(frozen=True)
class Palm:
    """What one of two arms presses with.

    Args:
        link: the hand.
        joints: numbers, among all joints of the robot, of those that lead to it.
    """

    link: str
    joints: tuple[int, ...]


@dataclass(frozen=True)
class Humanoid:
    """A body with two arms, which takes things between its palms instead of with fingers that close.

    Args:
        palms: left and right.
        framing_box: ((low), (high)) in meters before it, which fixed cameras show.
        head_height: meters at which its head ends.
    """

    palms: tuple[Palm, Palm]
    framing_box: Box
    head_height: float


@dataclass(frozen=True)
class Robot:
    """What an action must know of a robot. Lengths are in meters, joint positions in radians and meters.

    Args:
        subject: what captions call it.
        model: its URDF.
        rest_qpos: all joint positions with the hand wide open.
        arm: what reaches.
        visible_links: those that an image of the hand shows.
        gripper: what closes.
        base: where it stands.
        humanoid: its palms, if it works with two of them.
        handles: where it takes handles of furniture.
        unsupported_actions: those at which it succeeded in less than half of all layouts.
    """

    subject: str
    model: Model
    rest_qpos: tuple[float, ...]
    arm: Manipulator
    visible_links: tuple[str, ...]
    gripper: Gripper = field(default_factory=Gripper)
    base: Base = field(default_factory=Base)
    humanoid: Humanoid | None = None
    handles: HandleReach = field(default_factory=HandleReach)
    unsupported_actions: tuple[str, ...] = ()

    @property
    def closed_qpos(self) -> tuple[float, ...]:
        """All joint positions with the hand closed, or with fists."""
        fingers = len(self.gripper.links)
        return self.gripper.closed_qpos or (*self.rest_qpos[: len(self.rest_qpos) - fingers], *[0.0] * fingers)

    @property
    def world_from_base(self) -> np.ndarray:
        """Pose (4, 4) of the base."""
        pose = np.eye(4)
        pose[:3, 3] = self.base.position
        return pose

    def load(self, scene: sapien.Scene, world_from_base: np.ndarray) -> PhysxArticulation:
        """The robot in a scene of SAPIEN's, driven as ManiSkill drives its Panda.

        Args:
            scene: where it is added.
            world_from_base: pose (4, 4) of its base.
        """
        import sapien
        import sapien.physx

        loader = scene.create_urdf_loader()
        loader.fix_root_link = True
        for finger in self.gripper.links:
            loader.set_link_material(finger, 2.0, 2.0, 0.0)
            loader.set_link_patch_radius(finger, 0.1)
            loader.set_link_min_patch_radius(finger, 0.1)
        articulation = self.model.load(loader)
        articulation.pose = sapien.Pose(world_from_base)
        for link in articulation.links:
            link.disable_gravity = True
            for shape in link.collision_shapes:
                if self.humanoid:  # as rough as fingers, but what is between them may turn
                    shape.physical_material = sapien.physx.PhysxMaterial(2.0, 2.0, 0.0)
                first, second, third, fourth = shape.get_collision_groups()
                shape.set_collision_groups([first, second, third | OWN_COLLISIONS, fourth])
        for number, joint in enumerate(articulation.active_joints):
            slides = joint.type == "prismatic"
            closes = bool(self.gripper.links) and self.rest_qpos[number] != self.closed_qpos[number]
            stiff = (  # a column must not give way by millimeters
                (1 if closes else 20) if slides else (0.02 if closes else 1)
            )
            joint.set_drive_properties(stiffness=stiff * 1e3, damping=stiff * 1e2, force_limit=stiff * 100)
        articulation.set_qpos(self.rest_qpos)
        return articulation


def _carries(root: ET.Element, link: str, other: str) -> bool:
    """Whether ``other`` is moved by ``link``."""
    return any(urdf.parent_of(joint) == link for joint in urdf.joints_to(root, other))


def _in_wheel(file: str) -> pathlib.Path:
    wheel = importlib.util.find_spec("mani_skill")
    if wheel is None or not wheel.submodule_search_locations:
        raise MissingExtraError("mani_skill, whose wheel has the robots,", "sim")
    path = pathlib.Path(str(wheel.submodule_search_locations[0]), "assets", "robots", file)
    if not path.is_file():
        raise InteractiveActionError(
            f"The mani_skill wheel has no {path}. Reinstall it: pip install --no-deps --force-reinstall "
            "mani_skill==3.0.1"
        )
    return path
