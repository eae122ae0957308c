"""Makes the embedded models known to ComfyUI, so that its stock loader, encoder and sampler take them."""

from __future__ import annotations

import folder_paths

from ..miniature.weights import CHECKPOINT
from ..models import comfy_registration

FOLDER = CHECKPOINT.resolve().parent
EMBEDDINGS = FOLDER.parent / "embeddings"  # a ready token, so that *Use a token* works before any training

NODES: list[type] = []


def register() -> None:
    """Adds model classes and the folders of the shipped checkpoints and token to ComfyUI's; again changes nothing."""
    comfy_registration.register(CHECKPOINT)
    folder_paths.add_model_folder_path("checkpoints", str(FOLDER))
    folder_paths.add_model_folder_path("embeddings", str(EMBEDDINGS))  # last: a user's file of that name comes first
