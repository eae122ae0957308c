"""What guidance and settling are worth: the same noise raw, guided, settled and both, each with its intervals.

Settling alone removes nearly all violations, so guidance is judged by what it leaves to be moved and by the relations
that survive; and beside it stands the best of as many unguided rooms as its time would have made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import InteractiveActionError
from ..sim.layout import FloorPlan, Layout
from .guidance.guide import GuidanceConfig
from .metrics import measure
from .model_file import LayoutModel
from .sampling import Wishes, sample_rooms
from .scores import score_rooms, summary
from .settle import settle
from .walkable import Body

AT_ONCE = 32  # rooms
STAGES = ("raw", "guided", "settled", "guided_settled", "rejection")
Progress = Callable[[int, int, None], None]


def compare(
    model: LayoutModel,
    plans: Sequence[FloorPlan],
    guidance: GuidanceConfig | None = None,
    wishes: Wishes | None = None,
    seed: int = 0,
    steps: int = 50,
    reference: Sequence[Layout] = (),
    progress: Progress = lambda done, total, preview: None,
) -> dict[str, Any]:
    """Samples and scores rooms in every way.

    Args:
        model: the layout model.
        plans: one room is made for each, from the same noise in all ways.
        guidance: None: the usual one.
        wishes: for all rooms.
        seed: of the noise.
        steps: denoising steps.
        reference: rooms as they should be, for the divergence of classes.
        progress: called with (rooms done, all rooms, None); may raise to cancel.

    Returns:
        For each of ``STAGES`` its scores (``score_rooms``) and "seconds"; those that settle have "moved_cm", the mean
        movement of a room's things with its interval. "rejection" has "candidates", the rooms of which each was chosen.

    Raises:
        InteractiveActionError: there is no floor plan.
    """
    if not plans:
        raise InteractiveActionError("There are no floor plans to compare on. Give at least one.")
    guidance = guidance or GuidanceConfig()
    rooms: dict[str, list[Layout]] = {stage: [] for stage in STAGES}
    seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    moved: dict[str, list[float]] = {"settled": [], "guided_settled": []}
    candidates = 1
    for start in range(0, len(plans), AT_ONCE):
        arguments = model, plans[start : start + AT_ONCE], seed + start, steps, wishes
        watch = _Stopwatch()
        made = {"raw": sample_rooms(*arguments)}
        seconds["raw"] += (raw := watch.lap())
        made["guided"] = sample_rooms(*arguments, guidance)
        seconds["guided"] += (guided := watch.lap())
        candidates = max(1, round(guided / max(raw, 1e-9)))
        made["rejection"] = _best_of(*arguments, candidates)
        seconds["rejection"] += watch.lap()
        for before, after, already in (("raw", "settled", raw), ("guided", "guided_settled", guided)):
            settled = settle(made[before])
            made[after] = [room.layout for room in settled]
            moved[after] += [100 * room.moved for room in settled]
            seconds[after] += already + watch.lap()
        rooms = {stage: rooms[stage] + made[stage] for stage in STAGES}
        progress(len(rooms["raw"]), len(plans), None)
    results: dict[str, Any] = {stage: score_rooms(rooms[stage], reference, guidance.body) for stage in STAGES}
    for stage in STAGES:
        results[stage]["seconds"] = seconds[stage]
    for stage, centimetres in moved.items():
        results[stage]["moved_cm"] = summary(centimetres)
    results["rejection"]["candidates"] = candidates
    return results


def violation(layout: Layout, body: Body | None = None) -> float:
    """Returns cubic metres of overlap and square metres outside: what rejection sampling makes small."""
    metrics = measure(layout, body)
    return metrics.overlap_volume + metrics.out_area


def _best_of(
    model: LayoutModel, plans: Sequence[FloorPlan], seed: int, steps: int, wishes: Wishes | None, candidates: int
) -> list[Layout]:
    """For each floor plan the best of some unguided rooms."""
    tries = [sample_rooms(model, plans, seed + 1_000_003 * number, steps, wishes) for number in range(candidates)]
    return [min(rooms, key=violation) for rooms in zip(*tries)]


class _Stopwatch:
    """Seconds of processor time, lap by lap."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        before, self.last = self.last, time.process_time()
        return self.last - before
