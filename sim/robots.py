"""The robots, from the URDF files in the mani_skill wheel (Apache-2.0), which itself is never imported."""

import importlib.util
import pathlib
from dataclasses import dataclass

from ..errors import InteractiveActionError, MissingExtraError


@dataclass(frozen=True)
class Robot:
    """What an action must know of a robot. Lengths are in metres, joint positions in radians and metres.

    ``rest`` are all joint positions; the first ``arm`` of them reach, the others are the fingers', ``open`` wide open.
    ``tool`` is the link between the fingertips: its z axis points out of the hand, the fingers close along its y axis.
    ``reach`` is how far an object may stick up between the fingers before it touches the palm. ``framed`` are the links
    that a picture of the hand shows.
    """

    subject: str
    urdf: str
    rest: tuple
    arm: int
    tool: str
    fingers: tuple
    open: float
    reach: float
    framed: tuple

    def path(self):
        """The robot's URDF file."""
        wheel = importlib.util.find_spec("mani_skill")
        if wheel is None:
            raise MissingExtraError("mani_skill, whose wheel has the robots (pip install --no-deps mani_skill==3.0.1),", "sim")
        path = pathlib.Path(wheel.submodule_search_locations[0], "assets", "robots", self.urdf)
        if not path.is_file():
            raise InteractiveActionError(
                f"The mani_skill wheel has no {path}. Reinstall it: pip install --no-deps --force-reinstall mani_skill==3.0.1"
            )
        return path

    def load(self, scene, pose=None):
        """The robot in a sapien scene, its base at ``pose`` or at the origin; driven as ManiSkill drives its Panda."""
        loader = scene.create_urdf_loader()
        loader.fix_root_link = True
        for finger in self.fingers:
            loader.set_link_material(finger, 2.0, 2.0, 0.0)
            loader.set_link_patch_radius(finger, 0.1)
            loader.set_link_min_patch_radius(finger, 0.1)
        articulation = loader.load(str(self.path()))
        if pose is not None:
            articulation.pose = pose
        for link in articulation.links:
            link.disable_gravity = True
            for shape in link.collision_shapes:  # no collisions of the robot with itself
                first, second, third, fourth = shape.get_collision_groups()
                shape.set_collision_groups([first, second, third | 1 << 29, fourth])
        for joint in articulation.active_joints:
            joint.set_drive_properties(stiffness=1e3, damping=1e2, force_limit=100)
        articulation.set_qpos(self.rest)
        return articulation


ROBOTS = {
    "panda": Robot(
        subject="robot arm",
        urdf="panda/panda_v2.urdf",
        rest=(0.0, 0.39, 0.0, -1.96, 0.0, 2.36, 0.785, 0.04, 0.04),
        arm=7,
        tool="panda_hand_tcp",
        fingers=("panda_leftfinger", "panda_rightfinger"),
        open=0.04,
        reach=0.035,
        framed=("panda_hand", "panda_leftfinger", "panda_rightfinger"),
    ),
}
