"""All exporters by name, and how a room is written as one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ...errors import InteractiveActionError
from ...files import StrPath, new_folder, path_inside
from ...sim.furnishings.makers import furnish
from ...sim.layout import Layout
from .bodies import Maker, bodies_of
from .glb import export_glb
from .mjcf import export_mjcf
from .scene_eval import export_scene_eval
from .urdf import export_urdf
from .usd import export_usd

Exporter = Callable[[Layout, Maker], dict[str, bytes]]
Progress = Callable[[int, int], object]

FORMATS: dict[str, Exporter] = {
    "GLB": export_glb,
    "URDF": export_urdf,
    "MJCF": export_mjcf,
    "USD": export_usd,
    "SceneEval": export_scene_eval,
}
LAYOUT, LICENCES = "layout.json", "LICENCES.txt"


def export_room(
    layout: Layout,
    folder: StrPath,
    formats: Sequence[str] = tuple(FORMATS),
    maker: Maker = furnish,
    on_progress: Progress | None = None,
) -> list[str]:
    """Writes a room as a new folder: ``layout.json`` and what the formats need. All of it or nothing.

    ``LICENCES.txt`` names the licences of users' meshes, if there are any.

    Args:
        layout: the room.
        folder: the new folder.
        formats: names of ``FORMATS``.
        maker: makes the furniture of an object: ``furnish``, or a user's own meshes.
        on_progress: called with (formats made, all formats); may raise to cancel.

    Returns:
        The names of the files.

    Raises:
        InteractiveActionError: there is no such format, or already such a folder.
        MissingExtraError: a library is not there.
        NotWrittenError: the system refuses to write; nothing is left.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise InteractiveActionError(
            f"There is no format {unknown[0]!r}. Choose from: {', '.join(FORMATS)}."
            if unknown
            else f"No format is chosen. Choose from: {', '.join(FORMATS)}."
        )
    files = {LAYOUT: json.dumps(layout.to_json(), allow_nan=False).encode(), **_licences(layout, maker)}
    for number, name in enumerate(formats, 1):
        files |= FORMATS[name](layout, maker)
        if on_progress:
            on_progress(number, len(formats))
    with new_folder(folder, "room") as temporary:
        for name, data in files.items():
            path = path_inside(temporary, name, "file")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return sorted(files)


def _licences(layout: Layout, maker: Maker) -> dict[str, bytes]:
    """What users' meshes may be used for, one line a thing."""
    bodies = bodies_of(layout, maker, shell=False)
    lines = [f"{body.name}: {body.furnishing.licence}\n" for body in bodies if body.furnishing.licence]
    return {LICENCES: "".join(lines).encode()} if lines else {}
