"""What was found: figures as JSON, and one page with tables, curves, images and tokens."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ...files import write_atomically
from ...scoring.figures import png_bytes
from ...scoring.report import Cell, File, Grid, Plot, Score, Table, write_report
from ..dev.sheets import row_sheet
from .arms import REPORT_IMAGES, Arm, Comparison
from .curves import plot_curves
from .datasets import IMAGES, even_places, file_stem
from .statistics import best_method, curves, print_table, summarize
from .worlds import Row

MAX_FILE = 100_000  # bytes of a file that goes into the page: tokens do, weights do not
COLUMNS = {
    "entities": "both things right",
    "action": "action seen",
    "both": "both",
    "passed": "passed",
    "looks_simulated": "looks simulated",
}


@dataclass(frozen=True)
class Findings:
    """The arms that were evaluated, by part; a part that was left out has none.

    Args:
        comparison: which evaluated them.
        actions: that took part.
        table: each method at its best.
        published: each with its paper's hyperparameters.
        curves: over steps and rates.
    """

    comparison: Comparison
    actions: Sequence[str]
    table: Sequence[Arm]
    published: Sequence[Arm]
    curves: Sequence[Arm]

    def rows(self, arms: Sequence[Arm]) -> list[Row]:
        """Returns the rows of arms, one an image."""
        return [row for arm in arms for row in self.comparison.evaluate(arm)]


def write_findings(findings: Findings, root: pathlib.Path, name: str) -> None:
    """Writes ``name``.json and ``name``.html, and the images of each action and the curves beside them.

    Args:
        findings: what was evaluated.
        root: the folder.
        name: of the files.
    """
    table, published = (findings.rows(arms) for arms in (findings.table, findings.published))
    entries = summarize(table)
    followed = curves(findings.rows(findings.curves))
    figures: dict[str, Any] = {
        "best_method": best_method(entries),
        "table": entries,
        "published": summarize(published),
        "curves": followed,
        "settings": _settings(findings),
    }
    write_atomically(root / f"{name}.json", (json.dumps(figures, indent=1) + "\n").encode())
    if entries:
        print_table(entries)
    sections: list[Any] = [_table("All actions, each method at its best", table)] if table else []
    sections += [_table("All actions, as published", published)] if published else []
    for action in findings.actions if table else ():
        sections.append(_table(action.capitalize(), [row for row in table if row["action"] == action]))
    for action in dict.fromkeys(curve["action"] for curve in followed):
        png = png_bytes(plot_curves([curve for curve in followed if curve["action"] == action]))
        write_atomically(root / f"{name}-curves-{file_stem(action)}.png", png)
        sections.append(Plot(f"Over steps and learning rates: {action}", png))
    sections += [grid for action in findings.actions if (grid := _grid(findings, action, root / name))]
    world = findings.comparison.world
    write_report(
        root / f"{name}.html",
        f"Methods compared in {world.title}",
        "Every method learned from the same simulated images and generated the same prompts "
        f"from the same noise; they were evaluated by {world.judges}.",
        sections,
        figures["settings"],
        _files(findings),
    )


def _table(title: str, rows: Sequence[Row]) -> Table:
    lines = [
        {
            "method": entry["method"],
            "images": entry["images"],
            "IAScore": Score(entry["iascore"]["mean"], entry["iascore"]["interval"]),
            **{
                column: Score(entry[name]["mean"], entry[name]["interval"])
                for name, column in COLUMNS.items()
                if name in entry
            },
        }
        for entry in summarize(rows)
    ]
    return Table(title, lines, note="With 95 % bootstrap intervals over prompts.")


def _first_seeds(findings: Findings, action: str) -> dict[str, Arm]:
    """The first arm of each variant for an action; of curves the one with most steps."""
    arms = {arm.variant.name: arm for arm in reversed(findings.table) if arm.action == action}
    ordered = sorted(findings.curves, key=lambda arm: arm.step)
    return arms or {f"{arm.variant.name}, {arm.step} steps": arm for arm in ordered if arm.action == action}


def _grid(findings: Findings, action: str, stem: pathlib.Path) -> Grid | None:
    """Builds the section with an action's images, and writes them to a file beside the page."""
    comparison, arms = findings.comparison, _first_seeds(findings, action)
    if not arms:
        return None
    world = comparison.world
    count = next(iter(arms.values())).num_images or world.num_images
    prompts = world.format_prompts("...", world.eval_pairs(action, count))
    images = {name: comparison.report_images(arm) for name, arm in arms.items()}
    lines = [(name, [Image.fromarray(image) for image in of_arm]) for name, of_arm in images.items()]
    row_sheet(lines, stem.with_name(f"{stem.name}-{file_stem(action)}.png"))
    return Grid(
        f"Images: {action}",
        [
            (prompts[place], [Cell(name, [of_arm[number]]) for name, of_arm in images.items()])
            for number, place in enumerate(even_places(count, REPORT_IMAGES))
        ],
        "Every so many prompts one, by the first training seed of each method, not chosen.",
    )


def _files(findings: Findings) -> list[File]:
    """What the first seed of each method learned, where it is small."""
    files = []
    for action in findings.actions:
        for name, arm in _first_seeds(findings, action).items():
            file = findings.comparison.trained_path(arm)
            if file.exists() and file.stat().st_size < MAX_FILE:
                title = f"{file_stem(action, name)}.safetensors"
                files.append(File(title, file.read_bytes(), "what was trained, as the trainer keeps it"))
    return files


def _settings(findings: Findings) -> dict[str, dict[str, Any]]:
    """Collects all hyperparameters."""
    comparison = findings.comparison
    world = comparison.world
    base = next((variant.words for variant in world.references if variant.words), {})
    settings: dict[str, dict[str, Any]] = {
        "All methods": {
            "images to learn from": f"{IMAGES['one room'].num_episodes} episodes",
            "prompts": world.num_images,
            "base model's word": next(iter(base.values()), ""),
        }
    }
    for arm in (*findings.table, *findings.published):
        if arm.variant.is_trained:
            settings.setdefault(
                f"{arm.action}: {arm.variant.name}",
                {"learning rate": arm.rate, "steps": arm.step, **comparison.settings(arm.action, arm.variant)},
            )
    return settings
