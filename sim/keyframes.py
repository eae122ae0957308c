"""Which moments of a take become pictures, told by its contacts and by the object's height."""

import numpy as np

MOMENTS = ("held", "from contact to end", "whole action", "before contact")
CLEAR = 0.03  # metres above its place from which the object counts as lifted off
APART = 0.6  # share of the time before the first contact in which hand and object are still well apart


def events(states, contacts, fingers):
    """Times in seconds, in order: first contact, first grasp (all fingers press at once), lift-off, end."""
    pressing = {}
    for contact in contacts:
        pressing.setdefault(contact.time, set()).add(contact.link)
    grasp = next(time for time, links in pressing.items() if links.issuperset(fingers))
    floor = states[0].position[2]
    clear = next(state.time for state in states if state.time > grasp and state.position[2] > floor + CLEAR)
    return contacts[0].time, grasp, clear, states[-1].time


def key_frames(states, contacts, fingers, moments, count):
    """``count`` (name, state) pairs of a take that succeeded, evenly from first to last; one alone is the last."""
    times = events(states, contacts, fingers)
    contact, _, clear, end = times
    first, last = {
        "held": (clear, end),
        "from contact to end": (contact, end),
        "whole action": (states[0].time, end),
        "before contact": (states[0].time, APART * contact),
    }[moments]
    wanted = last - (last - first) * np.arange(count)[::-1] / max(count - 1, 1)
    clock = np.array([state.time for state in states])
    chosen = [states[np.abs(clock - time).argmin()] for time in wanted]
    names = ("before contact", "contact", "grasp", "held", "end")
    return [(names[np.searchsorted(times, state.time, side="right")], state) for state in chosen]
