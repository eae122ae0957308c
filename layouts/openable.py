"""Which doors and drawers of a room a robot can open: nothing is where they go, and it comes to their handles.

This metric is the project's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..sim.free_space import TALL, sweep, sweep_is_free
from ..sim.furnishings.bodies import bodies_of
from ..sim.robot import HandleReach
from ..sim.robots import ROBOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..sim.layout import Layout
    from .walkable import Body, WalkableMap

USUAL: HandleReach = ROBOTS["fetch"].handles


def openable(layout: Layout, walkable: WalkableMap, body: Body, reach: HandleReach = USUAL) -> NDArray[np.bool_]:
    """Returns which joints of a room can be opened by a robot that comes in by a door, (J,), thing by thing.

    A joint counts if its whole sweep, but for a centimetre, goes through nothing else, and if there is a free place of
    the floor, joined to a door, that is before the handle, within reach of it, and outside the sweep.

    Args:
        layout: the room.
        walkable: its map for the same body.
        body: of the robot.
        reach: where it takes handles.
    """
    grid = walkable.grid
    free = np.isin(walkable.labels.ravel(), [label for label in walkable.doors if label])
    places = grid.points.numpy()[free]
    found = []
    for number, thing in enumerate(bodies_of(layout, shell=False)):
        for link in thing.furnishing.links:
            swept = sweep(thing, link)
            handle = (thing.pose @ [*link.handle.at, 1])[:3]
            forward = thing.pose[:2, :2] @ np.array(link.handle.approach[:2])
            if not (reach.low <= handle[2] <= reach.high and len(places) and sweep_is_free(layout, number, swept)):
                found.append(False)
                continue
            way = places - handle[:2]
            away = np.linalg.norm(way, axis=1)
            near = places[(away >= reach.near) & (away <= reach.far) & (way @ forward < 0)]
            low = [block for block in swept if block.bottom < min(TALL, body.height)]
            distances = [block.distance(near) for block in low]
            found.append(bool((np.min([np.full(len(near), np.inf), *distances], 0) >= body.radius).any()))
    return np.array(found, bool)


def r_open(layout: Layout, walkable: WalkableMap, body: Body, reach: HandleReach | None = None) -> float:
    """Returns the share of a room's joints that can be opened, as of ``openable``; 1 where nothing opens."""
    found: NDArray[Any] = openable(layout, walkable, body, reach or USUAL)
    return float(found.mean()) if len(found) else 1.0
