"""LoRA files, which stock nodes, A1111 and diffusers load."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import torch

from ..files import checked_name, free_path, write_atomically
from ..tensor_files import safetensors_bytes


def save_lora(
    name: str,
    tensors: Mapping[str, torch.Tensor],
    provenance: Mapping[str, str],
    folder: str | pathlib.Path,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes a LoRA file to ``folder/<name>.safetensors``, or under the next free name, and returns its path.

    Args:
        name: of the file.
        tensors: by their names in the file, as an adapter gives them.
        provenance: metadata, with ``modelspec.architecture``.
        folder: of models.
        overwrite: an existing file is replaced.

    Raises:
        InteractiveActionError: the name is none for a file.
    """
    name = checked_name(name, "LoRA")
    path = pathlib.Path(folder, f"{name}.safetensors") if overwrite else free_path(folder, name, ".safetensors")
    architecture = provenance["modelspec.architecture"].replace("textual-inversion", "lora")
    metadata = {
        **provenance,
        "format": "pt",
        "modelspec.architecture": architecture,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": path.stem,
    }
    write_atomically(path, safetensors_bytes({key: value.cpu() for key, value in tensors.items()}, metadata))
    return path
