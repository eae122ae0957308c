"""What is done to rooms that are there: repaired, and given meshes of yours."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import folder_paths
import torch
from comfy_api.latest import io, ui

from ..file_digests import files_below
from ..files import path_inside
from ..layouts.guidance.guide import GuidanceConfig
from ..layouts.settle import SETTLED, STEPS, settle
from ..sim.furnishings.assets import read_assets, with_assets
from ..sim.furniture import CATEGORIES
from ..sim.layout import Layout
from . import sockets
from .floor_plan import CATEGORY
from .node import Node
from .progress import shown_progress


class SettleRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSettleRooms",
            display_name="Settle Rooms",
            category=CATEGORY,
            description="Repair any rooms: move things as little as possible until nothing collides or stands in a "
            "wall, and tell how far they moved.",
            search_aliases=["repair", "collision", "resolve", "project"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node: sampled, imported or made by rules."),
                io.Float.Input(
                    "most_movement",
                    default=1.0,
                    min=0.01,
                    max=10.0,
                    step=0.05,
                    tooltip="Meters that nothing moves farther than.",
                ),
                sockets.RoomGuidance.Input(
                    "guidance",
                    optional=True,
                    tooltip="From Room Guidance: what is repaired, with its weights. Without: collisions, walls, doors "
                    "and windows; reachability costs more movement.",
                ),
            ],
            outputs=[
                sockets.Layouts.Output(display_name="rooms"),
                io.String.Output(display_name="report", tooltip="How far things moved, and what is still wrong."),
            ],
        )

    @classmethod
    def execute(
        cls, rooms: Sequence[Layout], most_movement: float, guidance: GuidanceConfig | None = None
    ) -> io.NodeOutput:
        with torch.inference_mode(False):  # it goes down gradients
            settled = settle(rooms, guidance or SETTLED, most_movement, STEPS, shown_progress(STEPS))
        lines = [
            f"{index}: things moved {100 * room.moved:.1f} cm on average and {100 * room.farthest:.0f} cm at most; "
            + (f"{room.remaining} still collide or stand in a wall." if room.remaining else "nothing is left to do.")
            for index, room in enumerate(settled)
        ]
        report = "\n".join(lines)
        return io.NodeOutput(tuple(room.layout for room in settled), report, ui=ui.PreviewText(report))


class FurnishRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionFurnishRooms",
            display_name="Furnish Rooms",
            category=CATEGORY,
            description="Let meshes of yours stand for furniture: of each thing's class the nearest in size is chosen. "
            "What has none near it stays the pack's own furniture.",
            search_aliases=["assets", "mesh", "retrieval", "GLB", "3D-FUTURE"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node."),
                io.String.Input(
                    "folder",
                    default="furniture",
                    tooltip="A folder in ComfyUI's input folder with a subfolder for each class, such as sofa/ or "
                    "dining table/, that holds .glb, .obj, .ply or .stl files.",
                ),
                io.Boolean.Input(
                    "keep_joints",
                    default=True,
                    tooltip="On: what has doors or drawers stays the pack's own furniture, whose doors open. Off: "
                    "meshes stand for it, too, and do not open.",
                ),
            ],
            outputs=[
                sockets.Layouts.Output(display_name="rooms", tooltip="The rooms; each thing names its mesh."),
                sockets.Furniture.Output(
                    display_name="furniture", tooltip="The meshes, for Room to 3-D File and Export Rooms."
                ),
            ],
        )

    @classmethod
    def files_read(cls, folder: str) -> list[pathlib.Path]:
        return files_below(_folder(folder))

    @classmethod
    def execute(cls, rooms: Sequence[Layout], folder: str, keep_joints: bool) -> io.NodeOutput:
        assets = tuple(
            asset for asset in read_assets(_folder(folder)) if not (keep_joints and CATEGORIES[asset.category].opens)
        )
        furnished = tuple(with_assets(layout, assets) for layout in rooms)
        things = [item for layout in furnished for item in layout.objects]
        text = f"{sum(bool(item.asset) for item in things)} of {len(things)} things are meshes of {folder.strip()}."
        return io.NodeOutput(furnished, assets, ui=ui.PreviewText(text))


def _folder(name: str) -> pathlib.Path:
    return path_inside(folder_paths.get_input_directory(), name.strip(), "folder of furniture")


NODES = [SettleRooms, FurnishRooms]
