"""Curves over training steps and learning rates, one panel a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...scoring.figures import plain_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_curves(followed: Sequence[Mapping[str, Any]], value: str = "iascore") -> Figure:
    """Plots a figure over steps, a line a learning rate, a panel a method.

    Args:
        followed: of ``statistics.curves``, of one action.
        value: which of their figures.
    """
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(curve["method"] for curve in followed))
    figure = Figure(figsize=(3.0 * len(methods), 3.2), layout="constrained")
    panels = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    rates = sorted({curve["rate"] for curve in followed})
    for panel, method in zip(panels, methods):
        for curve in (curve for curve in followed if curve["method"] == method):
            points = curve["points"]
            steps, means = [point["step"] for point in points], [point[value]["mean"] for point in points]
            color = f"C{rates.index(curve['rate'])}"
            panel.plot(steps, means, color=color, marker="o", markersize=3, label=f"{curve['rate']:g}")
            low, high = zip(*(point[value]["interval"] for point in points))
            panel.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        panel.set_title(plain_label(method.replace("_", " ")), fontsize=10)
        panel.set_xscale("log")
        panel.set_ylim(0, 1)
        panel.set_xlabel("steps", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel({"iascore": "IAScore"}.get(value, value), fontsize=9)
    panels[-1].legend(title="learning rate", fontsize=8, title_fontsize=8, frameon=False)
    return figure
