"""The noise levels at which a learned word acts, and the plain word that stands in its place at the others.

What happens between things is decided at high noise; how they look is decided at low noise, where a token that was
learned from simulated images can only spoil them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import InteractiveActionError
from ..files import check_text

KEYS = _START, _END, _WORD = (
    "interactive_action.start_percent",
    "interactive_action.end_percent",
    "interactive_action.plain_word",
)


@dataclass(frozen=True)
class NoiseGate:
    """Where in sampling a word acts: ComfyUI's timestep range of a conditioning.

    Args:
        start_percent: 0 is pure noise.
        end_percent: 1 is the finished image; of Stable Diffusion's 1000 timesteps, t = 999 (1 - percent).
        plain_word: what is read instead of the learned word outside of this range; empty: nothing.

    Raises:
        InteractiveActionError: this is no range, or the word is no text.
    """

    start_percent: float = 0.0
    end_percent: float = 1.0
    plain_word: str = ""

    def __post_init__(self) -> None:
        ends = self.start_percent, self.end_percent
        if not all(map(math.isfinite, ends)) or not 0 <= self.start_percent < self.end_percent <= 1:
            raise InteractiveActionError(
                f"A word is to act from start_percent {self.start_percent} to end_percent {self.end_percent}. Both "
                "must be between 0 and 1, and the first the smaller."
            )
        check_text(self.plain_word, "plain_word")

    @property
    def is_open(self) -> bool:
        """Whether the word acts everywhere."""
        return (self.start_percent, self.end_percent) == (0, 1)

    def acts_at(self, percent: float) -> bool:
        """Returns whether the word acts where ``percent`` of the sampling is done."""
        return self.start_percent <= percent <= self.end_percent

    def as_metadata(self) -> dict[str, str]:
        """Returns the strings that a token's file has of it; none where the word acts everywhere."""
        if self.is_open:
            return {}
        return {_START: repr(self.start_percent), _END: repr(self.end_percent), _WORD: self.plain_word}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], file: str) -> NoiseGate:
        """Returns the gate that a token's file describes.

        Args:
            metadata: of a file of anybody.
            file: names it in a sentence.

        Raises:
            InteractiveActionError: it says something that is no range.
        """
        try:
            start, end = float(metadata.get(_START, "0")), float(metadata.get(_END, "1"))
        except ValueError as error:
            raise InteractiveActionError(
                f"{file} says that its word acts from {metadata.get(_START)} to {metadata.get(_END)}, which are no "
                "numbers. Save the token again, or copy the file anew."
            ) from error
        return cls(start, end, metadata.get(_WORD, ""))


EVERYWHERE = NoiseGate()
"""A word acts at every noise level."""


def share_done(timestep: float, timesteps: int) -> float:
    """Returns how much of the sampling, 0..1, is done at one of Stable Diffusion's ``timesteps`` of noise."""
    return 1 - timestep / (timesteps - 1)


def bands(gates: Iterable[NoiseGate]) -> list[tuple[float, float]]:
    """Returns the ranges (start, end) of 0..1, in order, in each of which every gate is either open or shut."""
    ends = sorted({0.0, 1.0, *(end for gate in gates for end in (gate.start_percent, gate.end_percent))})
    return list(itertools.pairwise(ends))
