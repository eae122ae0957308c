"""One file that ComfyUI's ``embedding:``, A1111 and diffusers load too.

The common ground of the three is a safetensors file with exactly ONE tensor (n, d): ComfyUI takes the first
tensor it finds, A1111 and diffusers insist on a single key, and diffusers takes that key as the word.
Everything else is string metadata, which all of them ignore.
"""

import pathlib

import safetensors

from ..errors import InteractiveActionError
from ..files import checked_name, free_path, safetensors_bytes, write_atomically
from .token import InteractiveToken

FORMAT = "interactive-action-token-1"


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
    write_atomically(path, safetensors_bytes({placeholder: token.vectors.detach().float().cpu()}, metadata))
    return path


def load_token(path):
    """Read a token, or any plain embedding of one (n, d) or (d,) tensor, from ``path``."""
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
        vectors=vectors if vectors.ndim == 2 else vectors[None],
        provenance={key: value for key, value in metadata.items() if key != "format"},
    )
