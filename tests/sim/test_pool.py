"""Several simulators record what one alone records, whichever of them is done first."""

import time

import numpy as np
import pytest

from interactive_action.errors import InteractiveActionError
from interactive_action.sim.episodes import collect
from interactive_action.sim.plan import Plan
from interactive_action.sim.pool import Pool, record_with_ray
from interactive_action.sim.scene import Scene
from interactive_action.tests.sim.test_worker import SHORT, Cancelled, assert_same

THREE = Plan(num_episodes=3, frames_per_episode=1, width=32, height=32)


class Attempt:
    """Seeds that three divides fail."""

    log: list

    def __init__(self, scenes, plan, seed):
        self.seed = seed
        self.log.append(seed)

    def follow(self, progress):
        names = (
            "images",
            "contact_time",
            "step_time",
            "subject_masks",
            "object_masks",
            "depth",
            "intrinsics",
            "extrinsics",
            "subject",
        )
        names += (
            "object",
            "phase",
            "camera",
            "time",
            "contact_link",
            "contact_force",
            "contact_point",
            "joints",
            "object_poses",
            "links",
            "link_poses",
        )
        return ([{name: np.full(2, self.seed) for name in names}], "") if self.seed % 3 else ([], "slipped")

    def cancel(self):
        self.log.append(-self.seed)


def test_as_many_takes_run_as_are_wanted_and_one_more_for_each_that_failed():
    Attempt.log = []
    (recording,) = collect(Attempt, (Scene(),), THREE)
    assert Attempt.log == [0, 1, 2, 3, 4]
    assert recording.seeds.tolist() == [1, 2, 4] and recording.failed_seeds.tolist() == [0, 3]
    assert recording.episode.tolist() == [0, 0, 1, 1, 2, 2] and recording.images.tolist() == [1, 1, 2, 2, 4, 4]


def test_what_still_runs_is_cancelled_when_a_take_ends_in_an_error():
    class Broken(Attempt):
        def follow(self, progress):
            raise InteractiveActionError("broken")

    Broken.log = []
    with pytest.raises(InteractiveActionError, match="broken"):
        collect(Broken, (Scene(),), THREE)
    assert Broken.log == [0, 1, 2, -1, -2]


def test_a_pool_records_what_one_simulator_records_and_obeys_cancel(simulator):
    scene, seen = Scene(action="place on", seed=3), []
    alone = simulator.record(scene, THREE)
    with Pool(2) as pool:
        assert_same(
            alone,
            pool.record(scene, THREE, lambda done, total, image: image is not None and seen.append((done, total))),
        )
        assert seen == sorted(seen) and seen[-1] == (12, 12)

        def cancel(done, total, image):
            raise Cancelled

        began = time.monotonic()
        with pytest.raises(Cancelled):
            pool.record(scene, Plan(num_episodes=50, width=32, height=32), cancel)
        assert time.monotonic() - began < 60
        assert_same(simulator.record(scene, SHORT), pool.record(scene, SHORT))


def test_a_local_ray_records_what_one_simulator_records(simulator):
    import ray

    ray.init(num_cpus=1, include_dashboard=False, logging_level="error")
    try:
        assert_same(simulator.record(Scene(), SHORT), record_with_ray(Scene(), SHORT))
    finally:
        ray.shutdown()
