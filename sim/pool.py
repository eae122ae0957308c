"""Several simulators at once, on this machine or on a Ray cluster. What they record equals what one alone records.

Both run the same job, ``(scenes, plan, seed)``, which is plain data, as is the episode that comes back.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtraError
from .client import ROOT, TICK, Simulator
from .episodes import collect

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from .plan import Plan
    from .progress import Episode, EpisodeProgress, Progress
    from .recording import Recording
    from .scene import Scene


class Stopped(Exception):
    """The rest is not wanted any more."""


class Pool:
    """``workers`` simulators, each in a process of its own; use it in a ``with`` statement."""

    def __init__(self, workers: int) -> None:
        self.simulators = [Simulator() for _ in range(workers)]
        self._free = queue.SimpleQueue()
        for simulator in self.simulators:
            self._free.put(simulator)
        self._threads = ThreadPoolExecutor(workers)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        for simulator in self.simulators:
            simulator.close()

    def record(self, scene: Scene, plan: Plan, progress: Progress | None = None) -> Recording:
        """A ``Recording``; ``progress`` as of ``Simulator.record``."""
        return self.record_together((scene,), plan, progress)[0]

    def record_together(self, scenes: Sequence[Scene], plan: Plan, progress: Progress | None = None) -> list[Recording]:
        """A ``Recording`` of each of ``scenes``, all of the same seeds."""
        return collect(self._submit, scenes, plan, progress)

    def _submit(self, *job: Any) -> _Running:
        return _Running(self, job)

    def _work(self, running: _Running, job: tuple[Any, ...]) -> Episode:
        simulator = self._free.get()
        try:
            return simulator.run_episode(*job, running.on_progress)
        finally:
            self._free.put(simulator)


class _Running:
    """An episode that one of the simulators has begun, or will."""

    def __init__(self, pool: Pool, job: tuple[Any, ...]) -> None:
        self.latest: tuple[int, np.ndarray | None] = (0, None)
        self.not_cancelled = threading.Event()
        self.not_cancelled.set()
        self.future = pool._threads.submit(pool._work, self, job)

    def on_progress(self, done: int, image: np.ndarray | None) -> None:
        if not self.not_cancelled.is_set():
            raise Stopped
        if image is not None:
            self.latest = done, image

    def follow(self, progress: EpisodeProgress | None) -> Episode:
        reported = 0
        try:
            while progress and not self.future.done():
                time.sleep(TICK)
                done, image = self.latest
                progress(done, image if done > reported else None)  # from this thread alone
                reported = done
            parts, failure = self.future.result()
        except BaseException:
            self.cancel()
            raise
        if progress and not failure and self.latest[0] > reported:
            progress(*self.latest)
        return parts, failure

    def cancel(self) -> None:
        self.not_cancelled.clear()
        self.future.cancel()


def record_with_ray(scene: Scene, plan: Plan, progress: Progress | None = None) -> Recording:
    """A ``Recording`` as of ``Pool``, by the workers of the Ray cluster that is joined, or of a local one.

    Each job asks for one CPU. The nodes of the cluster need this folder at the same place, and what the simulator
    needs.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray, which spreads the work over a cluster,", "cluster") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.ERROR)

    @ray.remote(num_cpus=1)
    def run(
        root: str, scenes: list[dict[str, Any]], plan: dict[str, Any], seed: int
    ) -> Episode:  # sent by value: a node knows this pack only once it has entered it
        import runpy
        import sys

        if "interactive_action" not in sys.modules:
            runpy.run_path(f"{root}/__main__.py")["enter_pack"]()
        from interactive_action.sim.client import SIMULATOR  # stays for the next job
        from interactive_action.sim.plan import Plan
        from interactive_action.sim.scene import Scene

        return SIMULATOR.run_episode([Scene(**scene) for scene in scenes], Plan(**plan), seed)

    def submit(scenes: Sequence[Scene], plan: Plan, seed: int) -> _OnCluster:
        return _OnCluster(ray, run.remote(str(ROOT), [scene.to_json() for scene in scenes], asdict(plan), seed))

    return collect(submit, (scene,), plan, progress)[0]


class _OnCluster:
    """An episode that some node of the cluster works on."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self.ray, self.reference = ray, reference

    def follow(self, progress: EpisodeProgress | None) -> Episode:
        while progress and not self.ray.wait([self.reference], timeout=TICK)[0]:
            progress(0, None)
        parts, failure = self.ray.get(self.reference)
        if progress and not failure:
            progress(sum(len(part["images"]) for part in parts), parts[-1]["images"][-1])
        return parts, failure

    def cancel(self) -> None:
        self.ray.cancel(self.reference, force=True)
