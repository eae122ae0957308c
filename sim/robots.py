"""The robots, from the URDF files in the mani_skill wheel (Apache-2.0), which itself is never imported."""

from __future__ import annotations

import importlib.util
import pathlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InteractiveActionError, MissingExtraError
from . import urdf

if TYPE_CHECKING:
    import sapien


@dataclass(frozen=True)
class Robot:
    """What an action must know of a robot. Lengths are in meters, joint positions in radians and meters.

    Args:
        subject: what captions call it.
        urdf: its file in the mani_skill wheel.
        rest_qpos: all joint positions with the hand wide open.
        arm: numbers of the joints that reach.
        ee_link: the link between the fingertips.
        gripper_links: the fingers.
        reach: how far an object may stick up between the fingers before it touches the palm.
        visible_links: those that an image of the hand shows.
        closed_qpos: all joint positions with the hand shut, or with fists; empty: the last ones, which are the
            fingers', are 0.
        tcp_closing_offset: how far the fingertips recede as they close.
        ee_from_tcp: pose (4, 4), in the axes of ``ee_link``, of the point that is led: its z axis points out of the
            hand, the
            fingers close along its y axis, and the fingertips end a centimeter beyond it.
        base: the place (3,) where the robot stands.
        stands: on the floor, and not on a table.
        description: a whole URDF instead of a file.
        hand: a second URDF, mounted on the first one.
        hand_root: the link of it that is mounted.
        flange: the link of the first one on which it is mounted.
        palms: ((link, joints), (link, joints)), left and right, of a robot that takes things between them instead
            of with
            fingers that close.
        framing_box: ((low), (high)) before such a robot, which fixed cameras show.
        head_height: where its head ends.
        unsupported_actions: those at which it succeeded in less than half of all layouts.
    """

    subject: str
    urdf: str
    rest_qpos: tuple
    arm: tuple
    ee_link: str
    gripper_links: tuple
    reach: float
    visible_links: tuple
    closed_qpos: tuple = ()
    tcp_closing_offset: float = 0.0
    ee_from_tcp: tuple = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    base: tuple = (0.0, 0.0, 0.0)
    stands: bool = False
    description: str = ""
    hand: str = ""
    hand_root: str = ""
    flange: str = ""
    palms: tuple = ()
    framing_box: tuple = ()
    head_height: float = 0.0
    unsupported_actions: tuple = ()

    @property
    def closed_configuration(self) -> tuple[float, ...]:
        """All joint positions with the hand closed."""
        return self.closed_qpos or (
            *self.rest_qpos[: len(self.rest_qpos) - len(self.gripper_links)],
            *[0.0] * len(self.gripper_links),
        )

    @property
    def world_from_base(self) -> np.ndarray:
        """Pose (4, 4) of the base."""
        pose = np.eye(4)
        pose[:3, 3] = self.base
        return pose

    def path(self) -> pathlib.Path:
        """The robot's URDF file."""
        return _in_wheel(self.urdf)

    def _articulation(self, loader: Any) -> Any:
        if self.description:
            return urdf.load(loader, ET.fromstring(self.description), f"robot {self.urdf!r}")
        return (
            urdf.load(loader, self._mounted(), f"robot {self.urdf!r}") if self.hand else loader.load(str(self.path()))
        )

    def _mounted(self) -> ET.Element:
        """The URDF of arm and hand, whose meshes stay where they are."""
        arm, hand = (ET.parse(_in_wheel(urdf)).getroot() for urdf in (self.urdf, self.hand))
        for root, file in ((arm, self.urdf), (hand, self.hand)):
            for mesh in root.iter("mesh"):
                mesh.set("filename", str(_in_wheel(file).parent / mesh.get("filename").removeprefix("package://")))
        kept: set[Any] = {self.hand_root}
        grown = True
        while grown:
            children = {
                joint.find("child").get("link")
                for joint in hand.iter("joint")
                if joint.find("parent") is not None and joint.find("parent").get("link") in kept
            }
            grown = not children <= kept
            kept |= children
        arm.extend(link for link in hand.findall("link") if link.get("name") in kept)
        arm.extend(joint for joint in hand.findall("joint") if joint.find("parent").get("link") in kept)
        mount = ET.SubElement(arm, "joint", name="mount", type="fixed")
        ET.SubElement(mount, "parent", link=self.flange)
        ET.SubElement(mount, "child", link=self.hand_root)
        return arm

    def load(self, scene: sapien.Scene, pose: sapien.Pose | None = None) -> Any:
        """The robot in a sapien scene, its base at ``pose`` or at its own place.

        Driven as ManiSkill drives its Panda.
        """
        import sapien
        import sapien.physx

        loader = scene.create_urdf_loader()
        loader.fix_root_link = True
        for finger in self.gripper_links:
            loader.set_link_material(finger, 2.0, 2.0, 0.0)
            loader.set_link_patch_radius(finger, 0.1)
            loader.set_link_min_patch_radius(finger, 0.1)
        articulation = self._articulation(loader)
        articulation.pose = sapien.Pose(self.world_from_base) if pose is None else pose
        for link in articulation.links:
            link.disable_gravity = True
            for shape in link.collision_shapes:  # no collisions of the robot with itself
                if self.palms:  # as rough as fingers, but what is between them may turn
                    shape.physical_material = sapien.physx.PhysxMaterial(2.0, 2.0, 0.0)
                first, second, third, fourth = shape.get_collision_groups()
                shape.set_collision_groups([first, second, third | 1 << 29, fourth])
        for number, joint in enumerate(articulation.active_joints):
            closes = bool(self.gripper_links) and self.rest_qpos[number] != self.closed_configuration[number]
            slides = joint.type == "prismatic"
            stiff = (
                (1 if closes else 20) if slides else (0.02 if closes else 1)
            )  # a column must not give way by millimeters
            joint.set_drive_properties(stiffness=stiff * 1e3, damping=stiff * 1e2, force_limit=stiff * 100)
        articulation.set_qpos(self.rest_qpos)
        return articulation


