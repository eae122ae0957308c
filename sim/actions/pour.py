"""Take the cup from the side, tilt it over a bowl and let what is in it run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..poses import pose_from_axes, rotate_about, translate
from .action import Action, lean, other_color
from .place_into import inside

if TYPE_CHECKING:
    from ..motion import Arm
    from ..scene_objects import SceneObject
    from ..state import State
    from ..world import World


SHARE = 0.5  # of the beads that must lie in the bowl
BEADS = 8


class Pour(Action):
    """The family: where cup and bowl stand, to which side it is poured, how far and how fast."""

    name = "pour"
    failure = "too little of it ran into the bowl."
    objects = ("cup",)

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        cup = world.item
        x, y = rng.uniform(0.52, 0.58), rng.uniform(-0.08, 0.08)
        side = float(rng.choice([-1, 1]))
        under = world.add("box", x, y, rng.uniform(-0.3, 0.3))
        cup.place(x, y, cup.yaw, 2 * under.half[2] + 0.0005)
        bowl_x, bowl_y = x + rng.uniform(-0.02, 0.02), y + side * rng.uniform(0.2, 0.24)
        bowl = world.add("bowl", bowl_x, bowl_y, 0.0, other_color(world, rng))
        floor = 2 * under.half[2] + 0.006 * world.scale
        color = str(rng.choice(["orange", "yellow", "red"]))
        return (bowl, *(add_bead(world, number, x, y, floor, color) for number in range(BEADS)))

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.target, *self.beads = world.props
        self.side = float(np.sign(self.target.pose[1, 3] - self.item.pose[1, 3]))
        self.grasp = self.item.pose[:3, 3] + [0, 0, rng.uniform(0.0, 0.012)]
        self.angles = rng.permutation([-0.6, -0.45, -0.3, 0.3, 0.45, 0.6])
        self.gap = rng.uniform(0.08, 0.11)
        self.lift = rng.uniform(0.07, 0.1)
        self.tilt = rng.uniform(2.1, 2.4)
        self.speed = rng.uniform(0.12, 0.18)

    def run(self, arm: Arm) -> None:
        candidates = (self.waypoints(angle, turn) for angle in self.angles for turn in (1, -1))
        _, grasp, *rest = arm.set_start_of_any(candidates, self.rng)
        arm.world.check_start()
        arm.open_hand()
        arm.move(grasp, self.speed)
        arm.close_hand()
        for pose in rest:
            arm.move(pose, self.speed)
        arm.wait(1.5)

    def waypoints(self, angle: float, turn: float) -> list[np.ndarray]:
        """The poses (4, 4) of the hand: before the cup, around it, above, over the bowl, tilted.

        Args:
            angle: from which the hand comes, in radians from the one away from the robot.
            turn: 1 or -1: which finger is above.
        """
        forward, across = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
        grasp = pose_from_axes(self.grasp, forward, turn * across)
        before = translate(grasp, *(-self.gap * forward))
        above = translate(grasp, 0, 0, self.lift)
        x, y, _ = self.target.pose[:3, 3] - self.grasp
        lip = self.item.half[2]  # the cup's rim moves that far to the side when it lies on its side
        over = translate(above, x, y - self.side * (lip + 0.005), 0)
        tilted = rotate_about(over, over[:3, 3], forward, -self.side * self.tilt)
        return [before, grasp, above, over, tilted]

    def succeeded(self, world: World) -> bool:
        """Beads that were in the cup lie in the bowl: at least half of them."""
        return sum(inside(bead, self.target) for bead in self.beads) >= SHARE * BEADS

    def shows(self, first: State, state: State) -> bool:
        return lean(state) > 0.9


def add_bead(world: World, number: int, x: float, y: float, floor: float, color: str) -> SceneObject:
    """One of the beads in a cup at (x, y) meters whose floor is at that height: four lie in each layer."""
    layer = number // 4
    angle, spread = number % 4 * np.pi / 2 + 0.4 * layer, 0.013 * world.scale
    height = floor + layer * 0.018 * world.scale
    return world.add("bead", x + spread * np.cos(angle), y + spread * np.sin(angle), 0.0, color, height, framed=False)
