"""How often each robot succeeds at each action that it is offered for: the rate over random layouts, told by the physics, without images."""

from .actions import rate

LAYOUTS = 10


def measure():
    """Return {robot: {action: rate}} for all robots but the Panda, whose rates, over more layouts, are those of ``actions.py``."""
    from ..sim.actions import ACTIONS
    from ..sim.robots import ROBOTS
    from ..sim.scene import able

    return {
        robot: {name: rate(name, LAYOUTS, robot) for name in ACTIONS if robot in able(name)}
        for robot in ROBOTS
        if robot != "panda"
    }
