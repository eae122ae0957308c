"""Layout models: loaded, or trained on rooms."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import comfy.model_management
import folder_paths
import torch
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, free_path
from ..layouts.model_file import LayoutModel
from ..layouts.training import LayoutTrainingConfig, train_layouts
from ..sim.layout import Layout
from . import sockets
from .config_inputs import inputs_of
from .embedded_models import LAYOUTS
from .floor_plan import CATEGORY
from .node import Node, SavingNode
from .train_token import training_outputs
from .training_session import curves_image, training_progress

SUFFIX = ".safetensors"
SHOWN = ("steps", "batch_size", "learning_rate", "seed")  # of the hyperparameters; the others are folded away


class LayoutModelLoader(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = [name for name in folder_paths.get_filename_list(LAYOUTS) if name.endswith(SUFFIX)]
        return io.Schema(
            node_id="InteractiveActionLayoutModelLoader",
            display_name="Layout Model Loader",
            category=CATEGORY,
            description="A model that furnishes rooms: the pack's own small one, or one that was trained here.",
            search_aliases=["room", "furniture", "diffusion", "PhyScene"],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=names,
                    tooltip="A file of models/layouts; interactive-action-rooms.safetensors comes with the pack.",
                )
            ],
            outputs=[sockets.LayoutModel.Output(display_name="layout_model")],
        )

    @classmethod
    def files_read(cls, model_name: str) -> list[pathlib.Path]:
        return [_model_path(model_name)]

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        with torch.inference_mode(False):  # guidance needs gradients of what is computed with its weights
            model = LayoutModel.load(_model_path(model_name))
        rooms = f", trained on {model.about['rooms']} rooms" if "rooms" in model.about else ""
        return io.NodeOutput(model, ui=ui.PreviewText(f"{model_name}: predicts {model.prediction}{rooms}."))


class TrainLayoutModel(SavingNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionTrainLayoutModel",
            display_name="Train Layout Model",
            category=CATEGORY,
            description="Train a model that furnishes rooms on rooms of yours, such as imported ones. Queue the same "
            "graph again after a crash or Cancel and training goes on from there.",
            search_aliases=["room", "diffusion", "PhyScene", "3D-FRONT"],
            inputs=[
                sockets.Layouts.Input("rooms", tooltip="Rooms to learn from; thousands are usual.", lazy=True),
                io.String.Input(
                    "name",
                    default="my-rooms",
                    tooltip="File name in models/layouts. If there is one already, a number is added.",
                ),
                *inputs_of(LayoutTrainingConfig, shown=SHOWN),
            ],
            outputs=[sockets.LayoutModel.Output(display_name="layout_model"), *training_outputs()],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "layout model")

    @classmethod
    def execute(cls, rooms: Sequence[Layout], name: str, **settings: Any) -> io.NodeOutput:
        config = LayoutTrainingConfig(**settings)
        path = free_path(folder_paths.get_folder_paths(LAYOUTS)[0], checked_name(name, "layout model"), SUFFIX)
        show = training_progress(config.steps)
        losses: dict[str, list[float]] = {}

        def progress(done: int, total: int, preview: Any) -> None:
            losses.update(preview.state.losses)
            show(done, total, preview)

        with torch.inference_mode(False):
            device = str(comfy.model_management.get_torch_device())
            model = train_layouts(rooms, path, config, device, progress)
        text = f"Learned from {len(rooms)} rooms; the last loss is {model.about['loss']}. Written to {path}."
        return io.NodeOutput(
            model, {"loss": losses["total"]}, curves_image(losses, config.steps), ui=ui.PreviewText(text)
        )


def _model_path(name: str) -> pathlib.Path:
    path = folder_paths.get_full_path(LAYOUTS, name)
    if path is None:
        found = ", ".join(folder_paths.get_filename_list(LAYOUTS)) or "none"
        raise InteractiveActionError(
            f"There is no layout model {name!r} in models/{LAYOUTS}. Found: {found}. Train one with Train Layout "
            "Model; press R in the web page to read the list anew."
        )
    return pathlib.Path(path)


NODES = [LayoutModelLoader, TrainLayoutModel]
