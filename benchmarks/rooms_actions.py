"""How often actions succeed in furnished rooms, by the physics: each robot with each, in rooms of every type.

The rooms are the grammar's tidy ones of a held-out split. In each, the thing that is opened or that carries the object
is the first of a random order from which the robot finds a place; rooms without one are counted apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InteractiveActionError
from ..layouts.grammar.procedural import procedural_rooms
from ..sim.furniture import CATEGORIES
from ..sim.layout import Layout
from ..sim.stations import SURFACES

RESULTS = "rooms"  # the file to which the figures are added
ROOMS = 8
ACTIONS = ("pick up", "place on", "place into", "open", "close")
ROBOTS = ("panda", "xarm7", "fetch", "floating gripper")


def measure() -> dict[str, Any]:
    """Returns "actions": for each action the rate of each robot, and the robot that fits it best."""
    rooms = procedural_rooms(ROOMS, split="test", sloppy_share=0.0, seed=1)
    actions = {}
    for action in ACTIONS:
        rows = {robot: success(action, robot, rooms) for robot in ROBOTS}
        best = max(rows, key=lambda robot: rows[robot]["rate"])
        actions[action] = {"best": best, "rate": rows[best]["rate"], "robots": rows}
        print(action, {robot: row["rate"] for robot, row in rows.items()}, flush=True)
    return {"actions": actions}


def success(action: str, robot: str, rooms: list[Layout]) -> dict[str, Any]:
    """Performs an action once in each room.

    Args:
        action: its name.
        robot: its name.
        rooms: the rooms.

    Returns:
        "rate" of those that succeeded among the "n" rooms in which it found a place, and for each class of furniture
        how many of how many succeeded.
    """
    from ..sim.actions import ACTIONS as OFFERS
    from ..sim.record import perform
    from ..sim.scene import Scene

    classes: dict[str, list[int]] = {}
    objects = OFFERS[action].objects
    for seed, layout in enumerate(rooms):
        for item in fitting(layout, action, seed):
            kind = objects[seed % len(objects)]
            scene = Scene(robot, action, kind, layout=layout, item=item, seed=seed)
            try:
                failure = perform(scene, 0).failure
            except InteractiveActionError:  # no place there
                continue
            counts = classes.setdefault(layout.objects[item].category, [0, 0])
            counts[0] += not failure
            counts[1] += 1
            break
    done, tried = np.sum([*classes.values(), [0, 0]], 0).tolist()
    return {"rate": round(done / max(tried, 1), 3), "n": tried, "rooms": len(rooms), "classes": dict(classes)}


def fitting(layout: Layout, action: str, seed: int) -> list[int]:
    """Numbers of the objects that can be opened, or that things can be put on, in a random order."""
    opens = action in ("open", "close")
    numbers = [
        number
        for number, item in enumerate(layout.objects)
        if (CATEGORIES[item.category].opens if opens else item.category in SURFACES)
    ]
    return [int(number) for number in np.random.default_rng(seed).permutation(numbers)]
