"""One training run from its start, or from where it was interrupted, to its end.

Trainer nodes, the command line and the evidence all call this: resuming, validation images, logs and checkpoints.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

from ..errors import NotWrittenError
from .checkpoints import Checkpoints
from .distributed import DistributedObjective, Process
from .failed_writes import FailedWrites
from .logs import tensorboard
from .loop import TrainingState, training_steps
from .objective import Objective
from .validation import Validation


@dataclass(frozen=True)
class Preview:
    """What can be shown of a run: its state and the newest validation images (N, H, W, 3), fresh if of this step."""

    state: TrainingState
    images: torch.Tensor | None = None
    fresh: bool = False


ALONE = Process()
Progress = Callable[[int, int, Preview], None]


@dataclass(frozen=True)
class Session:
    """How a run is trained and kept.

    Args:
        objective: what is minimized.
        run: the run's name (``run_key``); a state of another run is never resumed.
        state_path: where the state lies until ``finish``; None: a run that cannot be resumed.
        save_state_every: steps between states.
        checkpoints: writes what is learned; None if ``save_every`` is 0.
        save_every: steps between checkpoints; 0: none.
        validation: images while it trains; None: none.
        log_folder: of TensorBoard; None: no log.
        process: this process; only the one of rank 0 writes.
        failed_writes: what could not be written so far.
    """

    objective: Objective
    run: str
    state_path: pathlib.Path | None = None
    save_state_every: int = 100
    checkpoints: Checkpoints | None = None
    save_every: int = 0
    validation: Validation | None = None
    log_folder: str | pathlib.Path | None = None
    process: Process = ALONE
    failed_writes: FailedWrites = field(default_factory=FailedWrites)

    def train(self, progress: Progress = lambda done, total, preview: None) -> TrainingState:
        """Trains to the end and returns the last state.

        Args:
            progress: called after each step with (steps done, all steps, preview); may raise to stop.

        An exception, such as Cancel, leaves a state from which the same run goes on. A file that cannot be written,
        such as a state on a full disk, is no reason to stop: it is said once in the log and stands in
        ``failed_writes``.
        """
        state = self._load() or TrainingState.begin(self.objective.trainable.initial())
        total = self.objective.config.steps
        objective = self.objective if self.process.count == 1 else DistributedObjective(self.objective)
        writes = self.process.rank == 0
        try:
            with tensorboard(self.log_folder if writes else None, state) as log:
                images = self._validate(state)  # a run that goes on may have stopped just before it
                if images is not None:
                    with self.failed_writes.tolerated("validation images"):
                        progress(state.step, total, Preview(state, images, fresh=True))
                for _ in training_steps(objective, state):
                    fresh = self._validate(state)
                    images = images if fresh is None else fresh
                    with self.failed_writes.tolerated("curves"):
                        log(state, fresh)
                    if writes and state.step % self.save_state_every == 0:
                        self._save(state)
                    if writes and self.checkpoints and self.save_every and state.step % self.save_every == 0:
                        with self.failed_writes.tolerated("checkpoints"):
                            self.checkpoints.save_step(state)
                    with self.failed_writes.tolerated("validation images"):
                        progress(state.step, total, Preview(state, images, fresh is not None))
        except BaseException:
            if writes and state.step:
                self._save(state)
            raise
        return state

    @contextlib.contextmanager
    def finishing(self, state: TrainingState) -> Iterator[None]:
        """Removes the state once the ``with`` block has written what was learned.

        Args:
            state: the last.

        Raises:
            NotWrittenError: the block's, saying from where the same run goes on; the state is brought up to date first.
        """
        try:
            yield
        except NotWrittenError as error:
            self._save(state)
            step = self.saved_step()
            if step == state.step:
                kept = f"What was learned is kept in {self.state_path}: the same run writes it without training again."
            elif step:
                kept = f"The state after step {step} is kept in {self.state_path}: the same run goes on from there."
            else:
                kept = "No state could be written, either: the same run begins anew."
            raise NotWrittenError(f"{error} {kept}") from error
        self.finish()

    def finish(self) -> None:
        """Removes the state of a run whose result is kept elsewhere."""
        if self.state_path and self.process.rank == 0:
            with contextlib.suppress(OSError):  # one that stays gives the same run the same result
                self.state_path.unlink()

    def saved_step(self) -> int:
        """Returns the step of the state that lies on the disk; 0 if there is none."""
        state = self._load()
        return state.step if state else 0

    def _load(self) -> TrainingState | None:
        return TrainingState.load(self.state_path, self.run) if self.state_path else None

    def _save(self, state: TrainingState) -> None:
        if self.state_path:
            with self.failed_writes.tolerated("state"):
                state.save(self.state_path, self.run)

    def _validate(self, state: TrainingState) -> torch.Tensor | None:
        due = self.process.rank == 0 and self.validation and self.validation.due(state, self.objective.config.steps)
        return self.validation.generate(self.objective, state) if due and self.validation else None
