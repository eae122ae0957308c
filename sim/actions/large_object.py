"""What robots with two arms do with a large object that stands on the floor in front of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from .action import Action

if TYPE_CHECKING:
    from ..world import World


ARMS = ("left", "right")  # how the names of their links begin


class LargeObject(Action):
    """The family: which objects are large, and what fixed cameras show of them and of the robot."""

    objects = ("big box", "dresser")
    two_handed = True
    framing_box = ((-0.1, -0.3, 0.0), (0.75, 0.3, 1.3))


def stand_before(world: World, rng: np.random.Generator, nearest: float, turned: float) -> None:
    """Stand the object on the floor in front of the robot.

    Args:
        world: with robot and object.
        rng: decides place and turn.
        nearest: distance of its near side from the middle of the robot, in meters; it is up to 3 cm more.
        turned: largest turn to either side, in radians.
    """
    x = nearest + world.item.half[0] + rng.uniform(0, 0.03)
    world.item.place(x, rng.uniform(-0.015, 0.015), rng.uniform(-turned, turned))


def hand_forces(world: World, time: float, lowest: float = -np.inf) -> np.ndarray:
    """Sums up how hard each arm presses on the object.

    Args:
        world: whose contacts are read.
        time: of one of its states, in seconds.
        lowest: height in meters; what presses further down does not count.

    Returns:
        (2,) newtons, of the left and of the right arm.
    """
    forces, contacts = np.zeros(2), world.contacts
    first, last = (search(contacts, time, key=lambda contact: contact.time) for search in (bisect_left, bisect_right))
    for contact in contacts[first:last]:
        arm = contact.link.split("_")[0]
        if arm in ARMS and contact.point[2] >= lowest:
            forces[ARMS.index(arm)] += contact.force
    return forces
