"""The rows of a judgment for other programs: a table (.csv), one JSON object a line (.jsonl), and a plot (.png)."""

import csv
import io
import json
from dataclasses import asdict

from ..files import write_atomically
from .iascore import intervals, summarize

SHOWN = ("both_found", "pass_rate", "mean_iou", "iascore_cosine", "iascore_2_5", "cosine_of_passed", "cosine_of_all")
PASSED, FAILED = "#3a9a55", "#c8403a"


def records(rows, names):
    """One dict an image: its name, then everything that was measured; boxes stay dicts or None."""
    return [{"image": name, **asdict(row), "passed": row.passed} for name, row in zip(names, rows)]


def csv_text(rows, names):
    """A table with a header; a box takes five columns (x, y, width, height, score), empty if nothing was found."""
    lines = []
    for record in records(rows, names):
        line = {}
        for key, value in record.items():
            if key.endswith("_box"):
                line.update(
                    {f"{key}_{part}": (value or {}).get(part, "") for part in ("x", "y", "width", "height", "score")}
                )
            else:
                line[key] = value
        lines.append(line)
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def jsonl_text(rows, names):
    return "".join(json.dumps(record) + "\n" for record in records(rows, names))


def plot(rows):
    """The scores with their 95 % intervals beside every image's IoU and cosine, as the bytes of a PNG."""
    from matplotlib.figure import Figure

    scores, bounds = summarize(rows), intervals(rows)
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = [name for name in reversed(SHOWN) if scores[name] is not None]
    for height, name in enumerate(names):
        left.plot(scores[name], height, "o", color="black")
        if bounds[name]:
            left.plot(bounds[name], [height, height], color="black")
    left.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    left.set_title(f"scores of {len(rows)} images, with 95 % intervals", fontsize="medium")
    for passed, color, label in ((True, PASSED, "boxes overlap"), (False, FAILED, "they do not")):
        kind = [row for row in rows if row.passed == passed]
        right.plot(
            [row.iou for row in kind],
            [row.cosine for row in kind],
            "o",
            color=color,
            alpha=0.6,
            label=f"{label} ({len(kind)})",
        )
    right.set(xlabel="IoU of subject and object", ylabel="CLIP cosine")
    right.legend()
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return data.getvalue()


def save(rows, names, path):
    """Write ``path`` + .csv, .jsonl and .png; returns the three paths."""
    # the names of files may come from another encoding, and cannot be written as UTF-8 then
    table = csv_text(rows, names).encode("utf-8", "backslashreplace")
    files = {".csv": table, ".jsonl": jsonl_text(rows, names).encode(), ".png": plot(rows)}
    paths = [path.with_name(path.name + suffix) for suffix in files]
    for target, data in zip(paths, files.values()):
        write_atomically(target, data)
    return paths
