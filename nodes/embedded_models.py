"""Makes the embedded models known to ComfyUI, so that its stock loader, encoder and sampler take them."""

from __future__ import annotations

import folder_paths

from ..miniature.weights import CHECKPOINT, EXAMPLE_TOKEN
from ..models import comfy_registration

FOLDER = CHECKPOINT.resolve().parent
EMBEDDINGS = EXAMPLE_TOKEN.resolve().parent

NODES: list[type] = []


def register() -> None:
    """Adds model classes and the folders of the shipped checkpoints and token to ComfyUI's; again changes nothing."""
    comfy_registration.register(CHECKPOINT)
    folder_paths.add_model_folder_path("checkpoints", str(FOLDER))
    folder_paths.add_model_folder_path("embeddings", str(EMBEDDINGS))  # last: a user's file of that name comes first
