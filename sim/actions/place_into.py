"""Put the object down inside something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .action import still
from .pick_up import let_go
from .place_on import PlaceOn

if TYPE_CHECKING:
    from ..scene_objects import SceneObject
    from ..world import World


class PlaceInto(PlaceOn):
    name = "place into"
    failure = "the object does not lie inside its target."
    targets: tuple[str, ...] = ("basket", "bowl")

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        super().__init__(world, rng)
        self.top = self.target.spec.inside[1] * self.target.scale + 0.01

    def succeeded(self, world: World) -> bool:
        """Let go, at rest, its middle within the walls of the target."""
        return let_go(world) and still(world) and inside(self.item, self.target)


def inside(item: SceneObject, target: SceneObject) -> bool:
    """Whether the middle of an item is within what another can hold."""
    radius, _, rim = np.array(target.spec.inside) * target.scale
    bottom = target.at([*target.spec.middle[:2], 0])
    away = np.array(item.entity.pose.p) - bottom
    return bool(np.hypot(*away[:2]) < radius and 0 < away[2] < rim + item.half[2])
