"""Which key frames of an episode become images: by its contacts and by what the action does to the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .actions.action import Action
    from .world import State, World


KEY_FRAMES = ("held", "from contact to end", "whole action", "before contact", "key moments", "first contact")
APART = 0.6  # share of the time before the first contact in which hand and object are still well apart
TOUCH = 0.1  # seconds that a first contact may last


def events(world: World, action: Action) -> tuple[float, float, float, float]:
    """Returns times in seconds, in order: first contact, first grasp, under way, end.

    At the first grasp all fingers press at once; if there is none, it is the first contact.
    """
    states, fingers = world.states, world.robot.gripper.links
    pressing: dict[float, set[str]] = {}
    for contact in world.contacts:
        pressing.setdefault(contact.time, set()).add(contact.link)
    first = world.contacts[0].time
    grasp = next((time for time, links in pressing.items() if links.issuperset(fingers)), first)
    clear = next((state.time for state in states if state.time > grasp and action.shows(states[0], state)), grasp)
    return first, grasp, clear, states[-1].time


def key_frames(world: World, action: Action, kind: str, count: int) -> list[tuple[str, State]]:
    """Returns (phase, state) pairs of an episode that succeeded, evenly from first to last; one alone is the last.

    Args:
        world: after the action.
        action: that was done.
        kind: one of ``KEY_FRAMES``.
        count: of pairs.
    """
    times = events(world, action)
    contact, grasp, clear, end = times
    marks = {
        "held": (clear, end),
        "from contact to end": (contact, end),
        "whole action": (world.states[0].time, end),
        "before contact": (world.states[0].time, APART * contact),
        "key moments": sorted({contact, grasp, (grasp + end) / 2, end}),
        "first contact": (contact, min(contact + TOUCH, end)),
    }[kind]
    first, last = marks[0], marks[-1]
    frame_times = last - (last - first) * np.arange(count)[::-1] / max(count - 1, 1)
    if len(marks) > 2:
        frame_times = np.interp(
            len(marks) - 1 - np.arange(count)[::-1] * (len(marks) - 1) / max(count - 1, 1), range(len(marks)), marks
        )
    clock = np.array([state.time for state in world.states])
    states = [world.states[np.abs(clock - time).argmin()] for time in frame_times]
    names = ("before contact", "contact", "grasp", "held", "end")
    return [(names[np.searchsorted(times, state.time, side="right")], state) for state in states]
