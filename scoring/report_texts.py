"""The reports of IAScore and Read Votes as texts, read again: they may come from any node that gives text."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import InteractiveActionError
from ..files import parse_json


def read_scores(text: str, where: str, columns: Iterable[str], count: int) -> dict[str, Any]:
    """Returns what a report of IAScore says.

    Args:
        text: JSON.
        where: what the sentence calls it.
        columns: names of scores that are needed.
        count: how many images it should have judged.

    Raises:
        InteractiveActionError: the text is not such a report, or one of other images.
    """

    def fits(report: Any) -> bool:
        scores, bounds, images = report["scores"], report["intervals"], report["images"]
        return (
            all(_is_score(scores[column], bounds[column]) for column in columns)
            and isinstance(scores["n"], int)
            and isinstance(report["how"], dict)
            and isinstance(images, list)
            and all(isinstance(image["passed"], bool) and _is_number(image["cosine"]) for image in images)
        )

    report = _read(text, where, fits, "IAScore")
    if len(report["images"]) != count:
        raise InteractiveActionError(
            f"{where} judges {len(report['images'])} images, and its method has {count}. Connect the report that "
            f"IAScore gave for these images."
        )
    return report


def read_votes(text: str, where: str) -> dict[str, Any]:
    """Returns what a report of Read Votes says.

    Args:
        text: JSON.
        where: what the sentence calls it.

    Raises:
        InteractiveActionError: the text is not such a report.
    """

    def fits(report: Any) -> bool:
        rows = report["rows"]
        return (
            isinstance(rows, list)
            and all(isinstance(row["method"], str) and isinstance(row["question"], str) for row in rows)
            and all(_is_score(row["share"], row["interval"]) for row in rows)
            and all(value is None or _is_number(value) for value in report["kappa"].values())
            and all(isinstance(report[name], int) for name in ("voters", "groups"))
        )

    return _read(text, where, fits, "Read Votes")


def _read(text: str, where: str, fits: Callable[[Any], bool], source: str) -> dict[str, Any]:
    report: dict[str, Any] = parse_json(text, where)
    try:
        good = isinstance(report, dict) and fits(report)
    except (KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise InteractiveActionError(
            f"{where} is JSON, but not the report of {source}. Connect the output report of {source}, or leave it "
            "empty."
        )
    return report


def _is_score(value: Any, interval: Any) -> bool:
    """Whether these are a number or None, and two bounds or None."""
    bounds = interval is None or (len(interval) == 2 and all(map(_is_number, interval)))
    return bounds and (value is None or _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
