"""Whether an arm would go through what it opens: its posture at points of the way, without running physics on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .motion import Arm, Poses
    from .world import World

DEEPEST = 0.004  # meters that a link may be inside the object: contacts begin before surfaces meet


def goes_through(world: World, arm: Arm, poses: Poses, openings: Sequence[float]) -> bool:
    """Whether an arm at its start would be inside the object or the room on its way; afterwards all is as before.

    Args:
        world: the arm's.
        arm: at the first of ``poses``, its hand open.
        poses: (4, 4) through which its hand goes.
        openings: of the object's joint at each of them, in meters or radians.
    """
    before, room = world.item.articulation.qpos, world.room.state()
    start = joints = np.where(arm.reaching, arm.targets, arm.opened)
    try:
        for last, pose, opening in zip((poses[0], *poses), poses, openings):
            joints = arm.path(joints, last, pose)[-1]
            if _deepest(world, arm, joints, opening) > DEEPEST:
                return True
        return False
    finally:
        _put(world, arm, start, float(before[0]))
        world.room.restore(room)


def _deepest(world: World, arm: Arm, joints: np.ndarray, opening: float) -> float:
    """Meters by which a link is inside something that is not the robot."""
    _put(world, arm, joints, opening)
    world.scene.step()
    deepest = 0.0
    for contact in world.scene.get_contacts():
        names = [world.link_names.get(body.entity) for body in contact.bodies]
        if sum(name is not None for name in names) == 1:
            deepest = max(deepest, *(-point.separation for point in contact.points), 0.0)
    return deepest


def _put(world: World, arm: Arm, joints: np.ndarray, opening: float) -> None:
    for articulation, qpos in ((arm.articulation, joints), (world.item.articulation, [opening])):
        articulation.set_qpos(qpos)
        articulation.set_qvel(np.zeros(len(qpos)))
