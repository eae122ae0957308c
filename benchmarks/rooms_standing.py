"""Whether furnished rooms stand still for a second of physics: sloppy ones of the grammar, and the same settled."""

from __future__ import annotations

from typing import Any

from ..layouts.grammar.procedural import procedural_rooms
from ..layouts.scores import summary
from ..layouts.settle import Settled, settle, shaken

RESULTS = "rooms"  # the file to which the figures are added
ROOMS, AT_ONCE = 64, 32


def measure() -> dict[str, Any]:
    """Returns "stable": the share of rooms that stand still, as they are and settled, and how far things moved.

    Each with its interval. A simulator that dies ends it with an error: none did.
    """
    raw = procedural_rooms(ROOMS, split="test", sloppy_share=1.0, seed=2)
    settled = [room for start in range(0, ROOMS, AT_ONCE) for room in settle(raw[start : start + AT_ONCE])]
    before = shaken([Settled(layout, 0.0, 0.0, 0) for layout in raw])
    after = shaken(settled)
    return {
        "stable": {
            "raw": summary([float(bool(room.stable)) for room in before]),
            "settled": summary([float(bool(room.stable)) for room in after]),
            "moved_by_settling_cm": summary([100 * room.moved for room in settled]),
        }
    }
