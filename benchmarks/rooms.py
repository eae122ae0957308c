"""Guidance of furnished rooms: what a batch saves against a loop over its rooms, and what parts cost against boxes.

The rooms are the grammar's sloppiest, in which every loss has something to do. Seconds are of processor time, so that
other work on the machine does not count.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from ..layouts.grammar.procedural import procedural_rooms
from ..layouts.grammar.sloppiness import make_sloppy
from ..layouts.guidance.guide import GuidanceConfig, Guide
from ..layouts.model_file import LayoutModel
from ..layouts.network import RoomTransformer
from ..layouts.rooms import to_rooms
from ..layouts.sampling import sample_rooms
from ..layouts.training import LayoutTrainingConfig
from ..sim.layout import Layout

RESULTS = "rooms"  # the file to which the figures are added
ROOMS, ROUNDS = 32, 5


def measure() -> dict[str, float]:
    """Returns "batch_speedup" of the losses, the same with the search of paths, "box_sets_cost" and seconds a batch."""
    tidy = procedural_rooms(ROOMS, sloppy_share=0.0)
    rooms = [make_sloppy(room, 1.0, np.random.default_rng(index)) for index, room in enumerate(tidy)]
    losses, searches = GuidanceConfig(reach=0.0), GuidanceConfig(path_every=1)
    parts = GuidanceConfig(walls=0.0, openings=0.0, reach=0.0, opened=0.0, keep=0.0)
    boxes = dataclasses.replace(parts, parts=False)
    shape = LayoutTrainingConfig().shape
    model = LayoutModel(RoomTransformer(**shape).eval(), shape, "x0", {})  # untrained: as fast as a trained one
    plans = [room.floor_plan for room in rooms]
    return {
        "batch_speedup": round(_speedup(losses, rooms), 1),
        "batch_speedup_with_paths": round(_speedup(searches, rooms), 1),
        "box_sets_cost": round(_seconds_of_gradient(parts, rooms) / _seconds_of_gradient(boxes, rooms), 2),
        "rooms": ROOMS,
        "seconds_raw": round(_seconds(lambda: sample_rooms(model, plans)), 1),
        "seconds_guided": round(_seconds(lambda: sample_rooms(model, plans, guidance=GuidanceConfig())), 1),
    }


def _speedup(config: GuidanceConfig, rooms: Sequence[Layout]) -> float:
    return sum(_seconds_of_gradient(config, [room]) for room in rooms) / _seconds_of_gradient(config, rooms)


def _seconds_of_gradient(config: GuidanceConfig, layouts: Sequence[Layout]) -> float:
    rooms, guide = to_rooms(layouts), Guide(config, [layout.floor_plan for layout in layouts])
    guide.gradient(rooms)
    return _seconds(lambda: [guide.gradient(rooms) for _ in range(ROUNDS)]) / ROUNDS


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
