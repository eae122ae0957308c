"""The comparison's figures: means with intervals, one line a variant."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...scoring.statistics import bootstrap_interval
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


def summarize(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Summarizes rows: one entry a variant, best IAScore first.

    Without a classifier there is no "interaction" in the rows, nor "interaction" and "both" in the entries.
    """
    entries = []
    columns = ["iascore", *(name for name in ("passed", "entities", "interaction") if name in rows[0])]
    for variant in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == variant]
        figures = {name: interval(own, operator.itemgetter(name)) for name in columns}
        if "interaction" in columns:
            figures["both"] = interval(own, lambda row: row["entities"] and row["interaction"])
        iascore = figures.pop("iascore")
        entries.append(
            {
                "method": variant.replace("-", "_"),
                "images": len(own),
                "iascore": iascore["mean"],
                "interval": iascore["interval"],
                "pass_rate": figures["passed"]["mean"],
                **figures,
            }
        )
    return sorted(entries, key=lambda entry: -entry["iascore"])


def print_table(entries: Sequence[dict[str, Any]]) -> None:
    """Prints the entries of ``summarize``, a line each."""
    columns = [name for name in ("entities", "interaction", "both") if name in entries[0]]
    width = 2 + max(len(entry["method"]) for entry in entries)
    print(f"{'method':{width}}{'IAScore':>9}{'95 %':>16}" + "".join(f"{name:>13}" for name in columns))
    for entry in entries:
        low, high = entry["interval"]
        means = "".join(f"{entry[name]['mean']:13.3f}" for name in columns)
        print(f"{entry['method']:{width}}{entry['iascore']:9.3f}{f'{low:.3f}..{high:.3f}':>16}{means}")
