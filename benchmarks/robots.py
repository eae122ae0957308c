"""How often each robot succeeds at each action that it is offered for: by the physics, without images."""

from __future__ import annotations

from .actions import success_rate

LAYOUTS = 10


def measure() -> dict[str, dict[str, float]]:
    """Returns {robot: {action: success rate}} for all but the Panda, whose rates are measured by ``actions``."""
    from ..sim.actions import ACTIONS
    from ..sim.robots import ROBOTS
    from ..sim.scene import able

    return {
        robot: {action: success_rate(action, LAYOUTS, robot) for action in ACTIONS if robot in able(action)}
        for robot in ROBOTS
        if robot != "panda"
    }
