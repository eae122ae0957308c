"""A furnished room as a scene for the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..sim.actions import ACTIONS
from ..sim.furniture import CATEGORIES
from ..sim.layout import Layout
from ..sim.robots import ROBOTS
from ..sim.scene import OBJECT_COLORS, OFFERED, RANDOM, Scene
from ..sim.stations import FLOOR, SURFACES
from . import sockets
from .floor_plan import CATEGORY, index_input, room_at
from .node import Node

ANYTHING, ON_FLOOR = "whatever fits", "floor"
ITEMS = (ANYTHING, ON_FLOOR, *(name for name, kind in CATEGORIES.items() if kind.opens or name in SURFACES))


def _item_inputs() -> list[io.Input]:
    """Which thing exactly, and what is put on it."""
    return [
        io.Int.Input(
            "which",
            default=1,
            min=1,
            max=100,
            optional=True,
            tooltip="Which of several: 1 is the first counter of the room, 2 the second.",
        ),
        io.String.Input(
            "part",
            default="",
            optional=True,
            advanced=True,
            tooltip="Name of the door or drawer, such as door_1 or drawer_2. Empty: one that the robot opens wide.",
        ),
        io.Combo.Input(
            "object",
            options=list(OFFERED),
            optional=True,
            tooltip="What is put on the surface and acted on. An action is offered for some of these only.",
        ),
        io.Combo.Input(
            "object_color",
            options=[RANDOM, *OBJECT_COLORS],
            optional=True,
            tooltip="The object's color; random samples one for each episode.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**63 - 1,
            control_after_generate=True,
            optional=True,
            tooltip="Decides everything random: where the robot stands, the object, light, motion and cameras.",
        ),
    ]


class RoomToScene(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRoomToScene",
            display_name="Room to Scene",
            category=CATEGORY,
            description="One action of one robot in a furnished room: on a thing on a table, or on a door or drawer.",
            search_aliases=["layout", "simulation", "record", "robot", "open"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node."),
                index_input(),
                io.Combo.Input(
                    "robot",
                    options=list(ROBOTS),
                    tooltip="Who acts. An arm that does not stand on the floor stands on a column.",
                ),
                io.Combo.Input(
                    "action",
                    options=list(ACTIONS),
                    tooltip="What it does. Open and close are done with doors and drawers of furniture, all others "
                    "with an object on a surface.",
                ),
                io.Combo.Input(
                    "item",
                    options=list(ITEMS),
                    tooltip="What is opened or closed, or what the object stands on.",
                ),
                *_item_inputs(),
                sockets.Robot.Input(
                    "custom_robot",
                    optional=True,
                    tooltip="A robot of your own instead of the one above, from Load Robot (URDF).",
                ),
            ],
            outputs=[sockets.Scene.Output(display_name="scene")],
        )

    @classmethod
    def execute(cls, rooms: Sequence[Layout], index: int, item: str, which: int = 1, **settings: Any) -> io.NodeOutput:
        layout = room_at(rooms, index)
        scene = Scene(**settings, layout=layout, item=number_of(layout, item, which))
        objects = ", ".join(one.category for one in layout.objects)
        return io.NodeOutput(scene, ui=ui.PreviewText(f"{layout.floor_plan.room_type}: {objects}"))


def number_of(layout: Layout, item: str, which: int = 1) -> int:
    """Returns the number of an object of a layout, as ``Scene.item`` has it.

    Args:
        layout: the room.
        item: one of ``ITEMS``.
        which: of several of a class, from 1.

    Raises:
        InteractiveActionError: there is none.
    """
    if item in (ANYTHING, ON_FLOOR):
        return -1 if item == ANYTHING else FLOOR
    numbers = [number for number, one in enumerate(layout.objects) if one.category == item]
    if which > len(numbers):
        found = ", ".join(dict.fromkeys(one.category for one in layout.objects if one.category in ITEMS))
        raise InteractiveActionError(
            f"The room has {len(numbers) or 'no'} {item}{'s' * (len(numbers) > 1)}, and number {which} was asked for. "
            f"Choose one of: {found or 'the floor'}."
        )
    return numbers[which - 1]


NODES = [RoomToScene]
