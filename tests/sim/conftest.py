"""A small recording that several tests of the simulator look at."""

import pytest

from interactive_action.sim.plan import Plan
from interactive_action.sim.scene import Scene

SCENE = Scene(seed=1)
PLAN = Plan(num_episodes=2, frames_per_episode=2, width=96, height=96)


@pytest.fixture(scope="session")
def held(simulator):
    """Two episodes of a cube held aloft, from four sides at two key frames."""
    return simulator.record(SCENE, PLAN)
