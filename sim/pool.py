"""Several simulators at once, on this machine or on a Ray cluster. What they record equals what one alone records.

Both run the same job, ``(scenes, plan, seed)``, which is plain data, as is the episode that comes back.
"""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from ..errors import MissingExtraError
from .client import ROOT, TICK, Simulator
from .episodes import collect


class Stopped(Exception):
    """The rest is not wanted any more."""


class Pool:
    """``workers`` simulators, each in a process of its own; use it in a ``with`` statement."""

    def __init__(self, workers):
        self.simulators = [Simulator() for _ in range(workers)]
        self._free = queue.SimpleQueue()
        for simulator in self.simulators:
            self._free.put(simulator)
        self._threads = ThreadPoolExecutor(workers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._threads.shutdown()
        for simulator in self.simulators:
            simulator.close()

    def record(self, scene, plan, progress=None):
        """A ``Recording``; ``progress`` as of ``Simulator.record``."""
        return self.record_together((scene,), plan, progress)[0]

    def record_together(self, scenes, plan, progress=None):
        """A ``Recording`` of each of ``scenes``, all of the same seeds."""
        return collect(self._submit, scenes, plan, progress)

    def _submit(self, *job):
        return _Running(self, job)

    def _work(self, running, job):
        simulator = self._free.get()
        try:
            return simulator.run_episode(*job, running.note)
        finally:
            self._free.put(simulator)


class _Running:
    """A take that one of the simulators has begun, or will."""

    def __init__(self, pool, job):
        self.news, self.wanted = (0, None), threading.Event()
        self.wanted.set()
        self.future = pool._threads.submit(pool._work, self, job)

    def note(self, done, image):
        if not self.wanted.is_set():
            raise Stopped
        if image is not None:
            self.news = done, image

    def follow(self, progress):
        told = 0
        try:
            while progress and not self.future.done():
                time.sleep(TICK)
                done, image = self.news
                progress(done, image if done > told else None)  # from this thread alone
                told = done
            parts, failure = self.future.result()
        except BaseException:
            self.cancel()
            raise
        if progress and not failure and self.news[0] > told:
            progress(*self.news)
        return parts, failure

    def cancel(self):
        self.wanted.clear()
        self.future.cancel()


def record_with_ray(scene, plan, progress=None):
    """A ``Recording`` as of ``Pool``, by the workers of the Ray cluster that is joined, or of a local one.

    Each job asks for one CPU. The nodes of the cluster need this folder at the same place, and what the simulator needs.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray, which spreads the work over a cluster,", "cluster") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level="error")

    @ray.remote(num_cpus=1)
    def run(root, scenes, plan, seed):  # sent by value: a node knows this pack only once it has entered it
        import runpy
        import sys

        if "interactive_action" not in sys.modules:
            runpy.run_path(f"{root}/__main__.py")["enter_pack"]()
        from interactive_action.sim.client import SIMULATOR  # stays for the next job
        from interactive_action.sim.plan import Plan
        from interactive_action.sim.scene import Scene

        return SIMULATOR.run_episode([Scene(**scene) for scene in scenes], Plan(**plan), seed)

    def submit(scenes, plan, seed):
        return _OnCluster(ray, run.remote(str(ROOT), [asdict(scene) for scene in scenes], asdict(plan), seed))

    return collect(submit, (scene,), plan, progress)[0]


class _OnCluster:
    """A take that some node of the cluster works on."""

    def __init__(self, ray, reference):
        self.ray, self.reference = ray, reference

    def follow(self, progress):
        while progress and not self.ray.wait([self.reference], timeout=TICK)[0]:
            progress(0, None)
        parts, failure = self.ray.get(self.reference)
        if progress and not failure:
            progress(sum(len(part["images"]) for part in parts), parts[-1]["images"][-1])
        return parts, failure

    def cancel(self):
        self.ray.cancel(self.reference, force=True)
