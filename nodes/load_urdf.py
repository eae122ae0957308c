"""Robots and things of the user's own for the simulator."""

from __future__ import annotations

import pathlib
from typing import Any

import folder_paths
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..sim import urdf as urdf_module
from ..sim.custom_object import FRONTS, LARGEST, SMALLEST, CustomObject
from ..sim.custom_robot import FURTHEST, CustomRobot
from ..sim.robot_measurements import AXES
from . import sockets
from .interaction_scene import CATEGORY
from .node import Node

GROUNDS = ("table", "floor")


def _meters(name: str, tooltip: str) -> io.Input:
    return io.Float.Input(
        name, default=0.0, min=-FURTHEST, max=FURTHEST, step=0.01, optional=True, advanced=True, tooltip=tooltip
    )


class LoadRobot(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadRobot",
            display_name="Load Robot (URDF)",
            category=CATEGORY,
            description="A robot of your own from a URDF in ComfyUI's input folder. How its hand opens, where its "
            "fingertips end and how it stands at rest are measured.",
            search_aliases=["URDF", "robot", "gripper", "arm"],
            inputs=[
                io.String.Input(
                    "urdf",
                    default="robot/robot.urdf",
                    tooltip="A .urdf file in ComfyUI's input folder, or a folder there with one; its meshes lie beside "
                    "it.",
                ),
                io.String.Input(
                    "ee_link",
                    default="tool",
                    tooltip="The link that is led: the last of the arm, or one between the fingertips.",
                ),
                io.String.Input(
                    "gripper_links",
                    default="left_finger, right_finger",
                    tooltip="The links that close on things, with commas between. Empty: a stick, which can push, "
                    "touch and press.",
                ),
                io.Combo.Input(
                    "approach_axis",
                    options=list(AXES),
                    default="z",
                    tooltip="Which axis of the tool link points out of the hand.",
                ),
                io.String.Input("name", default="robot arm", tooltip="What captions call it."),
                io.Combo.Input(
                    "stands_on",
                    options=list(GROUNDS),
                    tooltip="On the floor it works in the plain and the living room.",
                ),
                _meters(
                    "base_offset",
                    "How far it stands nearer to the object than other robots do, in meters; objects stand about half "
                    "a meter away.",
                ),
                _meters("height", "How far its base is above the ground, in meters."),
                io.String.Input(
                    "rest_qpos",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Positions of the joints that lead to the tool, from the base on, in radians and meters, "
                    "with commas between. Empty: a posture with the hand above the objects is found.",
                ),
            ],
            outputs=[sockets.Robot.Output(display_name="robot")],
        )

    @classmethod
    def files_read(cls, urdf: str) -> list[pathlib.Path]:
        return urdf_module.files(folder_paths.get_input_directory(), urdf)

    @classmethod
    def execute(
        cls,
        urdf: str,
        ee_link: str,
        gripper_links: str,
        approach_axis: str,
        name: str,
        stands_on: str,
        base_offset: float = 0.0,
        height: float = 0.0,
        rest_qpos: str = "",
    ) -> io.NodeOutput:
        try:
            posture = tuple(float(word) for word in rest_qpos.split(",") if word.strip())
        except ValueError as error:
            raise InteractiveActionError(
                f"rest_qpos must be numbers with commas between, but is {rest_qpos!r}."
            ) from error
        robot = CustomRobot(
            folder_paths.get_input_directory(),
            urdf,
            ee_link.strip(),
            tuple(name.strip() for name in gripper_links.split(",") if name.strip()),
            approach_axis=approach_axis,
            caption_name=name.strip(),
            rest_qpos=posture,
            base_offset=base_offset,
            height=height,
            stands=stands_on == GROUNDS[1],
        )
        _, arm, closing = robot.parts()
        summary = f"{len(arm)} joints lead to {robot.ee_link}: {', '.join(arm)}. "
        summary += f"The hand closes with: {', '.join(sorted(closing))}." if closing else "It has no hand that closes."
        return io.NodeOutput(robot, ui=ui.PreviewText(summary))


class LoadArticulatedObject(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadArticulatedObject",
            display_name="Load Articulated Object (URDF)",
            category=CATEGORY,
            description="An object of your own that opens and closes, from a folder of PartNet-Mobility or another "
            "URDF in ComfyUI's input folder.",
            search_aliases=["URDF", "PartNet", "mobility", "door", "drawer", "articulated"],
            inputs=[
                io.String.Input(
                    "urdf",
                    default="cabinet",
                    tooltip="A .urdf file in ComfyUI's input folder, or a folder there with one, such as "
                    "PartNet-Mobility's.",
                ),
                io.String.Input("name", default="cabinet", tooltip="What captions call it."),
                io.Float.Input(
                    "size",
                    default=CustomObject.size,
                    min=SMALLEST,
                    max=LARGEST,
                    step=0.01,
                    optional=True,
                    tooltip="Its longest side in meters.",
                ),
                io.String.Input(
                    "joint",
                    default="",
                    optional=True,
                    tooltip="The joint that opens; the others keep still. Empty: the first that carries a handle.",
                ),
                io.String.Input(
                    "handle",
                    default=CustomObject.handle,
                    optional=True,
                    tooltip="What is in the name of the handle: of a <visual> of the part that moves, or of a link.",
                ),
                io.Combo.Input(
                    "front",
                    options=list(FRONTS),
                    optional=True,
                    advanced=True,
                    tooltip="To which side it opens; -x in PartNet-Mobility. z points upwards.",
                ),
            ],
            outputs=[sockets.ObjectSpec.Output(display_name="object")],
        )

    @classmethod
    def files_read(cls, urdf: str) -> list[pathlib.Path]:
        return urdf_module.files(folder_paths.get_input_directory(), urdf)

    @classmethod
    def execute(cls, urdf: str, name: str, **settings: Any) -> io.NodeOutput:
        thing = CustomObject(folder_paths.get_input_directory(), urdf, name.strip(), **settings)
        _, joint, handle = thing.parts()
        summary = f"{joint.get('name')} opens it by {', '.join(shape.get('name') or link for link, shape in handle)}."
        return io.NodeOutput(thing, ui=ui.PreviewText(summary))


NODES = [LoadRobot, LoadArticulatedObject]
