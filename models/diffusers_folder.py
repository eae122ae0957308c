"""Folders that diffusers saved of FLUX.1, SD 3.5 and Z-Image, as engines. Nothing is fetched and nothing unpickled."""

from __future__ import annotations

import functools
import json
import math
import pathlib
from typing import Any

from ..errors import InteractiveActionError
from .diffusers_engine import libraries
from .diffusers_transformer import DiffusersTransformerEngine, shifted_sigmas
from .language_encoders import LanguageEncoder
from .text_encoders import TextEncoder

PIPELINES = {"FluxPipeline": "flux1", "StableDiffusion3Pipeline": "sd3", "ZImagePipeline": "z-image"}
TRANSFORMERS = {
    "flux1": "FluxTransformer2DModel",
    "sd3": "SD3Transformer2DModel",
    "z-image": "ZImageTransformer2DModel",
}
T5_TOKENS = {"flux1": 256, "sd3": 77}  # that ComfyUI fills prompts up to
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"  # Qwen3's form of one turn, as Z-Image knows it
FLUX_SHIFT = 1.15  # logarithm of the shift that ComfyUI draws FLUX.1 dev with


def family_of_folder(folder: str | pathlib.Path) -> str | None:
    """Returns the family of what diffusers saved to ``folder``, or None where it is none of these."""
    try:
        index = json.loads(pathlib.Path(folder, "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return PIPELINES.get(index.get("_class_name", "")) if isinstance(index, dict) else None


def load_transformer_folder(folder: str | pathlib.Path, **options: Any) -> DiffusersTransformerEngine:
    """Returns the model that diffusers saved to ``folder``.

    Args:
        folder: of one of ``PIPELINES``.
        options: ``device``, ``dtype`` and ``gradient_checkpointing``.

    Raises:
        InteractiveActionError: a part is missing or cannot be read.
    """
    diffusers, _ = libraries()
    folder, family = pathlib.Path(folder), family_of_folder(folder)
    if family is None:
        raise InteractiveActionError(
            f"{folder.name!r} is no folder that diffusers saved of FLUX.1, SD 3.5 or Z-Image: its model_index.json "
            f"must name one of {', '.join(PIPELINES)}. Give such a folder."
        )
    missing = [part for part in ("transformer", "vae", "scheduler") if not (folder / part).is_dir()]
    if missing:
        raise InteractiveActionError(f"{folder.name!r} has no folder {', '.join(missing)}. Save the whole model again.")
    local = {"local_files_only": True, "use_safetensors": True}
    kind = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8")).get("_class_name")
    autoencoder = diffusers.AutoencoderTiny if kind == "AutoencoderTiny" else diffusers.AutoencoderKL
    try:
        transformer = getattr(diffusers, TRANSFORMERS[family]).from_pretrained(
            folder, subfolder="transformer", torch_dtype=options.get("dtype"), **local
        )
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(
            folder, subfolder="scheduler", local_files_only=True
        )
        shift = scheduler.config.shift
        if family == "flux1":  # whose scheduler shifts by the image's size
            shift = math.exp(FLUX_SHIFT) if transformer.config.guidance_embeds else 1.0
        return DiffusersTransformerEngine(
            family,
            transformer,
            _encoders(folder, family),
            functools.partial(autoencoder.from_pretrained, folder, subfolder="vae", **local),
            shifted_sigmas(shift),
            **options,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise InteractiveActionError(f"{folder.name!r} could not be read: {error}") from error


def _encoders(folder: pathlib.Path, family: str) -> dict[str, TextEncoder | LanguageEncoder]:
    """The family's text encoders by ComfyUI's keys, in their order."""
    _, transformers = libraries()
    if family == "z-image":
        parts = _read(folder, "", transformers.Qwen3Model, transformers.AutoTokenizer)
        return {"qwen3_4b": LanguageEncoder(*parts, CHAT, layer=-2)}
    clip = transformers.CLIPTextModelWithProjection if family == "sd3" else transformers.CLIPTextModel
    encoders: dict[str, TextEncoder | LanguageEncoder] = {}
    names = ("clip_l", "clip_g") if family == "sd3" else ("clip_l",)
    for name, suffix in zip(names, ("", "_2")):
        encoders[name] = TextEncoder(*_read(folder, suffix, clip, transformers.CLIPTokenizer), family == "sd3")
    t5 = _read(folder, f"_{len(names) + 1}", transformers.T5EncoderModel, transformers.T5TokenizerFast)
    return {**encoders, "t5xxl": LanguageEncoder(*t5, minimum=T5_TOKENS[family])}


def _read(folder: pathlib.Path, suffix: str, model: Any, tokenizer: Any) -> tuple[Any, Any]:
    """The text encoder and the tokenizer in diffusers' folders with this suffix."""
    return (
        model.from_pretrained(folder, subfolder=f"text_encoder{suffix}", local_files_only=True, use_safetensors=True),
        tokenizer.from_pretrained(folder, subfolder=f"tokenizer{suffix}", local_files_only=True),
    )
