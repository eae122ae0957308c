"""What all actions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..objects import GRASPED

if TYPE_CHECKING:
    from ..motion import Arm
    from ..robot import Box
    from ..scene_objects import SceneObject
    from ..state import State
    from ..two_hands import TwoHands
    from ..world import World


COLORS = ("blue", "green", "yellow", "purple")
MOVED, TILTED = 0.03, 0.35  # meters and radians from which on it shows that something has been done to the object


class Action:
    """One member of a family of trajectories, sampled by ``rng``.

    Args:
        world: in which it is done.
        rng: decides what the family leaves open.

    Attributes:
        name: of the family.
        failure: a sentence about what is not so when it has failed.
        objects: those it is offered for.
        robots: how many bodies of the robot do it.
        two_handed: it needs palms.
        grasps: it needs fingers.
        hides_hands: seen from the front, the object hides the hands.
        framing_box: ((low), (high)) in meters, which fixed cameras show; None: the robot's.
    """

    name = ""
    failure = ""
    objects: tuple[str, ...] = GRASPED
    robots = 1
    two_handed = False
    grasps = True
    hides_hands = False
    framing_box: Box | None = None

    @staticmethod
    def arrange(world: World, rng: np.random.Generator) -> tuple[SceneObject, ...]:
        """Puts what else the action needs into the world, and moves the object if it must stand elsewhere.

        Args:
            world: with robot and object.
            rng: decides what and where.

        Returns:
            the objects that it put there and that succeeding depends on: the target first.
        """
        return ()

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.item, self.rng = world.item, rng

    def run(self, arm: Arm | TwoHands, **options: bool) -> None:
        """Do it.

        Args:
            arm: of the first body; both palms of a ``two_handed`` action.
            options: of those actions that have some.
        """
        raise NotImplementedError

    def succeeded(self, world: World) -> bool:
        """Whether it was done, read from the simulation."""
        raise NotImplementedError

    def shows(self, first: State, state: State) -> bool:
        """Whether an image of ``state`` shows that it is being done, when the world began as ``first``."""
        moved = np.linalg.norm(state.position - first.position) > MOVED
        opened = np.abs(state.articulation_qpos - first.articulation_qpos).max(initial=0) > MOVED
        return bool(moved or opened or tilt(first, state) > TILTED)


def tilt(first: State, state: State) -> float:
    """Angle in radians by which the object has turned since ``first``."""
    return 2 * np.arccos(min(1.0, abs(float(np.dot(first.quaternion, state.quaternion)))))


def lean(state: State) -> float:
    """Angle in radians between the object's upright axis and the world's."""
    _, x, y, _ = state.quaternion
    return float(np.arccos(np.clip(1 - 2 * (x * x + y * y), -1, 1)))


def still(world: World, seconds: float = 0.1, meters: float = 0.003) -> bool:
    """Whether the object has come to rest."""
    recent = [state.position for state in world.states if state.time > world.time - seconds]
    return bool(np.ptp(recent, axis=0).max() < meters)


def other_color(world: World, rng: np.random.Generator) -> str:
    """A color for what else is there, so that the object is not mistaken for it."""
    return str(rng.choice([color for color in COLORS if color != world.object_color]))


def beside(world: World, rng: np.random.Generator, nearest: float = 0.18, furthest: float = 0.30) -> np.ndarray:
    """A place (2,) within reach of the arm, at that distance in meters from the object."""
    middle = world.item.pose[:2, 3]
    for _ in range(1000):
        place = rng.uniform(*world.room.region)
        if nearest < np.linalg.norm(place - middle) < furthest:
            break
    return place
