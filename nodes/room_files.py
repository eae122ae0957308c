"""Rooms as files: saved and loaded, written for simulators and the 3-D viewer, and read from others' formats."""

from __future__ import annotations

import dataclasses
import io as streams
import pathlib
from collections.abc import Sequence
from typing import Any

import folder_paths
from comfy_api.latest import Types, io, ui

from ..errors import InteractiveActionError
from ..file_digests import files_below
from ..files import checked_name, free_path, new_folder, path_inside
from ..layouts.exporters import formats as exporters
from ..layouts.exporters.bodies import Maker, bodies_of
from ..layouts.exporters.glb import glb_bytes
from ..layouts.importers import formats as importers
from ..sim.furnishings.assets import asset_maker
from ..sim.furnishings.makers import furnish
from ..sim.layout import Layout, load_layouts, save_layouts
from . import sockets
from .floor_plan import CATEGORY, index_input, room_at
from .node import Node, SavingNode
from .progress import shown_progress
from .sample_rooms import contents

SUFFIX = ".jsonl"
ALL, AUTO = "all formats", "auto"
WALLS = FROM_INSIDE, _, NO_WALLS = "from inside", "solid", "none"


class SaveRooms(SavingNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSaveRooms",
            display_name="Save Rooms",
            category=CATEGORY,
            description="Write rooms to one file of JSON lines, one room a line.",
            search_aliases=["export", "layout", "dataset"],
            is_output_node=True,
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node.", lazy=True),
                io.String.Input(
                    "name",
                    default="my-rooms",
                    tooltip="File name under datasets/interactive_action_rooms. If there is one already, a number is "
                    "added.",
                ),
            ],
            outputs=[sockets.Layouts.Output(display_name="rooms")],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "file of rooms")

    @classmethod
    def execute(cls, rooms: Sequence[Layout], name: str) -> io.NodeOutput:
        path = free_path(rooms_folder(), checked_name(name, "file of rooms"), SUFFIX)
        save_layouts(path, rooms)
        return io.NodeOutput(rooms, ui=ui.PreviewText(f"{len(rooms)} rooms written to {path}"))


class LoadRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadRooms",
            display_name="Load Rooms",
            category=CATEGORY,
            description="Read rooms that were saved here or written by interactive-action rooms.",
            search_aliases=["layout", "dataset"],
            inputs=[
                io.String.Input(
                    "name", default="my-rooms", tooltip="File name under datasets/interactive_action_rooms."
                )
            ],
            outputs=[sockets.Layouts.Output(display_name="rooms")],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "file of rooms")

    @classmethod
    def files_read(cls, name: str) -> list[pathlib.Path]:
        return [_rooms_path(name)]

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        path = _rooms_path(name)
        if not path.is_file():
            found = sorted(file.stem for file in rooms_folder().glob(f"*{SUFFIX}") if not file.name.startswith("."))
            raise InteractiveActionError(
                f"There are no rooms called {name!r}. Found: {', '.join(found) or 'none'}. They lie in "
                f"{rooms_folder()}."
            )
        rooms = load_layouts(path)
        return io.NodeOutput(tuple(rooms), ui=ui.PreviewText(contents(rooms)))


class ExportRooms(SavingNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionExportRooms",
            display_name="Export Rooms",
            category=CATEGORY,
            description="Write rooms for simulators and viewers, a folder each: walls, doors, and furniture whose "
            "doors and drawers open, with mass, collision and joints.",
            search_aliases=["GLB", "URDF", "MJCF", "USD", "Isaac", "MuJoCo", "SAPIEN", "SceneEval"],
            is_output_node=True,
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node.", lazy=True),
                io.String.Input(
                    "name",
                    default="my-rooms",
                    tooltip="Folder name in ComfyUI's output folder. If there is one already, a number is added.",
                ),
                io.Combo.Input(
                    "file_format",
                    options=[ALL, *exporters.FORMATS],
                    tooltip="GLB for viewers, URDF for SAPIEN and ROS, MJCF for MuJoCo, USD for Isaac and others, "
                    "SceneEval for its metrics.",
                ),
                furniture_input(),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="The path of the folder that was written.")],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "folder of rooms")

    @classmethod
    def execute(cls, rooms: Sequence[Layout], name: str, file_format: str, furniture: Any = None) -> io.NodeOutput:
        folder = free_path(folder_paths.get_output_directory(), checked_name(name, "folder of rooms"))
        kinds = tuple(exporters.FORMATS) if file_format == ALL else (file_format,)
        total = max(1, len(rooms) * len(kinds))
        progress = shown_progress(total)
        with new_folder(folder, "folder of rooms") as temporary:
            for number, layout in enumerate(rooms):

                def advance(done: int, _: int, before: int = number * len(kinds)) -> None:
                    progress(before + done, total, None)

                exporters.export_room(layout, temporary / f"{number:04}", kinds, maker_of(furniture), advance)
        return io.NodeOutput(str(folder), ui=ui.PreviewText(f"{len(rooms)} rooms written to {folder}"))


class ImportRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionImportRooms",
            display_name="Import Rooms",
            category=CATEGORY,
            description="Read rooms of 3D-FRONT, ATISS and DiffuScene (boxes.npz), ProcTHOR, SceneEval or ReSpace, and "
            "tell what was left out.",
            search_aliases=["3D-FRONT", "3D-FUTURE", "ATISS", "ProcTHOR", "dataset of rooms"],
            inputs=[
                io.String.Input(
                    "path",
                    default="house.json",
                    tooltip="A file in ComfyUI's input folder, or a folder there with boxes.npz.",
                ),
                io.Combo.Input(
                    "file_format", options=[AUTO, *importers.FORMATS], tooltip="auto goes by what the file holds."
                ),
                io.String.Input(
                    "table",
                    default="",
                    optional=True,
                    tooltip="What sizes and classes are read from, in ComfyUI's input folder: 3D-FUTURE's folder, "
                    "dataset_stats.txt, asset-database.json or models.json. Empty: what the file itself says.",
                ),
            ],
            outputs=[
                sockets.Layouts.Output(display_name="rooms"),
                io.String.Output(display_name="notes", tooltip="A sentence for whatever was left out or guessed."),
            ],
        )

    @classmethod
    def files_read(cls, path: str, table: str = "") -> list[pathlib.Path]:
        source, sizes = _input_path(path), _input_path(table) if table.strip() else None
        files = files_below(source) if source.is_dir() else [source]
        if sizes is not None:  # of 3D-FUTURE's gigabytes only the list of models
            files += [sizes / "model_info.json" if sizes.is_dir() else sizes]
        return files

    @classmethod
    def execute(cls, path: str, file_format: str, table: str = "") -> io.NodeOutput:
        source = _input_path(path)
        if not source.exists():
            raise InteractiveActionError(
                f"There is no {path.strip()!r} in ComfyUI's input folder. Put the file there, or correct its name."
            )
        found = importers.import_rooms(source, file_format, _input_path(table) if table.strip() else None)
        notes = "\n".join(found.notes)
        text = "\n".join(filter(None, [f"{len(found.layouts)} rooms.", contents(found.layouts), notes]))
        return io.NodeOutput(found.layouts, notes, ui=ui.PreviewText(text))


class RoomTo3D(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRoomTo3D",
            display_name="Room to 3-D File",
            category=CATEGORY,
            description="One room as GLB, for ComfyUI's own 3-D viewer or Save 3D Model.",
            search_aliases=["GLB", "preview 3d", "mesh", "viewer"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node."),
                index_input(),
                io.Float.Input(
                    "opened",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="How far doors and drawers of the furniture are open at least; 0: as the room has them.",
                ),
                io.Combo.Input(
                    "walls",
                    options=list(WALLS),
                    tooltip="From inside: walls are not seen from outside, so that one looks into the room from "
                    "anywhere. Solid: as they are. None: neither walls nor doors.",
                ),
                furniture_input(),
            ],
            outputs=[io.File3DGLB.Output(display_name="model_3d", tooltip="For Preview 3D or Save 3D Model.")],
        )

    @classmethod
    def execute(
        cls, rooms: Sequence[Layout], index: int, opened: float, walls: str, furniture: Any = None
    ) -> io.NodeOutput:
        layout = room_at(rooms, index)
        objects = tuple(dataclasses.replace(item, opened=max(opened, item.opened)) for item in layout.objects)
        layout = dataclasses.replace(layout, objects=objects)
        bodies = bodies_of(layout, maker_of(furniture), shell=walls != NO_WALLS)
        data = glb_bytes(bodies, layout, from_inside=walls == FROM_INSIDE)
        return io.NodeOutput(Types.File3D(streams.BytesIO(data), "glb"))


def furniture_input() -> io.Input:
    """Returns the socket for meshes that stand for furniture."""
    return sockets.Furniture.Input(
        "furniture", optional=True, tooltip="Meshes of yours, from Furnish Rooms. Without, the pack's own furniture."
    )


def maker_of(furniture: Any) -> Maker:
    """Returns what makes furniture: of a user's meshes, or the pack's own if there are none."""
    return asset_maker(furniture) if furniture else furnish


def rooms_folder() -> pathlib.Path:
    """Returns the folder that holds all files of rooms."""
    return pathlib.Path(folder_paths.get_folder_paths("datasets")[0]) / "interactive_action_rooms"


def _rooms_path(name: str) -> pathlib.Path:
    return rooms_folder() / f"{checked_name(name, 'file of rooms')}{SUFFIX}"


def _input_path(name: str) -> pathlib.Path:
    return path_inside(folder_paths.get_input_directory(), name.strip(), "file")


NODES = [SaveRooms, LoadRooms, ExportRooms, ImportRooms, RoomTo3D]
