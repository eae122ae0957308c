"""Which seeds are tried, and how the episodes that succeed become recordings.

The same wherever and in which order they are run.
"""

from __future__ import annotations

import functools
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InteractiveActionError
from .recording import Recording

if TYPE_CHECKING:
    from .plan import Plan
    from .progress import Episode, EpisodeProgress, Progress, RunningEpisode, Submit
    from .scene import Scene


SEEDS_PER_EPISODE = 5
SHARED = ("links", "instance_names")  # of all episodes


class Deferred:
    """Work that is done when its result is asked for, here and now."""

    def __init__(self, work: Callable[..., Episode], *job: Any) -> None:
        self.work, self.job = work, job

    def follow(self, progress: EpisodeProgress | None) -> Episode:
        """Its result; ``progress(done, image)`` is called while it is worked out, and may raise to stop it."""
        return self.work(*self.job, progress)

    def cancel(self) -> None:
        """Nothing has begun."""


def collect(submit: Submit, scenes: Sequence[Scene], plan: Plan, progress: Progress | None = None) -> list[Recording]:
    """Recordings of ``scenes``, one each, with the same seeds: those with which all of them succeed, from 0 on.

    ``submit(scenes, plan, seed)`` starts an episode and returns something to ``follow(progress)``, whose result is as
    of ``record.record_episode``. As many are started as are still wanted, and one more for each that failed: that many
    workers have work, and which seeds are taken does not depend on how many there are.
    """
    total = plan.images * len(scenes)
    numbers, in_a_row = itertools.count(), 0
    running: deque[tuple[int, RunningEpisode]] = deque()
    seeds: list[int] = []
    episodes: list[list[dict[str, np.ndarray]]] = []
    failures: dict[int, str] = {}
    try:
        while len(episodes) < plan.num_episodes:
            while len(episodes) + len(running) < plan.num_episodes:
                running.append((seed := next(numbers), submit(scenes, plan, seed)))
            seed, run = running.popleft()
            before = total // plan.num_episodes * len(episodes)
            parts, failure = run.follow(progress and functools.partial(_report, progress, before, total))
            if not failure:
                seeds.append(seed)
                episodes.append(parts)
                in_a_row = 0
                continue
            failures[seed] = failure
            in_a_row += 1
            if in_a_row == SEEDS_PER_EPISODE:
                actions = "' or '".join(scene.action for scene in scenes)
                raise InteractiveActionError(
                    f"'{actions}' did not succeed with any of {SEEDS_PER_EPISODE} seeds in a row. The last one: "
                    f"{failure}"
                )
    finally:
        for _, run in running:
            run.cancel()
    return [join(scene, parts, seeds, failures) for scene, parts in zip(scenes, zip(*episodes))]


def join(
    scene: Scene, episodes: Sequence[dict[str, np.ndarray]], seeds: Sequence[int], failures: dict[int, str]
) -> Recording:
    """Returns one ``Recording`` of several episodes, and of the reasons (by seed) for which others failed."""

    def numbers(name: str) -> np.ndarray:
        return np.repeat(np.arange(len(episodes)), [len(part[name]) for part in episodes])

    return Recording(
        scene,
        **{name: np.concatenate([part[name] for part in episodes]) for name in episodes[0] if name not in SHARED},
        **{name: episodes[0][name] for name in SHARED if name in episodes[0]},
        episode=numbers("images"),
        contact_episode=numbers("contact_time"),
        step_episode=numbers("step_time"),
        seeds=np.array(seeds),
        failed_seeds=np.array(list(failures), int),
        failures=np.array(list(failures.values()), str),
    )


def _report(progress: Progress, before: int, total: int, done: int, image: np.ndarray | None) -> None:
    progress(before + done, total, image)
