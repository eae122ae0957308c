"""Reach for the object from above, close the hand on it and lift it."""

import numpy as np

LEAST_RISE = 0.04  # metres above where it stood
LEAST_FORCE = 0.5  # newtons of each finger
HELD_FOR = 0.05  # seconds at the end over which both fingers must press


class PickUp:
    """One member of the family, drawn by ``rng``: approach, grasp, lift and speed."""

    name = "pick up"
    failure = "the hand closed and rose, but the object was not held in it at the end."

    def __init__(self, world, rng):
        half = world.half_size
        upright = world.object.pose.to_transformation_matrix()
        self.yaw = (np.arctan2(upright[1, 0], upright[0, 0]) + np.pi / 4) % (np.pi / 2) - np.pi / 4  # a cube's nearest side
        height = max(rng.uniform(0.0, 0.3) * half[2], half[2] - world.robot.reach)
        self.grasp = world.object.pose.p + [0, 0, height]
        self.start = rng.uniform([-0.06, -0.06, 0.11], [0.06, 0.06, 0.16])
        self.twist = rng.uniform(-0.5, 0.5)
        self.above = half[2] + rng.uniform(0.03, 0.06)
        self.lift = rng.uniform(0.07, 0.13)
        self.speed = rng.uniform(0.15, 0.3)

    def run(self, arm, close=True):
        """Do it. With ``close`` False the hand stays open (the control that must fail)."""
        arm.set_start(_down(self.grasp + self.start, self.yaw + self.twist))
        arm.world.check_start()
        arm.fingers(arm.robot.open, 0.1)
        arm.move(_down(self.grasp + [0, 0, self.above], self.yaw), self.speed)
        arm.move(_down(self.grasp, self.yaw), self.speed / 2)
        arm.fingers(0.0 if close else arm.robot.open, 0.4)
        arm.move(_down(self.grasp + [0, 0, self.lift], self.yaw), self.speed / 2)
        arm.fingers(arm.targets[-1], 0.3)

    def succeeded(self, world):
        """Read from the simulation: the object has risen, and at the end both fingers press on it."""
        rise = world.states[-1].position[2] - world.states[0].position[2]
        pressing = {c.link for c in world.contacts if c.time > world.time - HELD_FOR and c.force > LEAST_FORCE}
        return bool(rise > LEAST_RISE and pressing.issuperset(world.robot.fingers))


def _down(position, yaw):
    """Tool pose (4, 4) at ``position`` that points down, its fingers closing along y turned by ``yaw``."""
    pose = np.eye(4)
    cos, sin = np.cos(yaw), np.sin(yaw)
    pose[:3, :3] = [[cos, sin, 0], [sin, -cos, 0], [0, 0, -1]]
    pose[:3, 3] = position
    return pose
