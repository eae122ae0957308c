"""The robots, from the URDF files in the mani_skill wheel (Apache-2.0), which itself is never imported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .robot import Base, Gripper, HandleReach, Humanoid, Manipulator, Model, MountedHand, Palm, Robot

PANDA = Robot(
    subject="robot arm",
    model=Model("panda/panda_v2.urdf"),
    rest_qpos=(0.0, 0.39, 0.0, -1.96, 0.0, 2.36, 0.785, 0.04, 0.04),
    arm=Manipulator(joints=tuple(range(7)), ee_link="panda_hand_tcp"),
    gripper=Gripper(links=("panda_leftfinger", "panda_rightfinger"), reach=0.035),
    visible_links=("panda_hand", "panda_leftfinger", "panda_rightfinger"),
)
ROBOTS = {
    "panda": PANDA,
    "xarm7": replace(  # the wheel has no gripper of its own for it
        PANDA,
        model=Model("xarm7/xarm7.urdf", hand=MountedHand("panda/panda_v2.urdf", root="panda_hand", flange="link_eef")),
        rest_qpos=(0.0, 0.2, 0.0, 1.0, 0.0, 0.8, 0.0, 0.04, 0.04),
        unsupported_actions=("hand over",),
    ),
    "fetch": Robot(
        subject="mobile robot",
        model=Model("fetch/fetch.urdf"),
        rest_qpos=(0.0, 0.0, 0.0, 0.21, 0.0, -0.15, 0.0, 0.81, 0.5, 0.49, 2.12, -0.4, 0.46, 0.05, 0.05),
        arm=Manipulator(
            joints=(3, 5, 7, 8, 9, 10, 11, 12),
            ee_link="gripper_link",
            ee_from_tcp=((0, 0, 1, 0.0215), (0, 1, 0, 0), (-1, 0, 0, 0), (0, 0, 0, 1)),
        ),
        gripper=Gripper(links=("r_gripper_finger_link", "l_gripper_finger_link"), reach=0.045),
        visible_links=("gripper_link", "r_gripper_finger_link", "l_gripper_finger_link"),
        base=Base((0.0, 0.0, 0.005), stands=True, radius=0.29),
        handles=HandleReach(near=0.5, far=0.9, low=0.25, high=0.95),
        unsupported_actions=("strike", "hand over"),
    ),
    "floating gripper": replace(
        PANDA,
        subject="robot gripper",
        model=Model("panda/panda_v2_gripper.urdf"),
        rest_qpos=(0.45, 0.0, 0.4, np.pi, 0.0, 0.0, 0.04, 0.04),
        arm=replace(PANDA.arm, joints=tuple(range(6))),
        base=Base(radius=0.0),
        unsupported_actions=("strike",),  # 6 of 10 on the plain ground, but 1 of 12 on the table
    ),
    "unitree g1": Robot(  # its legs are one piece; the thumbs are turned aside, so that the palms can press
        subject="robot",
        model=Model("g1_humanoid/g1_simplified_upper_body.urdf"),
        rest_qpos=(*[0.0] * 7, 1.3, 1.3, *[0.0] * 8, 1.2, 0.0, 0.0, -1.2, 0.0, 0.0, 1.0, -1.0),
        arm=Manipulator(joints=(1, 3, 5, 7, 9), ee_link="left_palm_link"),
        gripper=Gripper(
            closed_qpos=(  # fists, the thumbs before the fingers
                *(*[0.0] * 7, 1.3, 1.3, *[0.0] * 3, -1.6, -1.6, 0.0, 1.6, 1.6),
                *(0.4, -1.6, -1.6, -0.4, 1.6, 1.6, 1.2, -1.2),
            )
        ),
        visible_links=("torso_link", "head_link", "left_palm_link", "right_palm_link"),
        base=Base((0.0, 0.0, 0.755), stands=True, radius=0.25),
        humanoid=Humanoid(
            palms=(Palm("left_palm_link", (1, 3, 5, 7, 9)), Palm("right_palm_link", (2, 4, 6, 8, 10))),
            framing_box=((-0.2, -0.45, 0.5), (0.5, 0.45, 1.75)),
            head_height=1.27,
        ),
    ),
}
