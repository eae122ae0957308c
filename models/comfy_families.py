"""The families of transformers that tokens can be trained on in ComfyUI, and which MODEL and CLIP are of them.

Widths do not tell families apart: the same 2560 numbers are a word of Z-Image's, FLUX.2's and Krea 2's text encoder,
which are not the same model. A token's file therefore names its family.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..errors import InteractiveActionError

if TYPE_CHECKING:
    from comfy.sd import CLIP

STABLE_DIFFUSION = (("clip_l",), ("clip_h",), ("clip_l", "clip_g"))
TRAINABLE = "SD 1.x, SD 2.x, SDXL, SD 3.5, FLUX.1, FLUX.2, Z-Image and Krea 2"


@dataclass(frozen=True)
class Family:
    """A family of transformers with joint attention, trained on velocity.

    Args:
        name: in a token's file.
        title: in sentences.
        models: names of ComfyUI's classes that ``model_config`` can be.
        text_encoder: name of ComfyUI's class of the CLIP's model, or of one that it derives from.
        encoders: the keys of the text encoders that it can have; a CLIP may have some of them.
        clip: how its CLIP is loaded.
        blocks: where in the transformer its blocks lie, which are computed again in the backward pass.
    """

    name: str
    title: str
    models: tuple[str, ...]
    text_encoder: str
    encoders: tuple[str, ...]
    clip: str
    blocks: tuple[str, ...]


FAMILIES = (
    Family(
        "z-image",
        "Z-Image",
        ("ZImage",),
        "ZImageTEModel",
        ("qwen3_4b",),
        "Load qwen_3_4b with CLIPLoader and the type lumina2.",
        ("noise_refiner", "context_refiner", "layers"),
    ),
    Family(
        "flux2",
        "FLUX.2",
        ("Flux2",),
        "Flux2TEModel",
        ("qwen3_4b", "qwen3_8b", "mistral3_24b"),
        "Load the text encoder of this FLUX.2 (qwen_3_4b for klein 4B, qwen_3_8b for klein 9B) with CLIPLoader and the "
        "type flux2.",
        ("double_blocks", "single_blocks"),
    ),
    Family(
        "flux1",
        "FLUX.1",
        ("Flux", "FluxSchnell"),
        "FluxClipModel",
        ("clip_l", "t5xxl"),
        "Load clip_l and t5xxl with DualCLIPLoader and the type flux.",
        ("double_blocks", "single_blocks"),
    ),
    Family(
        "sd3",
        "SD 3.5",
        ("SD3",),
        "SD3ClipModel",
        ("clip_l", "clip_g", "t5xxl"),
        "Load clip_l, clip_g and t5xxl with TripleCLIPLoader.",
        ("joint_blocks", "context_processor.layers"),
    ),
    Family(
        "krea2",
        "Krea 2",
        ("Krea2",),
        "Krea2TEModel",
        ("qwen3vl_4b",),
        "Load qwen3vl_4b with CLIPLoader and the type krea2.",
        ("txtfusion.layerwise_blocks", "txtfusion.refiner_blocks", "blocks"),
    ),
)


def family_of_model(network: Any) -> Family | None:
    """Returns the family of ComfyUI's ``BaseModel``, or None where it is not one of these."""
    kind = type(network.model_config).__name__
    return next((family for family in FAMILIES if kind in family.models), None)


def family_of_clip(clip: CLIP) -> Family | None:
    """Returns the family of ComfyUI's CLIP, or None where it is not one of these."""
    kinds = {kind.__name__ for kind in type(clip.cond_stage_model).__mro__}
    return next((family for family in FAMILIES if family.text_encoder in kinds), None)


def encoder_names(clip: CLIP) -> list[str] | None:
    """Returns the names of the text encoders of ``clip``, or None where tokens do not work with them.

    Args:
        clip: ComfyUI's CLIP.

    Returns:
        ["clip_l"] of SD 1.x, ["clip_h"] of SD 2.x, ["clip_l", "clip_g"] of SDXL; of a transformer's CLIP those of its
        family's ``encoders`` that it has.
    """
    family = family_of_clip(clip)
    names = tuple(name for name, _ in clip.cond_stage_model.named_children())
    known = names in STABLE_DIFFUSION if family is None else bool(names) and set(names) <= set(family.encoders)
    return list(names) if known and all(hasattr(clip.tokenizer, name) for name in names) else None


def require_pair(network: Any, clip: CLIP) -> Family:
    """Returns the family of MODEL and CLIP.

    Args:
        network: MODEL's ``BaseModel``, of one of ``FAMILIES``.
        clip: ComfyUI's CLIP.

    Raises:
        InteractiveActionError: the CLIP is of another family, or weights of either are in a form that has no gradient.
    """
    family = family_of_model(network)
    assert family is not None
    if family_of_clip(clip) is not family or encoder_names(clip) is None:
        other = family_of_clip(clip)
        kind = f"one of {other.title}" if other else f"a {type(clip.cond_stage_model).__name__}"
        raise InteractiveActionError(f"This MODEL is a {family.title}, and this CLIP is {kind}. {family.clip}")
    for part, module in (("MODEL", network.diffusion_model), ("CLIP", clip.cond_stage_model)):
        _require_known_weights(part, module)
    return family


def _require_known_weights(part: str, module: torch.nn.Module) -> None:
    """A sentence if weights are of a class that neither torch nor ComfyUI made, such as those of GGUF files."""
    for weight in (weight for owner in module.modules() for weight in owner._parameters.values() if weight is not None):
        root = type(weight).__module__.partition(".")[0]
        if root not in ("torch", "comfy", "comfy_kitchen"):
            raise InteractiveActionError(
                f"The weights of this {part} are in a form that cannot be trained through, {type(weight).__name__}, as "
                "files with .gguf have it. Load the same model from a .safetensors file, in bf16 or fp8."
            )


def distilled(network: Any) -> str:
    """Returns a sentence for a model that is known to be distilled, "" for others; shapes do not tell all of them."""
    if type(network.model_config).__name__ == "FluxSchnell":
        return (
            "This MODEL is FLUX.1 schnell, which is distilled to few steps and is no good teacher of velocity. Train "
            "on FLUX.1 dev and draw with schnell."
        )
    if network.model_config.unet_config.get("guidance_embed"):
        return (
            "This MODEL is distilled for guidance. It is trained here with guidance 1.0; draw with the guidance that "
            "you always use, such as 3.5."
        )
    return ""
