"""A token's file: for a plain token one that ComfyUI's ``embedding:``, A1111 and diffusers load too.

The common ground of the three is a safetensors file with exactly ONE tensor (n, d): ComfyUI takes the first
tensor it finds, A1111 and diffusers insist on a single key, and diffusers takes that key as the word.
Everything else is string metadata, which all of them ignore. For SDXL all of them know the pair ``clip_l`` and
``clip_g``, the vectors for its two text encoders; diffusers is given them one by one.

A layer-wise token means nothing to any of them, so it is kept apart, in a folder that they do not search, and its
numbers lie in one row (L * n * d,) under the key ``interactive_action.layers``: one that is copied to the embeddings
nonetheless has a width that no model has, and ComfyUI says so and leaves it out instead of drawing with it. The shape
is metadata, ``interactive_action.shape``: "L,n,d"; so are the encoders' widths, ``interactive_action.widths``.
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
PAIR = ("clip_l", "clip_g")


def save_token(token, folder, overwrite=False):
    """Write ``token`` to ``folder/<name>.safetensors`` and return the path.

    Without ``overwrite`` an existing file is kept and the next free name is taken (``pick-up-2``, ``pick-up-3``, ...).
    """
    name = checked_name(token.name, "token")
    path = pathlib.Path(folder, f"{name}.safetensors") if overwrite else free_path(folder, name, ".safetensors")
    trigger_word = f"<{path.stem}>"
    metadata = {
        **token.provenance,
        "format": "pt",  # what A1111 and diffusers look for
        "interactive_action.format": FORMAT,
        "interactive_action.trigger_word": trigger_word,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": path.stem,
        "modelspec.trigger_phrase": trigger_word,
    }
    vectors = token.vectors.detach().float().cpu()
    keys = PAIR if len(token.widths) == 2 else (trigger_word,)
    tensors = dict(zip(keys, vectors.split(token.widths, -1)))
    if token.layers:
        shape, widths = (",".join(map(str, numbers)) for numbers in (vectors.shape, token.widths))
        metadata |= {
            "interactive_action.format": LAYERS_FORMAT,
            "interactive_action.shape": shape,
            "interactive_action.widths": widths,
        }
        tensors = {LAYERS_KEY: vectors.flatten()}
    write_atomically(path, safetensors_bytes(tensors, metadata))
    return path


def load_token(path):
    """Read a token, layer-wise or not, or any plain embedding from ``path``: one (n, d) or (d,) tensor, or SDXL's pair of such."""
    path = pathlib.Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            keys, metadata = sorted(file.keys(), reverse=True), file.metadata() or {}
            tensors = [file.get_tensor(key) for key in keys[:2]]
    except (OSError, safetensors.SafetensorError) as error:
        raise InteractiveActionError(
            f"The token {path.name} could not be read: {error}. Save it again, or copy the file anew."
        ) from error
    readable = all(tensor.ndim in (1, 2) and tensor.is_floating_point() for tensor in tensors)
    if (
        not (len(keys) == 1 or keys == list(PAIR))
        or not readable
        or len({len(torch.atleast_2d(tensor)) for tensor in tensors}) != 1
    ):
        found = ", ".join(f"{key}" for key in sorted(keys)) or "nothing"
        raise InteractiveActionError(
            f"{path.name} is not a token: such a file holds one tensor (vectors, width), or clip_l and clip_g for SDXL, "
            f"and this one holds {found}. Choose a file written by Save Interactive Token."
        )
    trigger_word = metadata.get("interactive_action.trigger_word", f"<{path.stem}>")
    vectors = [torch.atleast_2d(tensor.float()) for tensor in tensors]
    learned, widths = torch.cat(vectors, -1), tuple(part.shape[-1] for part in vectors)
    if keys == [LAYERS_KEY]:
        learned, widths = _layers(path, learned, metadata)
    return InteractiveToken(
        name=trigger_word.strip("<>"),
        vectors=learned,
        provenance={key: value for key, value in metadata.items() if key != "format"},
        widths=widths,
    )


def _layers(path, numbers, metadata):
    """A layer-wise token's numbers in their shape (L, n, d), and the widths that d is the sum of."""
    try:
        layers, count, width = map(int, metadata["interactive_action.shape"].split(","))
        return numbers.view(layers, count, width), tuple(
            map(int, metadata.get("interactive_action.widths", str(width)).split(","))
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise InteractiveActionError(
            f"The layer-wise token {path.name} holds {numbers.numel()} numbers, and their shape cannot be told ({error}). "
            f"Save it again, or copy the file anew."
        ) from error
