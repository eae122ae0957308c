"""A run's curves and validation images for TensorBoard."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Callable, Iterator

import torch

from ..errors import MissingExtraError
from ..files import write_errors
from .loop import TrainingState

LOGGER = logging.getLogger(__name__)
Log = Callable[[TrainingState, "torch.Tensor | None"], None]


@contextlib.contextmanager
def tensorboard(folder: str | pathlib.Path | None, state: TrainingState) -> Iterator[Log]:
    """Yields a function (state, validation images (N, H, W, 3) or None) that writes a step to ``folder``.

    Args:
        folder: of the log; None writes nothing.
        state: a run that goes on from it takes back what was written after it.

    Raises:
        MissingExtraError: tensorboard is not installed.
        NotWrittenError: the log could not be begun; from the function: a step could not be written.
    """
    if folder is None:
        yield lambda state, images: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "train") from error
    folder = pathlib.Path(folder)
    with write_errors(folder):
        writer = SummaryWriter(str(folder), purge_step=state.step + 1)

    def write(state: TrainingState, images: torch.Tensor | None) -> None:
        with write_errors(folder):
            for name, values in state.losses.items():
                writer.add_scalar(f"loss/{name}", values[-1], state.step)
            if str(state.step) in state.scores:
                writer.add_scalar("score", state.scores[str(state.step)], state.step)
            if images is not None:
                writer.add_images("samples", images, state.step, dataformats="NHWC")

    try:
        yield write
    finally:
        try:
            writer.close()
        except OSError as error:  # a log's last lines are not worth what was learned
            LOGGER.warning("The end of the log in the folder %s could not be written: %s.", folder.name, error.strerror)
