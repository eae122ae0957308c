"""A token's file: for a plain token one that ComfyUI's ``embedding:``, A1111 and diffusers load too.

The word of a token is the name of its file, for our files and foreign ones: ``lift.safetensors`` is ``<lift>``. Who
renames a file renames the word, so that two versions of one token can stand in one prompt.

The common ground of the three is a safetensors file with exactly ONE tensor (n, d): ComfyUI takes the first
tensor it finds, A1111 and diffusers insist on a single key, and diffusers takes that key as the word.
Everything else is string metadata, which all of them ignore. For SDXL all of them know the pair ``clip_l`` and
``clip_g``, the vectors for its two text encoders; diffusers is given them one by one. Tokens of transformers have
ComfyUI's keys of their text encoders (``clip_l`` and ``t5xxl`` of FLUX.1, ``qwen3_4b`` of Z-Image); what is ``t5xxl``
to ComfyUI is ``t5`` to OneTrainer and diffusers, and lies there once more. Their metadata names the family. A single
tensor's key and the metadata's ``modelspec.trigger_phrase`` say the word at the time of saving to those who ask them;
here they decide nothing, and the key becomes the trigger phrase of a file that has none.

Read are also what others write: OneTrainer's additional vectors behind the text encoder (``*_out``) are left out, as
ComfyUI does; ``.pt`` of A1111 and ``.bin`` of diffusers are unpickled as numbers only, so that no code in them runs.

A token that acts only at some noise levels (``noise_gate``) says so in metadata; those who do not know of it use the
word at all levels.

A layer-wise token means nothing to any of the three, so it is kept apart, in a folder that they do not search, and its
numbers lie in one row (L * n * d,) under the key ``interactive_action.layers``: one that is copied to the embeddings
nonetheless has a width that no model has, and ComfyUI says so and leaves it out instead of drawing with it. The shape
is metadata, ``interactive_action.shape``: "L,n,d"; so are the encoders' widths, ``interactive_action.widths``.
"""

from __future__ import annotations

import os
import pathlib
import unicodedata
import zipfile
from collections.abc import Collection, Mapping

import safetensors
import torch

from ..errors import InteractiveActionError
from ..files import checked_name, free_path, write_atomically
from ..tensor_files import safetensors_bytes
from .noise_gate import KEYS, NoiseGate
from .token import ENCODERS, TRIGGER_WORD, InteractiveToken

FORMAT = "interactive-action-token-1"
LAYERS_FORMAT = "interactive-action-layers-1"
LAYERS_KEY = "interactive_action.layers"
PAIR = ("clip_l", "clip_g")
T5_COMFYUI, T5 = "t5xxl", "t5"  # what ComfyUI calls it, and what OneTrainer and diffusers do
SEVERAL = (*PAIR, T5_COMFYUI, T5)
PICKLED = (".pt", ".bin")
A1111 = {
    "modelspec.title": "name",
    "interactive_action.base_model": "sd_checkpoint_name",
    "interactive_action.step": "step",
}
SUFFIXES = (".safetensors", *PICKLED)  # in lower case; files may have them in any
LARGEST = 256_000_000  # bytes of a pickled file and of its tensors; an embedding has some thousands


def save_token(token: InteractiveToken, folder: str | os.PathLike[str], overwrite: bool = False) -> pathlib.Path:
    """Writes ``token`` to ``folder/<name>.safetensors``.

    Args:
        token: plain or layer-wise.
        folder: is made if need be.
        overwrite: False: an existing file stays and the next free name is taken (``pick-up-2``, ``pick-up-3``, ...).

    Returns:
        The path of the file, whose stem is the word.

    Raises:
        InteractiveActionError: the name cannot be a file's, the vectors are broken, or the disk refuses.
    """
    token.require_usable()
    name = checked_name(token.name, "token")
    path = pathlib.Path(folder, f"{name}.safetensors") if overwrite else free_path(folder, name, ".safetensors")
    trigger_word = f"<{path.stem}>"
    metadata = {
        **token.provenance,
        **token.gate.as_metadata(),
        "format": "pt",  # what A1111 and diffusers look for
        "interactive_action.format": FORMAT,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.title": path.stem,
        "modelspec.trigger_phrase": trigger_word,
    }
    vectors = token.vectors.detach().float().cpu()
    keys = token.encoders or (PAIR if len(token.widths) == 2 else (trigger_word,))
    tensors = dict(zip(keys, torch.split_with_sizes(vectors, token.widths, -1)))
    if T5_COMFYUI in tensors:
        tensors[T5] = tensors[T5_COMFYUI].clone()
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


