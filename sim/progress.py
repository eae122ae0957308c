"""What is called while a recording is made, and what starts an episode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from .plan import Plan
    from .scene import Scene

Progress = Callable[[int, int, "np.ndarray | None"], None]
"""``progress(done, total, image)``, with the image uint8 (H, W, 3) that was rendered last; may raise to cancel."""

EpisodeProgress = Callable[[int, "np.ndarray | None"], None]
"""``progress(done, image)``: the same of one episode."""

ImageProgress = Callable[[int, np.ndarray], None]
"""The same where each call brings an image."""

Episode = tuple[list[dict[str, np.ndarray]], str]
"""(the arrays of each scene's episode, why it failed): no arrays if it failed, an empty text if it succeeded."""


class RunningEpisode(Protocol):
    """An episode that is being recorded, or will be."""

    def follow(self, progress: EpisodeProgress | None) -> Episode:
        """Its result; ``progress`` is called while it is worked out, and may raise to stop it."""

    def cancel(self) -> None:
        """Its result is not wanted any more."""


class Submit(Protocol):
    """Starts an episode."""

    def __call__(self, scenes: Sequence[Scene], plan: Plan, seed: int, /) -> RunningEpisode:
        """An episode of ``scenes``, with the same seed."""
