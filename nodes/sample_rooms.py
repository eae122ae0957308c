"""Rooms by rules, and rooms by a layout model with guidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..layouts.grammar.procedural import SPLITS, furnished_rooms, procedural_rooms
from ..layouts.guidance.guide import GuidanceConfig
from ..layouts.representation import SLOTS
from ..layouts.sampling import Wishes, sample_rooms
from ..sim.furniture import CATEGORIES, ROOM_TYPES
from ..sim.layout import FloorPlan, Layout, LayoutObject
from . import sockets
from .config_inputs import inputs_of
from .floor_plan import CATEGORY
from .node import Node
from .progress import shown_progress

ALL = "all types"
AT_ONCE = 64  # rooms of one batch
AS_IT_LIKES = -1.0


def seed_input() -> io.Input:
    """Returns the input for the seed of rooms."""
    fixed = io.ControlAfterGenerate.fixed
    tooltip = "The same seed and settings give the same rooms."
    return io.Int.Input("seed", default=0, min=0, max=2**31 - 1, control_after_generate=fixed, tooltip=tooltip)


def names_of(text: str) -> tuple[str, ...]:
    """Returns names with commas or line feeds between."""
    return tuple(name.strip() for name in text.replace("\n", ",").split(",") if name.strip())


class MakeProceduralRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionMakeProceduralRooms",
            display_name="Make Procedural Rooms",
            category=CATEGORY,
            description="Furnished rooms by rules, without a model: in floor plans of their own, or in yours. To train "
            "on, to compare with, or to use as they are.",
            search_aliases=["grammar", "ProcTHOR", "dataset of rooms", "furniture"],
            inputs=[
                io.Combo.Input("room_type", options=[ALL, *ROOM_TYPES], tooltip="What the rooms are for."),
                io.Int.Input("num_rooms", default=8, min=1, max=100_000, tooltip="How many rooms."),
                io.Float.Input(
                    "sloppy_share",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Share of the rooms in which things stand crooked, too close or in the way, as in real "
                    "data; the others are tidy.",
                ),
                seed_input(),
                sockets.FloorPlan.Input(
                    "floor_plan",
                    optional=True,
                    tooltip="Furnish this floor plan; its own room type counts. Without one, each room has its own.",
                ),
                io.Combo.Input(
                    "split",
                    options=list(SPLITS),
                    optional=True,
                    tooltip="Rooms to train on, or held-out ones: floor plans, combinations of furniture and a shape "
                    "that the others never have. Not with a floor plan of yours.",
                    advanced=True,
                ),
            ],
            outputs=[sockets.Layouts.Output(display_name="rooms")],
        )

    @classmethod
    def execute(
        cls,
        room_type: str,
        num_rooms: int,
        sloppy_share: float,
        seed: int,
        floor_plan: FloorPlan | None = None,
        split: str = SPLITS[0],
    ) -> io.NodeOutput:
        progress = shown_progress(num_rooms)
        if floor_plan is not None:
            rooms = furnished_rooms(floor_plan, num_rooms, seed, sloppy_share, progress)
        else:
            types = ROOM_TYPES if room_type == ALL else (room_type,)
            rooms = procedural_rooms(num_rooms, types, seed, split, sloppy_share, progress)
        return io.NodeOutput(tuple(rooms), ui=ui.PreviewText(contents(rooms)))


class RoomGuidance(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRoomGuidance",
            display_name="Room Guidance",
            category=CATEGORY,
            description="How physics guides rooms while they are sampled: nothing collides or stands in a wall, doors "
            "stay free, a robot reaches everything. A weight of 0 leaves its part out.",
            search_aliases=["PhyScene", "collision", "reachability", "physics"],
            inputs=inputs_of(GuidanceConfig),
            outputs=[sockets.RoomGuidance.Output(display_name="guidance")],
        )

    @classmethod
    def execute(cls, **settings: Any) -> io.NodeOutput:
        return io.NodeOutput(GuidanceConfig(**settings))


class SampleRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSampleRooms",
            display_name="Sample Rooms",
            category=CATEGORY,
            description="Furnish a floor plan with a layout model, several times; with guidance, so that physics "
            "allows it.",
            search_aliases=["generate room", "furniture", "diffusion", "PhyScene", "layout"],
            inputs=[
                sockets.LayoutModel.Input("layout_model", tooltip="From Layout Model Loader."),
                sockets.FloorPlan.Input("floor_plan", tooltip="From Floor Plan, Floor Plan from Mask or Select Room."),
                io.Int.Input("num_rooms", default=4, min=1, max=AT_ONCE, tooltip="How many rooms."),
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip="Denoising steps."),
                seed_input(),
                *_wish_inputs(),
                sockets.RoomGuidance.Input(
                    "guidance", optional=True, tooltip="From Room Guidance. Without, as the model samples them."
                ),
                *_keep_inputs(),
            ],
            outputs=[sockets.Layouts.Output(display_name="rooms")],
        )

    @classmethod
    def check_inputs(cls, want: str, avoid: str, count: int, tidiness: float, keep_classes: str = "") -> None:
        _wishes(want, avoid, count, tidiness)
        _check_classes(keep_classes)

    @classmethod
    def execute(
        cls,
        layout_model: Any,
        floor_plan: FloorPlan,
        num_rooms: int,
        steps: int,
        seed: int,
        want: str,
        avoid: str,
        count: int,
        tidiness: float,
        guidance: GuidanceConfig | None = None,
        keep: Sequence[Layout] | None = None,
        keep_classes: str = "",
    ) -> io.NodeOutput:
        wishes = _wishes(want, avoid, count, tidiness, _kept(keep, keep_classes))
        progress = shown_progress(steps)
        with torch.inference_mode(False):  # guidance needs gradients
            rooms = sample_rooms(layout_model, [floor_plan] * num_rooms, seed, steps, wishes, guidance, progress)
        return io.NodeOutput(tuple(rooms), ui=ui.PreviewText(contents(rooms)))


def contents(rooms: Sequence[Layout]) -> str:
    """Returns a line for each of the first rooms: its type and what is in it."""
    lines = [
        f"{index}: {room.floor_plan.room_type}, {', '.join(item.category for item in room.objects) or 'empty'}"
        for index, room in enumerate(rooms[:20])
    ]
    return "\n".join([*lines, f"... {len(rooms)} rooms in all"] if len(rooms) > 20 else lines)


def _wish_inputs() -> list[io.Input]:
    names = ", ".join(CATEGORIES)
    return [
        io.String.Input(
            "want", default="", tooltip=f"Classes that shall be there, one thing each, with commas between: {names}."
        ),
        io.String.Input("avoid", default="", tooltip="Classes that shall not be there, with commas between."),
        io.Int.Input(
            "count", default=0, min=0, max=SLOTS, tooltip="How many things in a room. 0: as many as the model likes."
        ),
        io.Float.Input(
            "tidiness",
            default=1.0,
            min=AS_IT_LIKES,
            max=1.0,
            step=0.05,
            tooltip="From 0, sloppy, to 1, tidy, as the rooms that the model learned from. -1: as it likes.",
        ),
    ]


def _keep_inputs() -> list[io.Input]:
    return [
        sockets.Layouts.Input(
            "keep",
            optional=True,
            tooltip="What stands in the first of these rooms stays exactly where it is, and the rest is arranged "
            "around it; from Select Room, with its floor plan.",
        ),
        io.String.Input(
            "keep_classes",
            default="",
            optional=True,
            tooltip="Only things of these classes are kept, with commas between. Empty: all.",
            advanced=True,
        ),
    ]


def _wishes(want: str, avoid: str, count: int, tidiness: float, kept: tuple[LayoutObject, ...] = ()) -> Wishes:
    told = None if tidiness == AS_IT_LIKES else tidiness
    return Wishes(kept, names_of(want), names_of(avoid), count or None, told)


def _kept(rooms: Sequence[Layout] | None, classes: str) -> tuple[LayoutObject, ...]:
    """The things of the first room that stay."""
    if not rooms:
        return ()
    chosen = names_of(classes) or tuple(CATEGORIES)
    return tuple(item for item in rooms[0].objects if item.category in chosen)


def _check_classes(classes: str) -> None:
    unknown = [name for name in names_of(classes) if name not in CATEGORIES]
    if unknown:
        raise InteractiveActionError(
            f"There is no class of furniture {unknown[0]!r}. Choose some of: {', '.join(CATEGORIES)}."
        )


NODES = [MakeProceduralRooms, RoomGuidance, SampleRooms]
