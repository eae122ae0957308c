"""What is right and wrong with rooms: numbers, words and plans."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..layouts.metrics import RoomMetrics
from ..layouts.relations import check_relations
from ..layouts.scores import measure_rooms, summarize, table
from ..layouts.walkable import Body
from ..sim.layout import Layout
from . import sockets
from .floor_plan import CATEGORY
from .node import Node
from .progress import shown_progress
from .room_images import body_inputs, boxes, masks, plans, size_input


class ScoreRooms(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionScoreRooms",
            display_name="Score Rooms",
            category=CATEGORY,
            description="How many things collide, stand in a wall or are out of a robot's reach, and which stand as "
            "people place them, with 95 % intervals; and plans of the worst rooms.",
            search_aliases=["collision", "reachability", "metrics", "PhyScene", "walkable"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node."),
                io.Int.Input("num_plans", default=4, min=1, max=64, tooltip="How many of the worst rooms are drawn."),
                sockets.Layouts.Input(
                    "reference",
                    optional=True,
                    tooltip="Rooms as they should be, for ckl: how unlike the classes of furniture are. Without, no "
                    "ckl.",
                ),
                *body_inputs(),
                size_input(),
            ],
            outputs=[
                io.String.Output(display_name="table", tooltip="Each score with its mean, interval and rooms."),
                io.Image.Output(
                    display_name="worst",
                    tooltip="Plans of the worst rooms; what is wrong is hatched or has a red edge.",
                ),
                io.String.Output(
                    display_name="report", tooltip="JSON with all scores and, for each room, numbers and sentences."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        rooms: Sequence[Layout],
        num_plans: int,
        reference: Sequence[Layout] | None = None,
        radius: float = Body.radius,
        height: float = Body.height,
        size: int = 512,
    ) -> io.NodeOutput:
        body = Body(radius, height)
        metrics = measure_rooms(rooms, body, shown_progress(max(1, len(rooms))))
        report: dict[str, Any] = summarize(rooms, metrics, reference or (), body)
        lines = table(report)
        report["rooms"] = [_about(layout, measured) for layout, measured in zip(rooms, metrics)]
        worst = sorted(range(len(rooms)), key=lambda index: _violation(metrics[index]), reverse=True)[:num_plans]
        image = plans([rooms[index] for index in worst], size, body)
        parts = {**ui.PreviewImage(image, cls=cls).as_dict(), **ui.PreviewText(lines).as_dict()}
        return io.NodeOutput(lines, image, json.dumps(report, indent=1), ui=parts)


class RoomPicture(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRoomPicture",
            display_name="Room Picture",
            category=CATEGORY,
            description="The plan of each room: furniture with its front, doors with their swing, where a robot can "
            "walk, and what is wrong.",
            search_aliases=["floor plan", "top view", "draw room", "segmentation"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms of any node."),
                io.Boolean.Input("labels", default=True, tooltip="Whether things bear their names."),
                io.Boolean.Input(
                    "problems",
                    default=True,
                    tooltip="Green floor is reached from a door, yellow is not; what collides or stands in a wall is "
                    "hatched, and what is not reached has a red edge. Off: furniture alone.",
                ),
                *body_inputs(),
                size_input(),
            ],
            outputs=[
                io.Image.Output(display_name="plans", tooltip="One image a room."),
                io.Mask.Output(
                    display_name="masks",
                    tooltip="One a thing of the first room, in its order; put Select Room before for another.",
                ),
                io.BoundingBox.Output(display_name="boxes", tooltip="One list a room, with classes as labels."),
            ],
        )

    @classmethod
    def execute(
        cls,
        rooms: Sequence[Layout],
        labels: bool,
        problems: bool,
        radius: float = Body.radius,
        height: float = Body.height,
        size: int = 512,
    ) -> io.NodeOutput:
        if not rooms:
            raise InteractiveActionError("There are no rooms to draw. Give at least one.")
        image = plans(rooms, size, Body(radius, height), labels, problems, shown_progress(len(rooms)))
        found = [boxes(layout, size) for layout in rooms]
        return io.NodeOutput(image, masks(rooms[0], size), found, ui=ui.PreviewImage(image, cls=cls))


def _violation(metrics: RoomMetrics) -> tuple[float, float]:
    """By how much a room is wrong: what is shared or outside, then what is not reached; larger is worse."""
    return metrics.overlap_volume + metrics.out_area, -metrics.from_door


def _about(layout: Layout, metrics: RoomMetrics) -> dict[str, Any]:
    """The numbers of one room, and a sentence for each thing that does not stand as it should."""
    wrong = [relation.sentence for relation in check_relations(layout) if not relation.holds]
    return {**dataclasses.asdict(metrics), "not as they should": wrong}


NODES = [ScoreRooms, RoomPicture]
