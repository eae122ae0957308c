"""How well success in simulation foretells success on the real robot.

    MMRV = 1/N sum_i max_j |R_i - R_j| [(S_i < S_j) != (R_i < R_j)]

R and S are the success rates of N policies on the robot and in simulation. Mean Maximum Rank Violation asks how wrong,
in real success, a choice between two policies can be that was made in simulation; Pearson's r, whether the two lie on
one line. 0 and 1 are best.

Source: SIMPLER, Li et al. 2024; Benarous et al. 2025, section 4.2 and Table 4.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InteractiveActionError
from ..files import parse_json
from .figures import plain_label, png_bytes

COLORS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#66ccee", "#ccbb44")
MARKERS = "osD^vP"


def mmrv(real: ArrayLike, simulated: ArrayLike) -> float:
    """Returns the Mean Maximum Rank Violation of N success rates each, in the unit of ``real``; 0 is best."""
    real, simulated = np.asarray(real, float), np.asarray(simulated, float)
    gap = np.abs(real[:, None] - real)
    swapped = (simulated[:, None] < simulated) != (real[:, None] < real)
    return float((gap * swapped).max(1).mean())


def pearson(real: ArrayLike, simulated: ArrayLike) -> float | None:
    """Returns Pearson's r of two sequences of success rates, in -1..1; None if all of one sequence are equal."""
    real, simulated = np.asarray(real, float), np.asarray(simulated, float)
    if np.ptp(real) == 0 or np.ptp(simulated) == 0:
        return None
    return float(np.corrcoef(real, simulated)[0, 1])


def read_table(text: str) -> tuple[list[str], list[float], dict[str, list[float]]]:
    """Reads a table of success rates.

    Args:
        text: CSV with a line of names (policy, real, then one column a simulation) and a line for each policy, or JSON,
            a list of objects with the same keys. The first two columns may have any name.

    Returns:
        (policies, the real rates, {name of a simulation: its rates}).

    Raises:
        InteractiveActionError: the text is no such table.
    """
    rows = _json_rows(text) if text.lstrip().startswith(("[", "{")) else _csv_rows(text)
    if len(rows) < 3 or len(rows[0]) < 3:
        raise InteractiveActionError(
            f"A table of success rates has a line of names (policy, real, one or more simulations) and at least two "
            f"policies; this one has {max(len(rows) - 1, 0)} policies and {len(rows[0]) if rows else 0} columns. Add "
            f"what is missing."
        )
    names = [name.strip() for name in rows[0]]
    if len(set(names)) != len(names):
        raise InteractiveActionError(f"Two columns have one name: {', '.join(names)}. Give each its own.")
    rates = []
    for row in rows[1:]:
        if len(row) != len(names):
            raise InteractiveActionError(
                f"The line of {row[0]!r} has {len(row)} entries, and the first line names {len(names)} columns. Give "
                f"one for each."
            )
        rates.append([_rate(entry, row[0], name) for entry, name in zip(row[1:], names[1:])])
    columns = [list(column) for column in zip(*rates)]
    return [row[0].strip() for row in rows[1:]], columns[0], dict(zip(names[2:], columns[1:]))


def _json_rows(text: str) -> list[list[str]]:
    lines = parse_json(text, "the table")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise InteractiveActionError(
            'The table is not a list of JSON objects. Write [{"policy": "A", "real": 0.9, "simulation": 0.7}, ...].'
        )
    names = list(lines[0])
    for number, line in enumerate(lines, 1):
        if missing := [name for name in names if name not in line]:
            raise InteractiveActionError(
                f"The table is not a list of JSON objects with the same keys: object {number} has no {missing[0]!r}. "
                "Add it."
            )
    return [names, *([str(line[name]) for name in names] for line in lines)]


def _csv_rows(text: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text, newline="")) if any(entry.strip() for entry in row)]
    except csv.Error as error:
        raise InteractiveActionError(
            f"The table is not CSV: {error}. Write one line a policy, with commas between the entries."
        ) from error


def _rate(entry: str, policy: str, column: str) -> float:
    try:
        rate = float(entry)
    except ValueError:
        rate = float("nan")
    if not np.isfinite(rate):
        raise InteractiveActionError(
            f"The success rate of {policy!r} in the column {column!r} is {entry[:40]!r}. Write a number, such as 0.85."
        )
    return rate


def compare(
    policies: Sequence[str], real: Sequence[float], simulations: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """Returns a row for each simulation: ``simulation``, ``policies`` (how many), ``mmrv`` and ``pearson_r``."""
    return [
        {"simulation": name, "policies": len(policies), "mmrv": mmrv(real, rates), "pearson_r": pearson(real, rates)}
        for name, rates in simulations.items()
    ]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the rows of ``compare`` as text."""
    width = max(len("simulation"), *(len(row["simulation"]) for row in rows))
    lines = [f"{'simulation':{width}}   MMRV  Pearson r"]
    for row in rows:
        r = "undefined: all rates of one column are equal" if row["pearson_r"] is None else f"{row['pearson_r']:9.3f}"
        lines.append(f"{row['simulation']:{width}}  {row['mmrv']:5.3f}  {r}")
    return "\n".join(lines)


def plot(policies: Sequence[str], real: Sequence[float], simulations: Mapping[str, Sequence[float]]) -> bytes:
    """Plots the rates of each simulation over the real ones; returns the bytes of a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    rates_of_all = [*real, *(rate for rates in simulations.values() for rate in rates)]
    ends = min(rates_of_all), max(rates_of_all)
    axes.plot(ends, ends, color="0.8", linewidth=1, zorder=0)
    for i, (row, rates) in enumerate(zip(compare(policies, real, simulations), simulations.values())):
        r = "undefined" if row["pearson_r"] is None else f"{row['pearson_r']:.3f}"
        label = plain_label(f"{row['simulation']}: MMRV {row['mmrv']:.3f}, r {r}")
        axes.scatter(real, rates, color=COLORS[i % len(COLORS)], marker=MARKERS[i % len(MARKERS)], label=label)
    labels = [plain_label(policy) for policy in policies]
    axes.secondary_xaxis("top").set_xticks(real, labels, rotation=30, ha="left", fontsize=8)
    axes.set(xlabel="success on the robot", ylabel="success in simulation")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return png_bytes(figure)
