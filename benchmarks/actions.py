"""How often each action of the simulator succeeds: the rate over random layouts, told by the physics, without images."""

LAYOUTS = 20  # for each action, of the objects that it is offered for, in turn


def measure():
    """Return {action: rate} with the Panda, or who else can, sizes and places as the default scene draws them."""
    from ..sim.actions import ACTIONS

    return {name: rate(name) for name in ACTIONS}


def rate(name, layouts=LAYOUTS, robot=None):
    """Share of ``layouts`` random layouts in which the ``robot`` (None: the first that can) succeeded at the action ``name``."""
    from ..sim.actions import ACTIONS
    from ..sim.record import perform
    from ..sim.scene import Scene, able

    objects = ACTIONS[name].objects
    failures = [
        perform(Scene(robot or able(name)[0], name, objects[seed % len(objects)]), seed)[1] for seed in range(layouts)
    ]
    return failures.count("") / layouts
