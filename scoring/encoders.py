"""What images show, as one vector each: the encoders that may compare regions in Eq. 9 of Benarous et al. 2025.

In the paper DreamSim is best; DINOv2 made grainy edits, CLIP smooth and tinted ones. A ``clip.ClipScorer`` serves as
well. An image is squeezed into the model's square rather than cropped, so that no part of a mask is lost.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, Protocol

import torch
from einops import rearrange
from torch.nn.functional import interpolate, normalize

from ..errors import InteractiveActionError, MissingExtraError
from . import first_line


class Encoder(Protocol):
    """Anything that embeds images. ``name`` stands in reports."""

    name: str

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Returns embeddings of length one (B, d), float on the CPU, for images (B, H, W, 3) in 0..1."""
        ...


class TransformersEncoder:
    """DINOv2's class token, or CLIP's embedding of images, through transformers.

    Args:
        model: with pooled outputs.
        processor: which knows the model's size and normalization.
        name: what a report calls it.
    """

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model, self.name = model.eval(), name
        size = processor.crop_size or processor.size
        self.size: tuple[int, int] = (size["height"], size["width"])
        self.mean, self.std = (
            rearrange(torch.tensor(values), "c -> c 1 1") for values in (processor.image_mean, processor.image_std)
        )

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.no_grad()
    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Returns embeddings of length one (B, d); see ``Encoder.encode_image``."""
        pixels = (resize(images, self.size) - self.mean) / self.std
        outputs = self.model(pixel_values=pixels.to(self.model.device, self.model.dtype))
        embeddings = outputs.image_embeds if "image_embeds" in outputs else outputs.pooler_output
        return normalize(embeddings.float().cpu(), dim=-1)


class DreamSimEncoder:
    """DreamSim: DINO, CLIP and OpenCLIP side by side, tuned on what people find alike; the authors' package.

    Source: Fu et al. 2023.

    Args:
        model: with ``embed``.
        name: what a report calls it.
    """

    SIZE = 224, 224

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model.eval(), name

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""
        self.model.to(device)
        for part in self.model.modules():
            if isinstance(getattr(part, "device", None), str):
                part.device = str(device)  # where it puts its projections, which are no parameters

    @torch.no_grad()
    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Returns embeddings of length one (B, d); see ``Encoder.encode_image``."""
        device = next(self.model.parameters()).device
        return normalize(self.model.embed(resize(images, self.SIZE).to(device)).float().cpu(), dim=-1)


def resize(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Returns images (B, H, W, 3) as (B, 3, *size) in 0..1, bicubic."""
    channels_first = rearrange(images.float().cpu(), "b h w c -> b c h w")
    return interpolate(channels_first, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def load_encoder(kind: str, name: str) -> Encoder:
    """Loads an encoder.

    Weights are read from safetensors alone; DreamSim is loaded by its authors' package, which is installed by those who
    trust it.

    Args:
        kind: one of ``ENCODERS``.
        name: a folder or hub name of transformers; for DreamSim the folder of its weights.

    Raises:
        InteractiveActionError: there is no such encoder.
    """
    if kind not in ENCODERS:
        raise InteractiveActionError(f"There is no encoder called {kind!r}. Choose one of: {', '.join(ENCODERS)}.")
    return ENCODERS[kind](name)


def _load_transformers(class_name: str, example: str) -> Callable[[str], Encoder]:
    def load(name: str) -> Encoder:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("transformers", "score") from error
        try:
            library: Any = transformers  # some of whose functions have no types
            model = getattr(library, class_name).from_pretrained(name, use_safetensors=True)
            processor = library.AutoImageProcessor.from_pretrained(name)
        except (OSError, ValueError, KeyError) as error:
            raise InteractiveActionError(
                f'The encoder "{name}" could not be loaded: {first_line(error)} Give a folder with the model in '
                "transformers' format (config.json, model.safetensors, preprocessor_config.json), or a hub name such "
                "as "
                f'"{example}".'
            ) from error
        return TransformersEncoder(model, processor, str(name))

    return load


def _load_dreamsim(folder: str) -> Encoder:
    try:
        from dreamsim import dreamsim
    except ImportError as error:
        raise InteractiveActionError(
            "DreamSim is not installed. Install its authors' package into ComfyUI's Python with: pip install "
            "dreamsim. At its first use it fetches weights and, through torch.hub, code of DINO's authors. Or choose "
            "DINOv2 or CLIP, which need neither."
        ) from error
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        model, _ = dreamsim(device="cpu", cache_dir=str(folder))  # fetches its weights if the folder has none
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'DreamSim could not be loaded from "{folder}": {first_line(error)} Its weights are fetched into that '
            "folder at the first use, or put there by hand."
        ) from error
    return DreamSimEncoder(model, "DreamSim")


ENCODERS: dict[str, Callable[[str], Encoder]] = {
    "DINOv2": _load_transformers("Dinov2Model", "facebook/dinov2-base"),
    "CLIP": _load_transformers("CLIPVisionModelWithProjection", "openai/clip-vit-base-patch32"),
    "DreamSim": _load_dreamsim,
}
