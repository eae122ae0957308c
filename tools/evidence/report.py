"""The comparison as one page: tables, images and tokens."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from ...scoring.report import Cell, File, Grid, Score, Table, write_report
from ..dev.sheets import row_sheet
from .arms import REPORT_IMAGES, Arm, Comparison
from .datasets import NUM_EPISODES, even_places, file_stem
from .statistics import summarize
from .variants import Variant
from .worlds import Row

MAX_FILE = 100_000  # bytes of a file that goes into the page: tokens do, weights do not
COLUMNS = {"entities": "entities right", "interaction": "interaction seen", "both": "both", "passed": "passed"}


def write_page(
    comparison: Comparison,
    rows: Sequence[Row],
    variants: Sequence[Variant],
    rates: Mapping[str, float],
    path: pathlib.Path,
) -> None:
    """Writes the page, and the images of each action as a file of their own beside it.

    Args:
        comparison: whose arms were evaluated.
        rows: of all arms.
        variants: the lines.
        rates: name of a variant -> its learning rate.
        path: of the page.
    """
    world = comparison.world
    actions = list(dict.fromkeys(row["action"] for row in rows))
    sections: list[Any] = [_table("All actions", rows)] if len(actions) > 1 else []
    sections += [_table(action.capitalize(), [row for row in rows if row["action"] == action]) for action in actions]
    files = []
    for action in actions:
        arms = {variant.name: Arm(action, variant, rates[variant.name], seed=0) for variant in variants}
        sections.append(_grid(comparison, action, arms, path))
        for name, arm in arms.items():
            file = comparison.trained_path(arm)
            if file.exists() and file.stat().st_size < MAX_FILE:
                title = f"{file_stem(action)}-{name}.safetensors"
                files.append(File(title, file.read_bytes(), "what was trained, as the trainer keeps it"))
    write_report(
        path,
        f"Methods compared in {world.title}",
        "Every method learned from the same simulated images and generated the same prompts "
        f"from the same noise; they were evaluated by {world.judges}.",
        sections,
        _settings(comparison, actions, variants, rates),
        files,
    )


def _table(title: str, rows: Sequence[Row]) -> Table:
    lines = [
        {
            "method": entry["method"],
            "images": entry["images"],
            "IAScore": Score(entry["iascore"], entry["interval"]),
            **{
                column: Score(entry[name]["mean"], entry[name]["interval"])
                for name, column in COLUMNS.items()
                if name in entry
            },
        }
        for entry in summarize(rows)
    ]
    return Table(title, lines, note="With 95 % bootstrap intervals over prompts.")


def _grid(comparison: Comparison, action: str, arms: Mapping[str, Arm], path: pathlib.Path) -> Grid:
    """Builds the section with an action's images, and writes them to a file beside the page."""
    world = comparison.world
    prompts = world.format_prompts("...", world.eval_pairs(action, world.num_images))
    images = {name: comparison.report_images(arm) for name, arm in arms.items()}
    lines = [(name, [Image.fromarray(image) for image in of_arm]) for name, of_arm in images.items()]
    row_sheet(lines, path.with_name(f"{path.stem}-{file_stem(action)}.png"))
    return Grid(
        f"Images: {action}",
        [
            (prompts[place], [Cell(name, [of_arm[number]]) for name, of_arm in images.items()])
            for number, place in enumerate(even_places(world.num_images, REPORT_IMAGES))
        ],
        "Every so many prompts one, by the first training seed of each method, not chosen.",
    )


def _settings(
    comparison: Comparison, actions: Sequence[str], variants: Sequence[Variant], rates: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """Collects all hyperparameters."""
    world = comparison.world
    base = world.references[0].words[actions[0]]
    common = {**world.budget, "num_episodes": NUM_EPISODES, "prompts": world.num_images, "base model's word": base}
    own = {
        f"{action}: {variant.name}": {
            "learning rate": rates[variant.name],
            **comparison.settings(action, variant),
        }
        for action in actions
        for variant in variants
        if variant.is_trained
    }
    return {"All methods": common, **own}