def load_token(path: str | os.PathLike[str]) -> InteractiveToken:
    """Reads a token, layer-wise or not, or anybody's embedding: one tensor (n, d) or (d,), or SDXL's pair of such.

    Args:
        path: a ``.safetensors``, ``.pt`` or ``.bin`` file.

    Returns:
        The token, called as the file is.

    Raises:
        InteractiveActionError: the file is gone, unreadable, no token, or its vectors are broken.
    """
    path = pathlib.Path(path)
    try:
        read = _read_pickled if path.suffix.lower() in PICKLED else _read_safetensors
        tensors, metadata = read(path)
    except FileNotFoundError as error:
        raise InteractiveActionError(
            f"The token {path.name} is not there any more. Press R in the web page to read the list anew, and choose "
            f"another, or put the file back."
        ) from error
    except (OSError, safetensors.SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the path
        raise InteractiveActionError(
            f"The token {path.name} could not be read: {reason}. Save it again, or copy the file anew."
        ) from error
    parts = [tensor.detach().float() for tensor in tensors.values()]
    parts = [part[None] if part.ndim < 2 else part for part in parts]
    if len({len(part) for part in parts}) != 1:
        raise _no_token(path, tensors)
    vectors, widths = torch.cat(parts, -1), tuple(part.shape[-1] for part in parts)
    if list(tensors) == [LAYERS_KEY]:
        vectors, widths = _layers(path, vectors, metadata)
    if T5 in tensors or T5_COMFYUI in tensors:
        metadata = {**metadata, ENCODERS: ",".join(T5_COMFYUI if key == T5 else key for key in tensors)}
    if len(tensors) == 1 and TRIGGER_WORD.fullmatch(key := next(iter(tensors))):
        metadata = {"modelspec.trigger_phrase": key, **metadata}
    token = InteractiveToken(
        name=unicodedata.normalize("NFC", path.stem),
        vectors=vectors,
        provenance={key: value for key, value in metadata.items() if key not in ("format", *KEYS)},
        widths=widths,
        gate=NoiseGate.from_metadata(metadata, path.name),
    )
    token.require_usable(path.name)
    return token


def _read_safetensors(path: pathlib.Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Returns (tensors by key, metadata); of a file that is no token nothing but the keys is read."""
    with safetensors.safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in _vector_keys(path, file.keys())}
        return _checked(path, tensors), file.metadata() or {}


def _read_pickled(path: pathlib.Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Returns (tensors by key, metadata) of A1111's or diffusers' file, without running code that it may hold."""
    try:
        if (size := _unpacked_size(path)) > LARGEST:
            raise InteractiveActionError(
                f"{path.name} is not a token: it takes {size / 1e6:.0f} MB, and an embedding far less than one. Models "
                f"belong into other folders, such as models/checkpoints."
            )
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (InteractiveActionError, OSError):
        raise
    except Exception as error:  # zipfile and torch raise whatever a damaged or hostile file provokes
        # torch's own words advise to run the file's code
        raise InteractiveActionError(
            f"{path.name} could not be read: it is damaged, or holds more than numbers, which only code in the file "
            f"could read, and that is never run. Look for the same embedding as a .safetensors file."
        ) from error
    named = content.get("string_to_param", content) if isinstance(content, Mapping) else {}
    entries = named.items() if isinstance(named, Mapping) else ()
    tensors = {str(key): value for key, value in entries if isinstance(value, torch.Tensor)}
    return _checked(path, {key: tensors[key] for key in _vector_keys(path, tensors)}), _a1111_metadata(content)


def _a1111_metadata(content: object) -> dict[str, str]:
    """Returns what A1111 writes beside the vectors, under our keys."""
    found = content if isinstance(content, Mapping) else {}
    values = {key: found[name] for key, name in A1111.items() if isinstance(found.get(name), str | int)}
    return {key: str(value) for key, value in values.items() if str(value).isprintable()}


def _unpacked_size(path: pathlib.Path) -> int:
    """Returns the bytes that a file says it takes in memory."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def _vector_keys(path: pathlib.Path, keys: Collection[str]) -> list[str]:
    """Returns the one key or the several under which a token's vectors lie, in the order of their encoders."""
    inputs = {key for key in keys if not key.endswith("_out")}  # those of OneTrainer act behind the text encoder
    if T5_COMFYUI in inputs:
        inputs.discard(T5)
    if len(inputs) == 1 or (inputs and inputs <= set(SEVERAL)):
        return sorted(inputs, key=lambda key: SEVERAL.index(key) if key in SEVERAL else 0)
    raise _no_token(path, keys)


def _checked(path: pathlib.Path, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns ``tensors`` if each is vectors; pickled ones may pretend to any shape."""
    if all(
        tensor.ndim in (1, 2)
        and tensor.is_floating_point()
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and tensor.numel() * 4 <= LARGEST
        for tensor in tensors.values()
    ):
        return tensors
    raise _no_token(path, tensors)


def _no_token(path: pathlib.Path, keys: Collection[str]) -> InteractiveActionError:
    names = sorted(keys)
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return InteractiveActionError(
        f"{path.name} is not a token: such a file holds one tensor (vectors, width), or clip_l and clip_g of as many "
        f"vectors for SDXL, with t5xxl for SD 3.5 or FLUX.1, and this one holds {shown or 'nothing'}. Choose a file "
        "written by Save Interactive Token or an embedding."
    )


def _layers(
    path: pathlib.Path, numbers: torch.Tensor, metadata: dict[str, str]
) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Returns a layer-wise token's numbers in their shape (L, n, d), and the widths that d is the sum of."""
    try:
        layers, count, width = map(int, metadata["interactive_action.shape"].split(","))
        widths = tuple(map(int, metadata.get("interactive_action.widths", str(width)).split(",")))
        if sum(widths) != width:
            raise ValueError(f"widths {widths} do not add up to {width}")
        return numbers.view(layers, count, width), widths
    except (KeyError, ValueError, RuntimeError) as error:
        raise InteractiveActionError(
            f"The layer-wise token {path.name} holds {numbers.numel()} numbers, and their shape cannot be told "
            f"({error}). Save it again, or copy the file anew."
        ) from error
