"""Words that act only at some noise levels, as several conditionings with ComfyUI's own timestep ranges.

A prompt with such a word is tokenized once for each band of noise levels, with the learned word or its plain word in
it; the CLIP encodes each version, and ComfyUI's sampler uses it in its range alone. The ranges are those that ComfyUI
keeps for a CLIP's hooks (``clip_start_percent``), which it intersects with what ConditioningSetTimestepRange says.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..tokens.noise_gate import NoiseGate, bands
from .comfy_mixins import with_mixin

if TYPE_CHECKING:
    from comfy.sd import CLIP
    from typing_extensions import Self


class BandedRows(list):
    """What a tokenizer made of a text in its first band, with what it made of it in every band.

    Attributes:
        versions: (start, end) of 0..1 -> rows of (token, weight, ...).
    """

    versions: dict[tuple[float, float], list]

    def __init__(self, versions: Mapping[tuple[float, float], list]) -> None:
        super().__init__(next(iter(versions.values())))
        self.versions = dict(versions)

    def __iadd__(self, rows: Iterable[Any]) -> Self:  # type: ignore[misc, override]
        """Appends rows to each version: nodes fill up the shorter of two encoders' texts so."""
        self.versions = {band: [*own, *rows] for band, own in self.versions.items()}
        self.extend(rows)
        return self

    def at(self, percent: float) -> list:
        """Returns the version for ``percent`` of the sampling."""
        return next(rows for (start, end), rows in self.versions.items() if start <= percent <= end)


def banded(text: str, gates: Mapping[str, NoiseGate], tokenize: Callable[[str], list]) -> list:
    """Returns the rows of a text: of every band where a word in it has a gate, otherwise of the text as it is.

    Args:
        text: a prompt.
        gates: trigger word -> its gate.
        tokenize: text -> rows.
    """
    gates = {word: gate for word, gate in gates.items() if word in text}
    versions = {}
    for start, end in bands(gates.values()):
        version = text
        for word, gate in gates.items():
            if not gate.acts_at((start + end) / 2):
                version = version.replace(word, gate.plain_word)
        versions[start, end] = tokenize(version)
    return BandedRows(versions) if len(versions) > 1 else versions[0.0, 1.0]


class _EncodesBands:
    """Mixed into the class of a CLIP; its clones stay of this class, so that a LoRA behind it changes nothing."""

    def clone(self, *args: Any, **kwargs: Any) -> Any:
        return encoding_bands(super().clone(*args, **kwargs))  # type: ignore[misc]

    def encode_from_tokens_scheduled(self, tokens: dict[str, list], *args: Any, **kwargs: Any) -> list:
        encode = super().encode_from_tokens_scheduled  # type: ignore[misc]
        ends = {
            end for rows in tokens.values() if isinstance(rows, BandedRows) for band in rows.versions for end in band
        }
        if not ends:
            return encode(tokens, *args, **kwargs)  # type: ignore[no-any-return]
        conditionings = []
        for start, end in itertools.pairwise(sorted(ends)):
            middle = (start + end) / 2
            version = {name: rows.at(middle) if isinstance(rows, BandedRows) else rows for name, rows in tokens.items()}
            for context, extra in encode(version, *args, **kwargs):
                first = max(start, extra.get("clip_start_percent", 0.0))
                last = min(end, extra.get("clip_end_percent", 1.0))
                if first < last:
                    conditionings.append([context, {**extra, "clip_start_percent": first, "clip_end_percent": last}])
        return conditionings


def encoding_bands(clip: CLIP) -> CLIP:
    """Makes ``clip``, which nobody else holds, encode each band of a prompt; returns it."""
    base: type = type(clip)
    if not isinstance(clip, _EncodesBands):
        clip.__class__ = with_mixin(base, _EncodesBands)
    return clip
