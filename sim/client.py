"""Runs the simulator in a process of its own: its C++ may abort or hang, and must not take the server with it."""

from __future__ import annotations

import functools
import math
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from ..errors import InteractiveActionError
from .episodes import Deferred, collect
from .protocol import receive, send

if TYPE_CHECKING:
    import numpy as np

    from .layout import Layout
    from .plan import Plan
    from .progress import Episode, EpisodeProgress, Progress
    from .recording import Recording
    from .scene import Scene

    Message = tuple[dict[str, Any], dict[str, np.ndarray]]  # as of ``protocol.receive``


ROOT = pathlib.Path(__file__).resolve().parents[1]
TIMEOUT_S = 300.0  # seconds without a sign; a cold start needs 5, on a very busy machine 100
STOPPING = 3.0  # seconds in which it must obey a stop
TICK = 0.3  # seconds between calls of the progress while nothing comes


class Simulator:
    """A simulator that is started when first needed, used again, and started afresh when it has died."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self.process: Any = None  # a Popen with both its streams
        self._busy = threading.Lock()

    def record(self, scene: Scene, plan: Plan, progress: Progress | None = None) -> Recording:
        """A ``Recording`` of ``scene`` by ``plan``.

        ``progress(done, total, image)`` is called with each image, uint8 (H, W, 3), and while nothing comes every
        now and then with None; if it raises, the recording is stopped and the exception passed on.
        """
        return self.record_together((scene,), plan, progress)[0]

    def record_together(self, scenes: Sequence[Scene], plan: Plan, progress: Progress | None = None) -> list[Recording]:
        """A ``Recording`` of each of ``scenes``, all of the same seeds; ``progress`` as of ``record``."""
        return collect(lambda *job: Deferred(self.run_episode, *job), scenes, plan, progress)

    def run_episode(
        self, scenes: Sequence[Scene], plan: Plan, seed: int, progress: EpisodeProgress | None = None
    ) -> Episode:
        """As ``record.record_episode``, in the simulator's process.

        ``progress`` is called with None while nothing comes.
        """
        progress = progress or (lambda done, image: None)
        with self._busy:
            self._start()
            self._working = True
            try:
                job = {"scenes": [scene.to_json() for scene in scenes], "plan": asdict(plan), "seed": seed}
                send(self.process.stdin, job)
                return self._follow(len(scenes), progress)
            except BrokenPipeError:
                raise self._death() from None
            finally:
                if self._working:
                    self._stop()

    def drift(self, layout: Layout, tick: Callable[[], None] = lambda: None) -> np.ndarray:
        """Returns how far each object of a room moves by itself in a second, (N,) in meters, as of ``standing.drift``.

        Args:
            layout: the room.
            tick: called while nothing comes; may raise to cancel.

        Raises:
            InteractiveActionError: the simulator died or failed.
        """
        with self._busy:
            self._start()
            done = False
            try:
                send(self.process.stdin, {"layout": layout.to_json()})
                message, arrays = self._next(self.timeout_s, tick)
                done = True
            except BrokenPipeError:
                raise self._death() from None
            finally:
                if not done:
                    self.close()
        if message["kind"] == "error":
            raise InteractiveActionError(message["sentence"])
        return arrays["meters"]

    def close(self) -> None:
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
        self.process, self._working = None, False

    def _start(self) -> None:
        if self.process and self.process.poll() is None:
            return
        self.close()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT), "sim.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words
        )
        self._messages: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=_read, args=(self.process.stdout, self._messages), daemon=True).start()

    def _follow(self, count: int, progress: EpisodeProgress) -> Episode:
        """The arrays of each of ``count`` scenes, once all images have come, or why the episode failed."""
        done = 0
        while True:
            message, arrays = self._next(self.timeout_s, functools.partial(progress, done, None))
            if message["kind"] == "episode":
                split: list[dict[str, np.ndarray]] = [{} for _ in range(count)]
                for key, array in arrays.items():
                    number, _, name = key.partition(" ")
                    split[int(number)][name] = array
                return split, message["failure"]
            if message["kind"] == "error":
                raise InteractiveActionError(message["sentence"])
            done = message["done"]
            progress(done, arrays["image"])
            send(self.process.stdin, {"answer": "go on"})

    def _next(self, patience: float, tick: Callable[[], None]) -> Message:
        for _ in range(math.ceil(patience / TICK)):  # ticks and not the clock: a computer may sleep in between
            try:
                message = self._messages.get(timeout=TICK)
            except queue.Empty:
                tick()
                continue
            if message is None:
                raise self._death()
            self._working = message[0]["kind"] == "image"
            return message
        self.close()
        raise InteractiveActionError(
            f"The simulator gave no sign for {patience:.0f} s and was ended. The next run starts it afresh; if it "
            "hangs again, try another seed."
        )

    def _stop(self) -> None:
        """Ask the process to leave the rest; end it if it does not."""
        try:
            send(self.process.stdin, {"answer": "stop"})
            while self._working:
                self._next(STOPPING, lambda: None)
        except (InteractiveActionError, BrokenPipeError):
            self.close()

    def _death(self) -> InteractiveActionError:
        code = self.process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip()[-600:]
        self.close()
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return InteractiveActionError(
            f"The simulator ended in the middle of its work ({cause}). The next run starts it afresh; if it happens "
            "again, try another seed." + (f" It last said: {words}" if words else "")
        )


def _read(stream: IO[bytes], messages: queue.Queue[Message | None]) -> None:
    with stream:
        try:
            while True:
                messages.put(receive(stream))
        except (EOFError, ValueError):
            messages.put(None)


SIMULATOR = Simulator()
