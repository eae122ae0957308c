"""The compact vocabulary of the embedded text encoders: of CLIP's tokens only those that captions use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from ...models.compact_vocabulary import END, START

POSITIONS = 77  # tokens of a text
UNKNOWN_SHARE = 0.02  # of the words that are replaced by an unknown one in training


@cache
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


@cache
def clip_ids(word: str) -> tuple[int, ...]:
    """Returns the ids of a word in CLIP's vocabulary."""
    return tuple(_tokenizer().encode(word))


@dataclass(frozen=True)
class CompactVocabulary:
    """A part of CLIP's vocabulary, as rows of a small table.

    Attributes:
        ids: CLIP's ids of the table's rows after the first, which stands for every unknown token; START and END are
            last.
    """

    ids: tuple[int, ...]

    @classmethod
    def of(cls, phrases: Iterable[str]) -> CompactVocabulary:
        """Builds the vocabulary that spells all words of ``phrases``."""
        ids = {number for phrase in phrases for word in phrase.split() for number in clip_ids(word)}
        return cls((*sorted(ids), START, END))

    @property
    def size(self) -> int:
        """Rows of the table, with the first."""
        return 1 + len(self.ids)

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {number: row for row, number in enumerate(self.ids, 1)}

    def rows(self, text: str, rng: np.random.Generator | None = None) -> list[int]:
        """Encodes a text as rows of the table, padded with END as ComfyUI does.

        Args:
            text: words.
            rng: where it is there, a few words become unknown.

        Returns:
            ``POSITIONS`` rows.
        """
        ids = [number for word in text.split() for number in clip_ids(word)]
        rows = [self._row_of.get(number, 0) if rng is None or rng.random() >= UNKNOWN_SHARE else 0 for number in ids]
        return [self._row_of[START], *rows, *[self._row_of[END]] * (POSITIONS - 1 - len(rows))]