def _in_wheel(urdf: str) -> pathlib.Path:
    wheel = importlib.util.find_spec("mani_skill")
    if wheel is None or not wheel.submodule_search_locations:
        raise MissingExtraError(
            "mani_skill, whose wheel has the robots (pip install --no-deps mani_skill==3.0.1),", "sim"
        )
    path = pathlib.Path(str(wheel.submodule_search_locations[0]), "assets", "robots", urdf)
    if not path.is_file():
        raise InteractiveActionError(
            f"The mani_skill wheel has no {path}. Reinstall it: pip install --no-deps --force-reinstall "
            "mani_skill==3.0.1"
        )
    return path


PANDA = Robot(
    subject="robot arm",
    urdf="panda/panda_v2.urdf",
    rest_qpos=(0.0, 0.39, 0.0, -1.96, 0.0, 2.36, 0.785, 0.04, 0.04),
    arm=tuple(range(7)),
    ee_link="panda_hand_tcp",
    gripper_links=("panda_leftfinger", "panda_rightfinger"),
    reach=0.035,
    visible_links=("panda_hand", "panda_leftfinger", "panda_rightfinger"),
)
ROBOTS = {
    "panda": PANDA,
    "xarm7": replace(  # the wheel has no gripper of its own for it
        PANDA,
        urdf="xarm7/xarm7.urdf",
        rest_qpos=(0.0, 0.2, 0.0, 1.0, 0.0, 0.8, 0.0, 0.04, 0.04),
        hand="panda/panda_v2.urdf",
        hand_root="panda_hand",
        flange="link_eef",
        unsupported_actions=("hand over",),
    ),
    "fetch": Robot(
        subject="mobile robot",
        urdf="fetch/fetch.urdf",
        rest_qpos=(0.0, 0.0, 0.0, 0.21, 0.0, -0.15, 0.0, 0.81, 0.5, 0.49, 2.12, -0.4, 0.46, 0.05, 0.05),
        arm=(3, 5, 7, 8, 9, 10, 11, 12),
        ee_link="gripper_link",
        gripper_links=("r_gripper_finger_link", "l_gripper_finger_link"),
        reach=0.045,
        visible_links=("gripper_link", "r_gripper_finger_link", "l_gripper_finger_link"),
        ee_from_tcp=((0, 0, 1, 0.0215), (0, 1, 0, 0), (-1, 0, 0, 0), (0, 0, 0, 1)),
        base=(0.0, 0.0, 0.005),
        stands=True,
        unsupported_actions=("strike", "hand over"),
    ),
    "floating gripper": replace(
        PANDA,
        subject="robot gripper",
        urdf="panda/panda_v2_gripper.urdf",
        rest_qpos=(0.45, 0.0, 0.4, np.pi, 0.0, 0.0, 0.04, 0.04),
        arm=tuple(range(6)),
        unsupported_actions=("strike",),  # 6 of 10 on the plain ground, but 1 of 12 on the table
    ),
    "unitree g1": Robot(  # its legs are one piece; the thumbs are turned aside, so that the palms can press
        subject="robot",
        urdf="g1_humanoid/g1_simplified_upper_body.urdf",
        rest_qpos=(*[0.0] * 7, 1.3, 1.3, *[0.0] * 8, 1.2, 0.0, 0.0, -1.2, 0.0, 0.0, 1.0, -1.0),
        closed_qpos=(  # fists, the thumbs before the fingers
            *(*[0.0] * 7, 1.3, 1.3, *[0.0] * 3, -1.6, -1.6, 0.0, 1.6, 1.6),
            *(0.4, -1.6, -1.6, -0.4, 1.6, 1.6, 1.2, -1.2),
        ),
        arm=(1, 3, 5, 7, 9),
        ee_link="left_palm_link",
        gripper_links=(),
        reach=0.0,
        visible_links=("torso_link", "head_link", "left_palm_link", "right_palm_link"),
        base=(0.0, 0.0, 0.755),
        stands=True,
        palms=(("left_palm_link", (1, 3, 5, 7, 9)), ("right_palm_link", (2, 4, 6, 8, 10))),
        framing_box=((-0.2, -0.45, 0.5), (0.5, 0.45, 1.75)),
        head_height=1.27,
    ),
}
