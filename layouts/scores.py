"""Scores of many rooms: the mean of each metric, its 95 % interval over rooms, and what was measured how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import InteractiveActionError
from ..scoring.statistics import bootstrap_interval
from ..sim.layout import Layout
from .metrics import OUT_DEPTH, OUT_SHARE, TOUCHING, RoomMetrics, as_rows, category_divergence, measure
from .relations import relation_shares
from .walkable import Body

Progress = Callable[[int, int, None], None]


def score_rooms(
    layouts: Sequence[Layout],
    reference: Sequence[Layout] = (),
    body: Body | None = None,
    progress: Progress = lambda done, total, preview: None,
) -> dict[str, Any]:
    """Scores rooms.

    Args:
        layouts: the rooms.
        reference: rooms of the kind they should be; none: no ``ckl``.
        body: of the robot; None: a usual one.
        progress: called after each room with (rooms done, all rooms, None); may raise to cancel.

    Returns:
        What ``summarize`` does.

    Raises:
        InteractiveActionError: there is no room.
    """
    return summarize(layouts, measure_rooms(layouts, body, progress), reference, body)


def measure_rooms(
    layouts: Sequence[Layout],
    body: Body | None = None,
    progress: Progress = lambda done, total, preview: None,
) -> list[RoomMetrics]:
    """Returns the metrics of each room; the arguments are those of ``score_rooms``."""
    metrics = []
    for done, layout in enumerate(layouts, 1):
        metrics.append(measure(layout, body))
        progress(done, len(layouts), None)
    return metrics


def summarize(
    layouts: Sequence[Layout],
    metrics: Sequence[RoomMetrics],
    reference: Sequence[Layout] = (),
    body: Body | None = None,
) -> dict[str, Any]:
    """Summarizes what was measured of rooms.

    Args:
        layouts: the rooms.
        metrics: of each.
        reference: rooms of the kind they should be; none: no ``ckl``.
        body: with which they were measured; None: a usual one.

    Returns:
        "scores" and "relations": name -> {"mean", "interval", "n"}; "ckl"; "how": thresholds and the robot's size.

    Raises:
        InteractiveActionError: there is no room.
    """
    if not layouts:
        raise InteractiveActionError("There are no rooms to score. Give at least one.")
    body = body or Body()
    relations: dict[str, list[float]] = {}
    for layout in layouts:
        for name, share in relation_shares(layout).items():
            relations.setdefault(name, []).append(share)
    scores: dict[str, Any] = {
        "scores": {name: summary(values) for name, values in as_rows(metrics).items()},
        "relations": {name: summary(values) for name, values in sorted(relations.items())},
        "how": {
            "touching_m": TOUCHING,
            "out_share": OUT_SHARE,
            "out_depth_m": OUT_DEPTH,
            "robot_radius_m": body.radius,
            "robot_height_m": body.height,
        },
    }
    if reference:
        scores["ckl"] = category_divergence(reference, layouts)
    return scores


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Returns the mean of one value a room, its bootstrap interval and the number of rooms."""
    return {"mean": float(np.mean(values)), "interval": bootstrap_interval(values), "n": len(values)}


def table(scores: dict[str, Any]) -> str:
    """Returns scores as lines of text: name, mean, interval and number of rooms."""
    lines = []
    for group in ("scores", "relations"):
        for name, row in scores[group].items():
            low, high = row["interval"]
            lines.append(f"{name:18} {row['mean']:7.3f}  [{low:.3f}, {high:.3f}]  n = {row['n']}")
    if "ckl" in scores:
        lines.append(f"{'ckl':18} {scores['ckl']:7.4f}")
    return "\n".join(lines)
