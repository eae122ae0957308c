"""A run as one HTML file: tables with intervals, plots, image grids, tokens to take along, settings.

It needs no network and no server.

write_report("evidence/report.html", "Table 1", lead="Seven methods, the same noise.", sections=[
    Table("IAScore", [{"method": "base", "IAScore": Score(0.31, (0.27, 0.35)), "passed": 0.4}], {"passed": ".0%"}),
    Grid("Images", [("a panda picking up a lemon", [Cell("base", [image]), Cell("ours", [other])])]),
], settings={"Sampler": {"steps": 20}}, files=[File("pick-up.safetensors", data, "the token")])
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..files import write_atomically

IMAGE_SIDE = 320  # pixels: a grid of a thousand images still opens on a phone
SMALL_SIDE = 128  # pixels: up to here PNG is as small as JPEG, and exact


@dataclass(frozen=True)
class Score:
    """A number with its 95 % interval (low, high), or None where one is missing."""

    value: float | None
    interval: Sequence[float] | None = None


@dataclass(frozen=True)
class Table:
    """Numbers. Each column of scores has bars on one scale.

    Args:
        title: of the section.
        rows: dicts with the same keys, the first of which names the row; values: text, whole numbers, floats, ``Score``
            or None.
        formats: {column: format} for numbers other than ".3f".
        note: below the title.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    formats: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """What one method generated for one prompt.

    Args:
        name: of the method.
        images: (H, W, 3) float 0..1 or uint8, PIL images, or bytes of an image file; a fourth channel is left out.
        caption: below them.
    """

    name: str
    images: Sequence[Any]
    caption: str = ""


@dataclass(frozen=True)
class Grid:
    """Images. rows: (the prompt, one ``Cell`` a method)."""

    title: str
    rows: Sequence[tuple[str, Sequence[Cell]]]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """One image at its own size. image: as in ``Cell``, or the bytes of an SVG."""

    title: str
    image: Any
    note: str = ""


@dataclass(frozen=True)
class File:
    """Something to take along: a token, the workflow. It travels inside the page."""

    name: str
    data: bytes
    note: str = ""


Section = Table | Grid | Plot
Settings = Mapping[str, Mapping[str, Any]]


def write_report(
    path: str | Path,
    title: str,
    lead: str = "",
    sections: Sequence[Section] = (),
    settings: Settings | None = None,
    files: Sequence[File] = (),
) -> None:
    """Writes the page to ``path``; see ``report_page``.

    Raises:
        InteractiveActionError: it could not be written.
    """
    # half an emoji in a user's text cannot be written as UTF-8
    write_atomically(
        Path(path), report_page(title, lead, sections, settings, files).encode("utf-8", "backslashreplace")
    )


def report_page(
    title: str,
    lead: str = "",
    sections: Sequence[Section] = (),
    settings: Settings | None = None,
    files: Sequence[File] = (),
) -> str:
    """Returns the page (HTML).

    Args:
        title: of the page.
        lead: below the title.
        sections: in order.
        settings: {part: {name: value}}.
        files: to take along.
    """
    parts = [(section.title, section.note, _body(section)) for section in sections]
    if files:
        parts.append(("Files", "They are inside this page: save them from here.", _files(files)))
    if settings:
        parts.append(("Settings", "", _settings(settings)))
    bodies = "".join(
        f'<section id="s{number}"><h2>{escape(name)}</h2>{_note(note)}{body}</section>'
        for number, (name, note, body) in enumerate(parts)
    )
    contents = "".join(f'<a href="#s{number}">{escape(name)}</a>' for number, (name, _, _) in enumerate(parts))
    values = {
        "title": escape(title),
        "lead": f"<p>{escape(lead)}</p>" if lead else "",
        "contents": contents,
        "sections": bodies,
    }
    # each part of the template once, so that no text with {{...}} in it is filled in turn
    before, *places = Path(__file__).with_name("report.html").read_text(encoding="utf-8").split("{{")
    return before + "".join(values[name] + rest for name, _, rest in (place.partition("}}") for place in places))


def _body(section: Section) -> str:
    if isinstance(section, Table):
        return _table(section)
    return _grid(section) if isinstance(section, Grid) else _plot(section)


def _note(note: str) -> str:
    return f'<p class="note">{escape(note)}</p>' if note else ""


