"""One simulator for all tests of this room, and two small recordings made with it."""

import pytest

from interactive_action.sim.client import Simulator
from interactive_action.sim.plan import Plan
from interactive_action.sim.scene import Scene

SCENE = Scene(seed=1)
PLAN = Plan(num_episodes=2, frames_per_episode=2, width=96, height=96)


@pytest.fixture(scope="session")
def simulator():
    simulator = Simulator()
    yield simulator
    simulator.close()


@pytest.fixture(scope="session")
def held(simulator):
    """Two takes of a cube held aloft, from four sides at two moments."""
    return simulator.record(SCENE, PLAN)


@pytest.fixture(scope="session")
def whole(simulator):
    """One take of a can from its first moment to its last, wider than high."""
    return simulator.record(
        Scene(object="can", object_color="blue", seed=2),
        Plan(num_episodes=1, key_frames="whole action", frames_per_episode=5, width=128, height=96),
    )
