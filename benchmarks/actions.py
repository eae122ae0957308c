"""How often each action of the simulator succeeds: over random layouts, by the physics, without images."""

from __future__ import annotations

LAYOUTS = 20  # for each action, of the objects that it is offered for, in turn


def measure() -> dict[str, float]:
    """Returns {action: success rate} for the first robot that can do it, sizes and places as in the default scene."""
    from ..sim.actions import ACTIONS

    return {action: success_rate(action) for action in ACTIONS}


def success_rate(action: str, layouts: int = LAYOUTS, robot: str | None = None) -> float:
    """Performs an action in random layouts.

    Args:
        action: its name.
        layouts: how many.
        robot: its name; None: the first that can do it.

    Returns:
        The share of layouts in which it succeeded.
    """
    from ..sim.actions import ACTIONS
    from ..sim.record import perform
    from ..sim.scene import Scene, able

    objects, performer = ACTIONS[action].objects, robot or able(action)[0]
    failures = [
        perform(Scene(performer, action, objects[seed % len(objects)]), seed).failure for seed in range(layouts)
    ]
    return failures.count("") / layouts
