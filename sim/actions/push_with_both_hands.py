"""A robot with two arms pushes a large object away from its body with both fists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import side_by_side
from .action import lean
from .large_object import LargeObject, hand_forces, stand_before
from .pick_up import displacement
from .push import FAR, LIFTED

if TYPE_CHECKING:
    from ..scene_objects import SceneObject
    from ..two_hands import TwoHands
    from ..world import World


SHOULDERS, ARM = 1.01, 0.49  # meters over the floor, and from there to the knuckles of a straight arm
FEET = 0.15  # meters from the middle of the robot to what just does not stand on its feet
SPARE = 0.035  # meters by which the object stands nearer than straight arms could push it to
HIGH, LOW = 0.045, 0.06  # meters below its top at which it is pushed
SHORT, LONG = 0.085, 0.11  # meters of a push
SMOOTH = 0.22  # friction of the object, which would otherwise tip over before it slides
BEGUN, MOVING = 0.01, 0.02  # meters that the object has come, and m/s from which on it moves
JUST = 0.05  # seconds for which a contact counts, as it may break off for a step or two
TIPPED = 0.1  # radians


class PushWithBothHands(LargeObject):
    """The family: direction, height and distance of the fists, length and speed."""

    name = "push with both hands"
    failure = "the object did not go where both hands pushed it."
    hides_hands = True

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        import sapien.physx

        reach = np.sqrt(ARM**2 - (SHOULDERS - (2 * world.item.half[2] - LOW)) ** 2)
        stand_before(world, rng, max(FEET, reach - LONG - SPARE), turned=0.1)
        body = world.item.entity.find_component_by_type(sapien.physx.PhysxRigidDynamicComponent)
        for shape in body.collision_shapes:
            shape.physical_material = sapien.physx.PhysxMaterial(SMOOTH, SMOOTH, 0.0)
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        half, self.yaw = self.item.half, self.item.yaw
        self.direction = np.array([np.cos(self.yaw), np.sin(self.yaw), 0])
        self.near = self.item.pose[:3, 3] - half[0] * self.direction + [0, 0, half[2] - rng.uniform(HIGH, LOW)]
        self.apart = rng.uniform(0.09, 0.13)
        self.gap = rng.uniform(0.04, 0.06)
        self.length = rng.uniform(SHORT, LONG)
        self.speed = rng.uniform(0.07, 0.11)

    def run(self, hands: TwoHands) -> None:
        before, touching, after = (
            side_by_side(self.near + way * self.direction, self.apart, self.yaw) for way in (-self.gap, 0, self.length)
        )
        hands.make_fists()
        hands.set_start(before)
        hands.world.check_start()
        hands.follow_waypoints([before, touching], self.speed / 2)
        hands.follow_waypoints([touching, after], self.speed)
        hands.wait(0.3)

    def succeeded(self, world: World) -> bool:
        """At least 6 cm along the direction of the push, always upright on the ground, and by both hands."""
        heights = np.array([state.position[2] for state in world.states])
        upright = np.ptp(heights) < LIFTED and max(lean(state) for state in world.states) < TIPPED
        return bool(displacement(world) @ self.direction > FAR and upright and self.both_press(world))

    def both_press(self, world: World) -> bool:
        """Whether each hand presses on the object, or just has, whenever it moves after its first centimeter."""
        ways = np.array([state.position @ self.direction for state in world.states])
        pressing = np.array([hand_forces(world, state.time) > 0 for state in world.states])
        moving = (np.diff(ways) > MOVING * world.scene.timestep) & (ways[1:] > ways[0] + BEGUN)
        steps = round(JUST / world.scene.timestep)
        return all(pressing[max(0, step + 1 - steps) : step + 1].any(0).all() for step in np.flatnonzero(moving) + 1)
