"""Files that could not be written while something trained: no reason to stop, and told once each."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from ..errors import NotWrittenError

LOGGER = logging.getLogger(__name__)


class FailedWrites:
    """What could not be written during a run.

    sentences: one for each kind of file, by the kind.
    """

    def __init__(self) -> None:
        self.sentences: dict[str, str] = {}

    @contextlib.contextmanager
    def tolerated(self, what: str) -> Iterator[None]:
        """Takes a failed write in the ``with`` block for a warning in the log, given once for each kind of file.

        Args:
            what: the kind of file, behind "its".
        """
        try:
            yield
        except NotWrittenError as error:
            if what not in self.sentences:
                self.sentences[what] = f"Training goes on, but its {what} could not be written: {error}"
                LOGGER.warning(self.sentences[what])
