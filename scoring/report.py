"""A run as one HTML file: tables with intervals, plots, image grids, tokens to take along, settings. No network, no server.

write_report("evidence/report.html", "Table 1", lead="Seven methods, the same noise.", sections=[
    Table("IAScore", [{"method": "base", "IAScore": Score(0.31, (0.27, 0.35)), "passed": 0.4}], {"passed": ".0%"}),
    Grid("Images", [("a panda picking up a lemon", [Cell("base", [image]), Cell("ours", [other])])]),
], settings={"Sampler": {"steps": 20}}, files=[File("pick-up.safetensors", data, "the token")])
"""

import base64
import io
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from ..files import write_atomically

IMAGE_SIDE = 320  # pixels: a grid of a thousand images still opens on a phone


@dataclass(frozen=True)
class Score:
    """A number with its 95 % interval (low, high), or None where one is missing."""

    value: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Table:
    """rows: dicts with the same keys, the first of which names the row; values: text, whole numbers, floats, ``Score`` or None.

    formats: {column: format} for numbers other than ".3f". Each column of scores is drawn as bars on one scale.
    """

    title: str
    rows: list[dict]
    formats: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """What one method drew for one prompt. images: (H, W, 3) float 0..1 or uint8, PIL images, or bytes of an image file."""

    name: str
    images: list
    caption: str = ""


@dataclass(frozen=True)
class Grid:
    """rows: (what was asked, one ``Cell`` a method)."""

    title: str
    rows: list[tuple[str, list[Cell]]]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """image: as in ``Cell``, or the bytes of an SVG."""

    title: str
    image: object
    note: str = ""


@dataclass(frozen=True)
class File:
    """Something to take along: a token, the workflow. It travels inside the page."""

    name: str
    data: bytes
    note: str = ""


def write_report(path, title, lead="", sections=(), settings=None, files=()):
    """Write the page to ``path``; see ``report_page``."""
    page = report_page(title, lead, sections, settings, files)
    write_atomically(Path(path), page.encode("utf-8", "backslashreplace"))  # half an emoji cannot be written as UTF-8


def report_page(title, lead="", sections=(), settings=None, files=()):
    """The page (HTML). sections: ``Table``, ``Grid`` and ``Plot`` in order; settings: {part: {name: value}}; files: of ``File``."""
    draw = {Table: _table, Grid: _grid, Plot: _plot}
    parts = [(section.title, section.note, draw[type(section)](section)) for section in sections]
    if files:
        parts.append(("Files", "They are inside this page: save them from here.", _files(files)))
    if settings:
        parts.append(("Settings", "", _settings(settings)))
    drawn = "".join(
        f'<section id="s{number}"><h2>{escape(name)}</h2>{f"""<p class="note">{escape(note)}</p>""" if note else ""}{body}</section>'
        for number, (name, note, body) in enumerate(parts)
    )
    contents = "".join(f'<a href="#s{number}">{escape(name)}</a>' for number, (name, _, _) in enumerate(parts))
    values = {
        "title": escape(title),
        "lead": f"<p>{escape(lead)}</p>" if lead else "",
        "contents": contents,
        "sections": drawn,
    }
    # each part of the template once, so that no text with {{...}} in it is filled in turn
    before, *places = Path(__file__).with_name("report.html").read_text(encoding="utf-8").split("{{")
    return before + "".join(values[name] + rest for name, _, rest in (place.partition("}}") for place in places))


def _table(table):
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


def _scale(values):
    """(low, high) of a column's bars; they start at zero, or below it where a score is negative."""
    ends = [
        end
        for score in values
        if isinstance(score, Score) and score.value is not None
        for end in (score.value, *(score.interval or ()))
    ]
    return (min(0.0, *ends), max(*ends, 1e-9)) if ends else None


def _value(value, form, scale):
    if isinstance(value, Score):
        if value.value is None:
            return "-"
        told = " to ".join(format(end, form) for end in value.interval) if value.interval else ""
        return f'<span class="value">{format(value.value, form)}</span><span class="interval">{told}</span>{_bar(value, *scale)}'
    if value is None:
        return "-"
    return format(value, form) if isinstance(value, float) else escape(str(value))


def _bar(score, low, high):
    """A bar from zero to the score, and a line over its interval, as SVG on a track of 100 x 7."""
    zero, end, *bounds = (100 * (x - low) / (high - low) for x in (0.0, score.value, *(score.interval or ())))
    line = '<line x1="{:.2f}" x2="{:.2f}" y1="3.5" y2="3.5"/>'.format(*bounds) if bounds else ""
    return (
        '<svg class="bar" viewBox="0 0 100 7" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="7" rx="2"/>'
        f'<rect class="fill" x="{min(zero, end):.2f}" width="{abs(end - zero):.2f}" height="7" rx="2"/>{line}</svg>'
    )


def _grid(grid):
    rows = []
    for asked, cells in grid.rows:
        figures = []
        for cell in cells:
            images = "".join(
                f'<img src="{embedded(image)}" alt="{escape(f"{cell.name}: {asked}")}" decoding="async">'
                for image in cell.images
            )
            several = f'<div class="several">{images}</div>' if len(cell.images) > 1 else images
            caption = f"<small>{escape(cell.caption)}</small>" if cell.caption else ""
            figures.append(f"<figure>{several}<figcaption>{escape(cell.name)}{caption}</figcaption></figure>")
        rows.append(
            f'<div class="row"><h3>{escape(asked)}</h3><div class="cells" style="--columns: {len(cells)}">{"".join(figures)}</div></div>'
        )
    return "".join(rows)


def _plot(plot):
    return f'<img class="plot" src="{embedded(plot.image, side=None)}" alt="{escape(plot.title)}">'


def _files(files):
    return (
        '<div class="files">'
        + "".join(
            f'<div><a download="{escape(file.name)}" href="data:application/octet-stream;base64,{base64.b64encode(file.data).decode()}">{escape(file.name)}</a> '
            f'({_size(len(file.data))})<div class="note">{escape(file.note)}</div></div>'
            for file in files
        )
        + "</div>"
    )


def _size(count):
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _settings(settings):
    return "".join(
        f"<details><summary>{escape(str(part))}</summary><dl>"
        + "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>" for name, value in values.items())
        + "</dl></details>"
        for part, values in settings.items()
    )


def embedded(image, side=IMAGE_SIDE):
    """An image as a data address, at most ``side`` pixels wide and high: small ones and plots as PNG, large ones as JPEG."""
    if isinstance(image, bytes) and image.lstrip()[:5] in (b"<?xml", b"<svg "):
        return "data:image/svg+xml;base64," + base64.b64encode(image).decode()
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    elif not isinstance(image, Image.Image):
        pixels = np.asarray(image)
        image = Image.fromarray(
            pixels if pixels.dtype == np.uint8 else (pixels.clip(0, 1) * 255).round().astype(np.uint8)
        )
    image = image.convert("RGB")
    if side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    data, kind = io.BytesIO(), "png" if side is None or max(image.size) <= 128 else "jpeg"
    image.save(data, kind, **({"quality": 90, "subsampling": 0} if kind == "jpeg" else {}))
    return f"data:image/{kind};base64," + base64.b64encode(data.getvalue()).decode()
