"""The comparison's figures: means with intervals, one line a variant."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...scoring.statistics import bootstrap_interval
from .variants import METHODS
from .worlds import Row


def interval(rows: Sequence[Row], value: Callable[[Row], float]) -> dict[str, Any]:
    """Averages a value over rows, with its 95 % bootstrap interval.

    Prompts are resampled, and with each all its training seeds.

    Args:
        rows: with "action" and "prompt".
        value: of a row.

    Returns:
        "mean" and "interval", [low, high].
    """
    values_of_prompt: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        values_of_prompt.setdefault((row["action"], row["prompt"]), []).append(float(value(row)))
    means = np.array([np.mean(values) for values in values_of_prompt.values()])
    return {"mean": float(means.mean()), "interval": bootstrap_interval(means)}


def figures(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Returns every figure that rows have, each with "mean" and "interval".

    Without a classifier there is no "interaction" in the rows, nor "action" and "both" in the figures.
    """
    names = {"iascore": "iascore", "passed": "passed", "entities": "entities", "interaction": "action"}
    names |= {"looks_simulated": "looks_simulated"}
    found = {name: interval(rows, operator.itemgetter(key)) for key, name in names.items() if key in rows[0]}
    if "action" in found:
        found["both"] = interval(rows, lambda row: row["entities"] and row["interaction"])
    return found


def summarize(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Summarizes rows: one entry a variant, best IAScore first.

    Returns:
        Entries with "method", "images", the ``figures``, and "action_seen": action -> mean.
    """
    entries = []
    for variant in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == variant]
        entry = {"method": _name(variant), "images": len(own), **figures(own)}
        if "action" in entry:
            of_action = {action: [row for row in own if row["action"] == action] for action in _actions(own)}
            entry["action_seen"] = {action: figures(some)["action"]["mean"] for action, some in of_action.items()}
        entries.append(entry)
    return sorted(entries, key=lambda entry: -entry["iascore"]["mean"])


def curves(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Follows figures over steps: one entry an action, method and rate.

    Returns:
        Entries with "action", "method", "rate" and "points", each with "step" and the ``figures``, in order.
    """
    followed: dict[tuple[str, str, float], dict[int, list[Row]]] = {}
    for row in rows:
        points = followed.setdefault((row["action"], row["method"], row["rate"]), {})
        points.setdefault(row["step"], []).append(row)
    return [
        {
            "action": action,
            "method": _name(method),
            "rate": rate,
            "points": [{"step": step, **figures(points[step])} for step in sorted(points)],
        }
        for (action, method, rate), points in followed.items()
    ]


def best_method(entries: Sequence[dict[str, Any]]) -> str | None:
    """Returns the trained method whose images are right most often, by "both" or else by IAScore; None without any."""
    names = {_name(name) for name in METHODS}
    trained = [entry for entry in entries if entry["method"] in names]
    best = max(trained, key=lambda entry: entry.get("both", entry["iascore"])["mean"], default=None)
    return None if best is None else str(best["method"])


def print_table(entries: Sequence[dict[str, Any]]) -> None:
    """Prints the entries of ``summarize``, a line each."""
    columns = [name for name in ("entities", "action", "both", "looks_simulated") if name in entries[0]]
    width = 2 + max(len(entry["method"]) for entry in entries)
    print(f"{'method':{width}}{'IAScore':>9}{'95 %':>16}" + "".join(f"{name:>17}" for name in columns))
    for entry in entries:
        low, high = entry["iascore"]["interval"]
        means = "".join(f"{entry[name]['mean']:17.3f}" for name in columns)
        print(f"{entry['method']:{width}}{entry['iascore']['mean']:9.3f}{f'{low:.3f}..{high:.3f}':>16}{means}")


def _actions(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["action"] for row in rows))


def _name(variant: str) -> str:
    return variant.replace("-", "_")
