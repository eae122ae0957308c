"""The rows of a judgment for other programs: a table (.csv), one JSON object a line (.jsonl), and a plot (.png)."""

from __future__ import annotations

import csv
import io
import json
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..files import write_atomically
from .figures import png_bytes
from .iascore import ImageScore, intervals, summarize

SCORES = ("both_found", "pass_rate", "mean_iou", "iascore_cosine", "iascore_2_5", "cosine_of_passed", "cosine_of_all")
SIDES = ("x", "y", "width", "height", "score")
PASSED, FAILED = "#3a9a55", "#c8403a"


def records(rows: Sequence[ImageScore], names: Iterable[str | int]) -> list[dict[str, Any]]:
    """Returns one dict an image: its name, then everything that was measured; boxes are dicts or None."""
    return [{"image": name, **asdict(row), "passed": row.passed} for name, row in zip(names, rows)]


def csv_text(rows: Sequence[ImageScore], names: Iterable[str | int]) -> str:
    """Returns a table with a header; a box takes five columns (x, y, width, height, score), empty if there is none."""
    lines = []
    for record in records(rows, names):
        line: dict[str, Any] = {}
        for key, value in record.items():
            if key.endswith("_box"):
                line.update({f"{key}_{side}": (value or {}).get(side, "") for side in SIDES})
            else:
                line[key] = value
        lines.append(line)
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def jsonl_text(rows: Sequence[ImageScore], names: Iterable[str | int]) -> str:
    """Returns one JSON object a line, with boxes as objects."""
    return "".join(json.dumps(record) + "\n" for record in records(rows, names))


def plot(rows: Sequence[ImageScore]) -> bytes:
    """Plots the scores with their 95 % intervals beside every image's IoU and cosine; returns the bytes of a PNG."""
    from matplotlib.figure import Figure

    scores, bounds = summarize(rows), intervals(rows)
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = [name for name in reversed(SCORES) if scores[name] is not None]
    for height, name in enumerate(names):
        left.plot(scores[name], height, "o", color="black")
        if ends := bounds[name]:
            left.plot(ends, [height, height], color="black")
    left.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    left.set_title(f"scores of {len(rows)} images, with 95 % intervals", fontsize="medium")
    for passed, color, label in ((True, PASSED, "boxes overlap"), (False, FAILED, "they do not")):
        some = [row for row in rows if row.passed == passed]
        x, y = [row.iou for row in some], [row.cosine for row in some]
        right.plot(x, y, "o", color=color, alpha=0.6, label=f"{label} ({len(some)})")
    right.set(xlabel="IoU of subject and object", ylabel="CLIP cosine")
    right.legend()
    return png_bytes(figure)


def save(rows: Sequence[ImageScore], names: Sequence[str | int], path: pathlib.Path) -> list[pathlib.Path]:
    """Writes ``path`` + .csv, .jsonl and .png; returns the three paths.

    Raises:
        InteractiveActionError: a file could not be written.
    """
    # a file's name may come from a system with another encoding and hold what UTF-8 cannot
    texts = {
        ".csv": csv_text(rows, names).encode("utf-8", "backslashreplace"),
        ".jsonl": jsonl_text(rows, names).encode(),
        ".png": plot(rows),
    }
    paths = [path.with_name(path.name + suffix) for suffix in texts]
    for file, data in zip(paths, texts.values()):
        write_atomically(file, data)
    return paths