def _table(table: Table) -> str:
    columns = list(table.rows[0]) if table.rows else []
    scales = {name: _scale([row[name] for row in table.rows]) for name in columns}
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-name="{escape(name)}">{_value(row[name], table.formats.get(name, ".3f"), scales[name])}</td>'
            for name in columns
        )
        + "</tr>"
        for row in table.rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _scale(values: Sequence[Any]) -> tuple[float, float] | None:
    """(low, high) of a column's bars; they start at zero, or below it where a score is negative."""
    ends = [
        end
        for score in values
        if isinstance(score, Score) and score.value is not None
        for end in (score.value, *(score.interval or ()))
    ]
    return (min(0.0, *ends), max(*ends, 1e-9)) if ends else None


def _value(value: Any, form: str, scale: tuple[float, float] | None) -> str:
    if isinstance(value, Score):
        if value.value is None or scale is None:
            return "-"
        ends = " to ".join(format(end, form) for end in value.interval) if value.interval else ""
        number = f'<span class="value">{format(value.value, form)}</span><span class="interval">{ends}</span>'
        return number + _bar((value.value, *(value.interval or ())), *scale)
    if value is None:
        return "-"
    return format(value, form) if isinstance(value, float) else escape(str(value))


def _bar(points: Sequence[float], low: float, high: float) -> str:
    """A bar from zero to the first point, and a line between the other two, if any, as SVG on a track of 100 x 7."""
    zero, end, *bounds = (100 * (x - low) / (high - low) for x in (0.0, *points))
    line = '<line x1="{:.2f}" x2="{:.2f}" y1="3.5" y2="3.5"/>'.format(*bounds) if bounds else ""
    return (
        '<svg class="bar" viewBox="0 0 100 7" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="7" rx="2"/>'
        f'<rect class="fill" x="{min(zero, end):.2f}" width="{abs(end - zero):.2f}" height="7" rx="2"/>{line}</svg>'
    )


def _grid(grid: Grid) -> str:
    rows = []
    for prompt, cells in grid.rows:
        figures = []
        for cell in cells:
            images = "".join(
                f'<img src="{data_url(image)}" alt="{escape(f"{cell.name}: {prompt}")}" decoding="async">'
                for image in cell.images
            )
            several = f'<div class="several">{images}</div>' if len(cell.images) > 1 else images
            caption = f"<small>{escape(cell.caption)}</small>" if cell.caption else ""
            figures.append(f"<figure>{several}<figcaption>{escape(cell.name)}{caption}</figcaption></figure>")
        rows.append(
            f'<div class="row"><h3>{escape(prompt)}</h3>'
            f'<div class="cells" style="--columns: {len(cells)}">{"".join(figures)}</div></div>'
        )
    return "".join(rows)


def _plot(plot: Plot) -> str:
    return f'<img class="plot" src="{data_url(plot.image, side=None)}" alt="{escape(plot.title)}">'


def _files(files: Sequence[File]) -> str:
    links = (
        f'<div><a download="{escape(file.name)}" href="data:application/octet-stream;base64,'
        f'{base64.b64encode(file.data).decode()}">{escape(file.name)}</a> '
        f'({_size(len(file.data))})<div class="note">{escape(file.note)}</div></div>'
        for file in files
    )
    return f'<div class="files">{"".join(links)}</div>'


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _settings(settings: Settings) -> str:
    return "".join(
        f"<details><summary>{escape(str(part))}</summary><dl>"
        + "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in values.items())
        + "</dl></details>"
        for part, values in settings.items()
    )


def data_url(image: Any, side: int | None = IMAGE_SIDE) -> str:
    """Returns an image as a data address: small ones and plots as PNG, large ones as JPEG.

    Args:
        image: as in ``Cell``, or the bytes of an SVG.
        side: in pixels, to which larger images are scaled down; None: as they are, for plots.
    """
    if isinstance(image, bytes) and image.lstrip()[:5] in (b"<?xml", b"<svg "):
        return "data:image/svg+xml;base64," + base64.b64encode(image).decode()
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    elif not isinstance(image, Image.Image):
        pixels = np.asarray(image)[..., :3]
        image = Image.fromarray(
            pixels if pixels.dtype == np.uint8 else (pixels.clip(0, 1) * 255).round().astype(np.uint8)
        )
    image = image.convert("RGB")
    if side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    kind = "png" if side is None or max(image.size) <= SMALL_SIDE else "jpeg"
    data = io.BytesIO()
    image.save(data, kind, **({"quality": 90, "subsampling": 0} if kind == "jpeg" else {}))
    return f"data:image/{kind};base64," + base64.b64encode(data.getvalue()).decode()
