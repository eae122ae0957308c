"""Floor plans: typed or drawn, and one room of many with its floor plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..layouts.drawing import draw_floor_plan
from ..layouts.floor_plan_mask import floor_plan_from_mask
from ..layouts.floor_plans import SHAPES, parse_corners, parse_openings, shape
from ..sim.furniture import ROOM_TYPES
from ..sim.layout import HIGHEST, LOWEST, FloorPlan, Layout
from . import sockets
from .node import Node
from .room_images import image_batch, square

CATEGORY = "Interactive Action/rooms"
TYPED = "typed corners"
SIDE = 512  # pixels of a plan


def opening_input(default: str) -> io.Input:
    """Returns the text that says where doors and windows are."""
    return io.String.Input(
        "openings",
        default=default,
        multiline=True,
        tooltip="Doors, windows and passages, one a line: its kind, the number of its wall, meters from the wall's "
        "first corner, and its width, such as: door 0 0.5 0.9. The plan shows the numbers of the walls.",
    )


def room_inputs() -> list[io.Input]:
    """Returns the inputs for what kind of room it is, and how high."""
    return [
        io.Combo.Input("room_type", options=list(ROOM_TYPES), tooltip="What the room is for."),
        io.Float.Input(
            "height",
            default=FloorPlan.height,
            min=LOWEST,
            max=HIGHEST,
            step=0.05,
            optional=True,
            tooltip="Meters from floor to ceiling.",
            advanced=True,
        ),
    ]


def plan_outputs() -> list[io.Output]:
    """Returns the outputs of a floor plan."""
    return [
        sockets.FloorPlan.Output(display_name="floor_plan"),
        io.Image.Output(display_name="plan", tooltip="Each wall with its number and length."),
    ]


class TypedFloorPlan(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        meters = {"min": 0.5, "max": 100.0, "step": 0.05}
        return io.Schema(
            node_id="InteractiveActionFloorPlan",
            display_name="Floor Plan",
            category=CATEGORY,
            description="The walls, doors and windows of a room, from typed corners or a usual shape.",
            search_aliases=["room", "walls", "polygon", "layout"],
            inputs=[
                io.Combo.Input(
                    "shape", options=[TYPED, *SHAPES], tooltip="Typed corners, or a usual shape of width and depth."
                ),
                io.String.Input(
                    "corners",
                    default="0,0; 4,0; 4,3; 0,3",
                    tooltip="x,y of each corner in meters, in the order in which one walks along the walls, with "
                    "semicolons between. For typed corners alone.",
                ),
                io.Float.Input("width", default=4.0, tooltip="Meters from left to right, of a usual shape.", **meters),
                io.Float.Input("depth", default=3.0, tooltip="Meters from front to back, of a usual shape.", **meters),
                opening_input("door 0 0.5 0.9\nwindow 2 1.2 1.4"),
                *room_inputs(),
            ],
            outputs=plan_outputs(),
        )

    @classmethod
    def check_inputs(
        cls,
        shape: str,
        corners: str,
        width: float,
        depth: float,
        openings: str,
        room_type: str,
        height: float = FloorPlan.height,
    ) -> None:
        _typed_plan(shape, corners, width, depth, openings, room_type, height)

    @classmethod
    def execute(
        cls,
        shape: str,
        corners: str,
        width: float,
        depth: float,
        openings: str,
        room_type: str,
        height: float = FloorPlan.height,
    ) -> io.NodeOutput:
        return _plan_output(cls, _typed_plan(shape, corners, width, depth, openings, room_type, height))


class DrawnFloorPlan(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionFloorPlanFromMask",
            display_name="Floor Plan from Mask",
            category=CATEGORY,
            description="The floor plan that is painted in a mask, such as one of the mask editor: few corners, "
            "straight walls.",
            search_aliases=["draw room", "mask editor", "walls", "polygon"],
            inputs=[
                io.Mask.Input("mask", tooltip="White where there is floor. Of several masks the first counts."),
                io.Float.Input(
                    "width",
                    default=5.0,
                    min=0.5,
                    max=100.0,
                    step=0.1,
                    tooltip="Width of the painted floor in meters, from its leftmost to its rightmost point.",
                ),
                opening_input("door 0 0.5 0.9"),
                *room_inputs(),
                io.Mask.Input(
                    "doors",
                    optional=True,
                    tooltip="White where doors are, painted on the edge of the floor on an image of its size.",
                ),
                io.Mask.Input("windows", optional=True, tooltip="White where windows are, as for doors."),
                io.Float.Input(
                    "simplify",
                    default=0.1,
                    min=0.0,
                    max=5.0,
                    step=0.01,
                    optional=True,
                    tooltip="Meters by which walls may leave the painted line; what is drawn freehand needs more.",
                    advanced=True,
                ),
            ],
            outputs=plan_outputs(),
        )

    @classmethod
    def check_inputs(cls, openings: str) -> None:
        parse_openings(openings)

    @classmethod
    def execute(
        cls,
        mask: torch.Tensor,
        width: float,
        openings: str,
        room_type: str,
        height: float = FloorPlan.height,
        doors: torch.Tensor | None = None,
        windows: torch.Tensor | None = None,
        simplify: float = 0.1,
    ) -> io.NodeOutput:
        floor = mask[0].cpu().numpy()
        painted = {
            kind: drawn[0].cpu().numpy() for kind, drawn in (("door", doors), ("window", windows)) if drawn is not None
        }
        plan = floor_plan_from_mask(floor, width, simplify, room_type, height, painted)
        plan = dataclasses.replace(plan, openings=(*plan.openings, *parse_openings(openings)))
        return _plan_output(cls, plan)


class SelectRoom(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSelectRoom",
            display_name="Select Room",
            category=CATEGORY,
            description="One room of many, and its floor plan without furniture.",
            search_aliases=["pick", "index", "floor plan of a room"],
            inputs=[sockets.Layouts.Input("rooms", tooltip="Rooms of any node."), index_input()],
            outputs=[sockets.Layouts.Output(display_name="rooms"), *plan_outputs()],
        )

    @classmethod
    def execute(cls, rooms: Sequence[Layout], index: int) -> io.NodeOutput:
        layout = room_at(rooms, index)
        image = _image(layout.floor_plan)
        text = ui.PreviewText(f"{layout.floor_plan.room_type}, {', '.join(item.category for item in layout.objects)}")
        return io.NodeOutput((layout,), layout.floor_plan, image, ui=text)


def index_input() -> io.Input:
    """Returns the input that says which room is meant."""
    return io.Int.Input("index", default=0, min=0, max=1_000_000, tooltip="Number of the room, from 0.")


def room_at(rooms: Sequence[Layout], index: int) -> Layout:
    """Returns one of several rooms.

    Raises:
        InteractiveActionError: there is none of this number.
    """
    if not 0 <= index < len(rooms):
        last = f"the last has the number {len(rooms) - 1}" if rooms else "there is none"
        raise InteractiveActionError(f"There is no room {index}: {last}. Choose another index.")
    return rooms[index]


def _typed_plan(
    kind: str, corners: str, width: float, depth: float, openings: str, room_type: str, height: float
) -> FloorPlan:
    points = parse_corners(corners) if kind == TYPED else shape(kind, width, depth)
    return FloorPlan(points, parse_openings(openings), height, room_type)


def _image(plan: FloorPlan) -> torch.Tensor:
    return image_batch([square(draw_floor_plan(plan, SIDE), SIDE)])


def _plan_output(cls: type[Node], plan: FloorPlan) -> io.NodeOutput:
    image = _image(plan)
    return io.NodeOutput(plan, image, ui=ui.PreviewImage(image, cls=cls))


NODES = [TypedFloorPlan, DrawnFloorPlan, SelectRoom]
