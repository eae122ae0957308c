"""Settling: the projection of a room onto rooms without violations that moves things least.

Guidance shapes what is generated; settling repairs any layout, generated, imported or drawn. It goes down the same
losses with a term that holds every thing near where it was, and lets go of that term where it alone is in the way.
A second of physics (``shaken``) then says whether the room stands still.
Similar: the projection by nonlinear programming of Pfaff et al. 2025 (Steerable Scene Generation).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from ..sim.layout import Layout
from .guidance.guide import RATE, GuidanceConfig, Guide
from .metrics import violations
from .rooms import Rooms, to_layouts, to_rooms

STEPS, CHECK = 200, 5  # at most, and after how many it is asked whether all is well
STILL = 0.02  # metres that a thing may move in a second of physics in a room that stands still
STAY = 0.02  # weight of the squared metres by which a thing leaves its place, at the start
RELEASED = 0.6  # share of the steps after which nothing holds it any more, and doors and backs at walls hardly count
SETTLED = GuidanceConfig(collision=1.0, walls=1.0, openings=0.5, reach=0.0, opened=0.0, keep=1.0)
"""What settling repairs; reachability and opened doors cost more movement, and can be asked for."""

Progress = Callable[[int, int, None], None]


@dataclass(frozen=True)
class Settled:
    """A settled room.

    Args:
        layout: the room.
        moved: metres that things moved on average.
        farthest: metres that the farthest moved.
        remaining: how many things still collide or are in a wall.
        drift: metres that the farthest moved by itself in a second of physics; None: it was not asked for.
    """

    layout: Layout
    moved: float
    farthest: float
    remaining: int
    drift: float | None = None

    @property
    def stable(self) -> bool | None:
        """Whether nothing moved by itself; None: it was not asked for."""
        return None if self.drift is None else self.drift <= STILL


def shaken(rooms: Sequence[Settled], progress: Progress = lambda done, total, preview: None) -> list[Settled]:
    """Returns settled rooms with what a second of physics did to them: everything loose but what hangs on walls.

    Args:
        rooms: as of ``settle``.
        progress: called after each room with (rooms done, all rooms, None), and while one lasts; may raise to cancel.

    Raises:
        InteractiveActionError: the simulator failed.
        MissingExtraError: it is not there.
    """
    from ..sim.client import SIMULATOR

    answers = []
    for done, room in enumerate(rooms):
        moved = SIMULATOR.drift(room.layout, functools.partial(progress, done, len(rooms), None))
        answers.append(dataclasses.replace(room, drift=float(moved.max(initial=0.0))))
        progress(done + 1, len(rooms), None)
    return answers


def settle(
    layouts: Sequence[Layout],
    config: GuidanceConfig = SETTLED,
    most_movement: float = 1.0,
    steps: int = STEPS,
    progress: Progress = lambda done, total, preview: None,
) -> list[Settled]:
    """Returns rooms in which nothing collides or is in a wall, as far as that is found nearby.

    Args:
        layouts: any rooms.
        config: what is repaired, with its weights.
        most_movement: metres that no thing moves farther than.
        steps: of the projection.
        progress: called after each step with (steps done, all steps, None); may raise to cancel.

    Raises:
        InteractiveActionError: nothing may move.
    """
    if not most_movement > 0:
        raise InteractiveActionError(f"most_movement is {most_movement}. Give metres, more than 0.")
    if not layouts:
        return []
    before = to_rooms(layouts)
    guide = Guide(config, [layout.floor_plan for layout in layouts])
    guide.begin(before)
    rooms = before
    for done in range(steps):
        if done % CHECK == 0 and not _violating(rooms, 0.5).any():
            break
        if done == round(RELEASED * steps):
            guide.config = dataclasses.replace(config, openings=config.openings / 10, keep=config.keep / 10)
        stay = STAY * max(0.0, 1 - done / (RELEASED * steps))
        rooms = _limited(_drawn_back(guide.move(rooms, RATE), before, stay), before, most_movement)
        progress(done + 1, steps, None)
    shift = (rooms.boxes.center - before.boxes.center).square().sum(-1).sqrt() * before.present
    remaining = _violating(rooms, 1.0).sum(1)
    return [
        Settled(
            dataclasses.replace(layout, about={**layout.about, "settled": 1.0}),
            float(shift[row].sum() / max(len(layout.objects), 1)),
            float(shift[row].max()),
            int(remaining[row]),
        )
        for row, layout in enumerate(to_layouts(rooms, layouts))
    ]


def _violating(rooms: Rooms, slack: float) -> torch.Tensor:
    """(B, N) bool: what collides or is in a wall."""
    colliding, out = violations(rooms, slack)
    return colliding | out


def _drawn_back(rooms: Rooms, before: Rooms, share: float) -> Rooms:
    """The rooms a share of the way back to where they were."""
    center, yaw = (getattr(rooms.boxes, name) for name in ("center", "yaw"))
    return rooms.moved(center.lerp(before.boxes.center, share), yaw.lerp(before.boxes.yaw, share))


def _limited(rooms: Rooms, before: Rooms, most: float) -> Rooms:
    """The rooms with no thing farther than ``most`` metres from where it was."""
    way = rooms.boxes.center - before.boxes.center
    length = way.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
    return rooms.moved(before.boxes.center + way * (most / length).clamp(max=1), rooms.boxes.yaw)
