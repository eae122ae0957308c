"""Makes the embedded models known to ComfyUI, so that its stock loader, encoder and sampler take them."""

from __future__ import annotations

import pathlib

import folder_paths

from ..miniature.weights import CHECKPOINT, EXAMPLE_TOKEN, LAYOUT_MODEL
from ..models import comfy_registration

FOLDER = CHECKPOINT.resolve().parent
EMBEDDINGS = EXAMPLE_TOKEN.resolve().parent
LAYOUTS = "layouts"  # the folder of layout models below models
folder_paths.add_model_folder_path(LAYOUTS, str(pathlib.Path(folder_paths.models_dir, LAYOUTS)))

NODES: list[type] = []


def register() -> None:
    """Adds model classes and the folders of the shipped models and token to ComfyUI's; again changes nothing."""
    comfy_registration.register(CHECKPOINT)
    folder_paths.add_model_folder_path("checkpoints", str(FOLDER))
    folder_paths.add_model_folder_path("embeddings", str(EMBEDDINGS))  # last: a user's file of that name comes first
    folder_paths.add_model_folder_path(LAYOUTS, str(LAYOUT_MODEL.parent.resolve()))
