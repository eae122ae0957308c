"""A token's file: for a plain token one that ComfyUI's ``embedding:``, A1111 and diffusers load too.

The common ground of the three is a safetensors file with exactly ONE tensor (n, d): ComfyUI takes the first
tensor it finds, A1111 and diffusers insist on a single key, and diffusers takes that key as the word.
Everything else is string metadata, which all of them ignore.

A layer-wise token means nothing to any of them, so it is kept apart, in a folder that they do not search, and its
numbers lie in one row (L * n * d,) under the key ``interactive_action.layers``: one that is copied to the embeddings
nonetheless has a width that no model has, and ComfyUI says so and leaves it out instead of drawing with it. The shape
is metadata, ``interactive_action.shape``: "L,n,d".
"""

import pathlib

import safetensors
import torch

from ..errors import InteractiveActionError
from ..files import checked_name, free_path, safetensors_bytes, write_atomically
from .token import InteractiveToken

FORMAT = "interactive-action-token-1"
LAYERS_FORMAT = "interactive-action-layers-1"
LAYERS_KEY = "interactive_action.layers"


def save_token(token, folder, overwrite=False):
    """Write ``token`` to ``folder/<name>.safetensors`` and return the path.

    Without ``overwrite`` an existing file is kept and the next free name is taken (``pick-up-2``, ``pick-up-3``, ...).
    """
    name = checked_name(token.name, "token")
    path = pathlib.Path(folder, f"{name}.safetensors") if overwrite else free_path(folder, name, ".safetensors")
    placeholder = f"<{path.stem}>"
    metadata = {
        **token.provenance,
        "format": "pt",  # what A1111 and diffusers look for
        "interactive_action.format": FORMAT,
        "interactive_action.placeholder": placeholder,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": path.stem,
        "modelspec.trigger_phrase": placeholder,
    }
    key, vectors = placeholder, token.vectors.detach().float().cpu()
    if token.layers:
        shape = ",".join(map(str, vectors.shape))
        metadata |= {"interactive_action.format": LAYERS_FORMAT, "interactive_action.shape": shape}
        key, vectors = LAYERS_KEY, vectors.flatten()
    write_atomically(path, safetensors_bytes({key: vectors}, metadata))
    return path


def load_token(path):
    """Read a token, layer-wise or not, or any plain embedding of one (n, d) or (d,) tensor, from ``path``."""
    path = pathlib.Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            keys, metadata = list(file.keys()), file.metadata() or {}
            tensors = [file.get_tensor(key) for key in keys[:1]]
    except (OSError, safetensors.SafetensorError) as error:
        raise InteractiveActionError(
            f"The token {path.name} could not be read: {error}. Save it again, or copy the file anew."
        ) from error
    if len(keys) != 1 or tensors[0].ndim not in (1, 2) or not tensors[0].is_floating_point():
        found = ", ".join(f"{key}" for key in keys) or "nothing"
        raise InteractiveActionError(
            f"{path.name} is not a token for one text encoder: such a file holds exactly one tensor (vectors, width), "
            f"and this one holds {found}. Choose a file written by Save Interactive Token."
        )
    placeholder = metadata.get("interactive_action.placeholder", f"<{path.stem}>")
    vectors = tensors[0].float()
    return InteractiveToken(
        name=placeholder.strip("<>"),
        vectors=_layers(path, vectors, metadata) if keys == [LAYERS_KEY] else torch.atleast_2d(vectors),
        provenance={key: value for key, value in metadata.items() if key != "format"},
    )


def _layers(path, numbers, metadata):
    """A layer-wise token's numbers in their shape (L, n, d)."""
    try:
        layers, count, width = map(int, metadata["interactive_action.shape"].split(","))
        return numbers.view(layers, count, width)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InteractiveActionError(
            f"The layer-wise token {path.name} holds {numbers.numel()} numbers, and their shape cannot be told ({error}). "
            f"Save it again, or copy the file anew."
        ) from error
