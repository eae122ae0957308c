"""Take the cup from the side, tilt it over a bowl and let what is in it run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..poses import pose_from_axes, rotate_about, translate
from .action import Action, lean, other_color
from .place_into import inside

if TYPE_CHECKING:
    from ..motion import Arm
    from ..world import State, World


SHARE = 0.5  # of the beads that must lie in the bowl
BEADS = 8


class Pour(Action):
    """The family: where cup and bowl stand, to which side it is poured, how far and how fast."""

    name = "pour"
    failure = "too little of it ran into the bowl."
    objects = ("cup",)

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> None:
        cup = world.item
        x, y = rng.uniform(0.52, 0.58), rng.uniform(-0.08, 0.08)
        world.side = float(rng.choice([-1, 1]))
        under = world.add("box", x, y, rng.uniform(-0.3, 0.3))
        cup.place(x, y, cup.yaw, 2 * under.half[2] + 0.0005)
        world.target = world.add(
            "bowl", x + rng.uniform(-0.02, 0.02), y + world.side * rng.uniform(0.2, 0.24), 0.0, other_color(world, rng)
        )
        floor = 2 * under.half[2] + 0.006 * world.scale
        color = str(rng.choice(["orange", "yellow", "red"]))
        for bead in range(BEADS):
            angle, layer = bead % 4 * np.pi / 2 + 0.4 * (bead // 4), bead // 4
            spread = 0.013 * world.scale
            world.loose.append(
                world.add(
                    "bead",
                    x + spread * np.cos(angle),
                    y + spread * np.sin(angle),
                    0.0,
                    color,
                    floor + layer * 0.018 * world.scale,
                )
            )

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.target, self.side = world.target, world.side
        self.grip = self.item.pose[:3, 3] + [0, 0, rng.uniform(0.0, 0.012)]
        self.angles = rng.permutation([-0.6, -0.45, -0.3, 0.3, 0.45, 0.6])
        self.gap = rng.uniform(0.08, 0.11)
        self.lift = rng.uniform(0.07, 0.1)
        self.tilt = rng.uniform(2.1, 2.4)
        self.speed = rng.uniform(0.12, 0.18)

    def run(self, arm: Arm) -> None:
        arm.set_start_of_any((self.waypoints(angle, turn) for angle in self.angles for turn in (1, -1)), self.rng)
        arm.world.check_start()
        arm.open_hand()
        arm.move(self.poses[1], self.speed)
        arm.close_hand()
        for pose in self.poses[2:]:
            arm.move(pose, self.speed)
        arm.wait(1.5)

    def waypoints(self, angle: float, turn: float) -> Any:
        """The poses: before the cup, around it, above, over the bowl, tilted; from the side that ``angle`` says."""
        forward, across = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
        take = pose_from_axes(self.grip, forward, turn * across)
        up = translate(take, 0, 0, self.lift)
        bowl, side = self.target.pose[:3, 3], self.side
        lip = self.item.half[2]  # the cup's rim moves that far to the side when it lies on its side
        over = translate(up, bowl[0] - self.grip[0], bowl[1] - self.grip[1] - side * (lip + 0.005), 0)
        tilted = rotate_about(over, over[:3, 3], forward, -side * self.tilt)
        self.poses = [translate(take, *(-self.gap * forward)), take, up, over, tilted]
        return self.poses

    def succeeded(self, world: World) -> bool:
        """Beads that were in the cup lie in the bowl: at least half of them."""
        return sum(inside(bead, world.target) for bead in world.loose) >= SHARE * BEADS

    def shows(self, first: State, state: State) -> bool:
        return lean(state) > 0.9
