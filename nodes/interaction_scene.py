"""Describe a scene for the simulator."""

from __future__ import annotations

import pathlib
from typing import Any

import folder_paths
from comfy_api.latest import io

from ..files import path_inside
from ..sim.actions import ACTIONS
from ..sim.interiors import ROOMS
from ..sim.meshes import LARGEST, SMALLEST, UPS, files
from ..sim.robots import ROBOTS
from ..sim.scene import OBJECT_COLORS, OFFERED, PLACE_COLORS, RANDOM, WIDEST_JITTER, Scene
from . import sockets
from .node import Node

CATEGORY = "Interactive Action/sim"
DEFAULTS = Scene()


def _action_inputs() -> list[io.Input]:
    """Who does what to what."""
    return [
        io.Combo.Input("robot", options=list(ROBOTS), tooltip="Who acts."),
        io.Combo.Input(
            "action",
            options=list(ACTIONS),
            tooltip="What it does. Whether it succeeded is read from the physics.",
        ),
        io.Combo.Input(
            "object",
            options=list(OFFERED),
            tooltip="What is acted on. An action is offered for some of these only and says for which.",
        ),
    ]


def _color_inputs() -> list[io.Input]:
    """What it looks like."""
    return [
        io.Combo.Input(
            "object_color",
            options=[RANDOM, *OBJECT_COLORS],
            tooltip="The object's color; random samples red, green, blue or yellow for each episode.",
        ),
        io.Combo.Input(
            "ground",
            options=[RANDOM, *PLACE_COLORS],
            tooltip="The ground's color; random samples one for each episode.",
        ),
        io.Combo.Input(
            "background",
            options=[RANDOM, *PLACE_COLORS],
            tooltip="The color behind the ground; random samples one for each episode.",
        ),
    ]


def _sampling_inputs() -> list[io.Input]:
    """What differs from episode to episode."""
    return [
        io.Float.Input(
            "size_jitter",
            default=DEFAULTS.size_jitter,
            min=0.0,
            max=WIDEST_JITTER,
            step=0.01,
            tooltip="The largest relative change of the object's size from episode to episode.",
            advanced=True,
        ),
        io.Int.Input(
            "seed",
            default=DEFAULTS.seed,
            min=0,
            max=2**63 - 1,
            control_after_generate=True,
            tooltip="Decides everything random: places, sizes, colors, light, motion and cameras. The "
            "same seed gives the same images.",
        ),
        io.Combo.Input(
            "room",
            options=list(ROOMS),
            default="plain",
            optional=True,
            tooltip="Where it happens. All but the plain one are furnished anew for each episode: paint, wood, "
            "furniture.",
        ),
        io.Int.Input(
            "action_seed",
            default=DEFAULTS.action_seed,
            min=-1,
            max=2**63 - 1,
            optional=True,
            advanced=True,
            tooltip="Decides the motion apart from everything else: keep the seed and change this for another "
            "motion in the same place. -1 takes the seed.",
        ),
    ]


def _user_inputs() -> list[io.Input]:
    """What users bring."""
    return [
        io.String.Input(
            "mesh",
            default="",
            optional=True,
            tooltip="A mesh of your own instead of the object: a .glb, .obj, .ply or .stl file in ComfyUI's "
            "input folder, named after what it is, such as teapot.glb. Empty: the object above.",
        ),
        io.Float.Input(
            "mesh_size",
            default=DEFAULTS.mesh_size,
            min=SMALLEST,
            max=LARGEST,
            step=0.005,
            optional=True,
            advanced=True,
            tooltip="Longest side of your mesh in meters. The hand opens 8 cm.",
        ),
        io.Combo.Input(
            "mesh_up",
            options=list(UPS),
            optional=True,
            advanced=True,
            tooltip="Which axis of your mesh points upwards. auto goes by the format: y in .glb, .gltf and "
            ".obj, z in .stl and .ply. Blender writes .obj with y upwards; choose z for one from CAD.",
        ),
        sockets.Robot.Input(
            "custom_robot",
            optional=True,
            tooltip="A robot of your own instead of the one above, from Load Robot (URDF).",
        ),
        sockets.ObjectSpec.Input(
            "custom_object",
            optional=True,
            tooltip="An object of your own, to open or close, from Load Articulated Object (URDF).",
        ),
    ]


class InteractionScene(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionScene",
            display_name="Interaction Scene",
            category=CATEGORY,
            description="One action of one robot on one object, for the physics simulator.",
            search_aliases=["robot", "simulation", "SAPIEN", "ManiSkill", "Panda"],
            inputs=[
                *_action_inputs(),
                *_color_inputs(),
                *_sampling_inputs(),
                *_user_inputs(),
            ],
            outputs=[sockets.Scene.Output(display_name="scene")],
        )

    @classmethod
    def files_read(cls, mesh: str = "") -> list[pathlib.Path]:
        path = _in_input_folder(mesh.strip())
        return files(path) if path else []

    @classmethod
    def execute(cls, mesh: str = "", **settings: Any) -> io.NodeOutput:
        return io.NodeOutput(Scene(**settings, mesh=_in_input_folder(mesh.strip())))


def _in_input_folder(name: str) -> str:
    """The whole path of a mesh in ComfyUI's input folder, as are the files that it names; empty for no name."""
    if not name:
        return ""
    folder = folder_paths.get_input_directory()
    path = path_inside(folder, name, "mesh")
    for file in files(path):
        path_inside(folder, file, f"file that {path.name} names,")
    return str(path)
