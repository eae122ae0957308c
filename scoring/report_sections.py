"""The sections of a report: scores of IAScore, votes, and images by method and prompt."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .report import Cell, Grid, Score, Table

COLUMNS = {  # of the table of scores: the names that readers know -> the names in IAScore's report
    "IAScore": "iascore_cosine",
    "IAScore, 2.5 x cosine": "iascore_2_5",
    "boxes overlap": "pass_rate",
    "both found": "both_found",
    "mean IoU": "mean_iou",
    "CLIP cosine of those": "cosine_of_passed",
}
FORMATS = {"boxes overlap": ".0%", "both found": ".0%", "entity": ".0%", "action": ".0%", "overall": ".0%"}


def scores_table(reports: Mapping[str, Mapping[str, Any]]) -> Table:
    """Returns a row of scores for each method.

    Args:
        reports: {method: IAScore's report}.
    """
    rows = [
        {
            "method": name,
            **{column: Score(report["scores"][key], report["intervals"][key]) for column, key in COLUMNS.items()},
            "images": report["scores"]["n"],
        }
        for name, report in reports.items()
    ]
    judges = {
        name: ", ".join(f"{key} {value}" for key, value in report["how"].items() if value is not None)
        for name, report in reports.items()
    }
    if len(set(judges.values())) == 1:
        sentence = f"Judged by: {next(iter(judges.values()))}."
    else:
        sentence = "Judged differently! " + "; ".join(f"{name} by {by}" for name, by in judges.items()) + "."
    note = f"Mean over all images, with the 95 % interval over other images of the same kind. {sentence}"
    return Table("Scores", rows, FORMATS, note)


def votes_table(report: Mapping[str, Any]) -> Table:
    """Returns a row of shares for each method.

    Args:
        report: of ``votes.tally``.
    """
    rows: dict[str, dict[str, Any]] = {}
    for row in report["rows"]:
        shares = rows.setdefault(row["method"], {"method": row["method"]})
        shares[row["question"]] = Score(row["share"], row["interval"])
    kappa = ", ".join(
        f"{question} {'-' if value is None else format(value, '.2f')}" for question, value in report["kappa"].items()
    )
    note = (
        f"{report['voters']} voters chose among {report['groups']} groups; shares with 95 % intervals. "
        f"Fleiss' kappa: {kappa}."
    )
    return Table("Votes", list(rows.values()), FORMATS, note)


def image_grid(
    images: Mapping[str, torch.Tensor], prompts: Sequence[str], reports: Mapping[str, Mapping[str, Any]]
) -> Grid:
    """Returns the images with one row for each run of equal prompts.

    Args:
        images: {method: (N, H, W, 3) in 0..1}.
        prompts: N.
        reports: {method: IAScore's report}, of those methods that have one.
    """
    rows = []
    for prompt, run in itertools.groupby(range(len(prompts)), key=prompts.__getitem__):
        places = list(run)
        cells = []
        for name, batch in images.items():
            judgments = [reports[name]["images"][place] for place in places] if name in reports else []
            cells.append(Cell(name, [batch[place].cpu() for place in places], _caption(judgments)))
        rows.append((prompt, cells))
    return Grid("Images", rows)


def _caption(judgments: Sequence[Mapping[str, Any]]) -> str:
    """What IAScore says of the images of one cell."""
    if len(judgments) == 1:
        return f"{'boxes overlap' if judgments[0]['passed'] else 'no overlap'}, cosine {judgments[0]['cosine']:.2f}"
    passed = sum(judgment["passed"] for judgment in judgments)
    return f"boxes overlap in {passed} of {len(judgments)}" if judgments else ""
