"""What images show, as one vector each: the encoders that Eq. 9 of paper 004 may compare regions with.

In the paper DreamSim is best; DINOv2 made grainy edits, CLIP smooth and tinted ones. A ``clip.ClipScorer`` serves as well.
An image is squeezed into the model's square rather than cropped, so that no part of a mask is lost.
"""

import pathlib
from typing import Protocol

import torch
from torch.nn.functional import interpolate, normalize

from ..errors import InteractiveActionError, MissingExtraError
from . import why


class Encoder(Protocol):
    name: str

    def to(self, device):
        """Move the model."""

    def see(self, images):
        """Images (B, H, W, 3) in 0..1 -> embeddings of length one (B, d), float on the CPU."""


class TransformersEncoder:
    """DINOv2's class token, or CLIP's embedding of images, through transformers."""

    def __init__(self, model, processor, name):
        self.model, self.name = model.eval(), name
        size = processor.crop_size or processor.size
        self.size = size["height"], size["width"]
        self.mean, self.std = (
            torch.tensor(values).view(-1, 1, 1) for values in (processor.image_mean, processor.image_std)
        )

    def to(self, device):
        self.model.to(device)

    @torch.no_grad()
    def see(self, images):
        pixels = (squeezed(images, self.size) - self.mean) / self.std
        outputs = self.model(pixel_values=pixels.to(self.model.device, self.model.dtype))
        seen = outputs.image_embeds if "image_embeds" in outputs else outputs.pooler_output
        return normalize(seen.float().cpu(), dim=-1)


class DreamSimEncoder:
    """DreamSim (Fu et al. 2023): DINO, CLIP and OpenCLIP side by side, tuned on what people find alike; the authors' package."""

    SIZE = 224, 224

    def __init__(self, model, name):
        self.model, self.name = model.eval(), name

    def to(self, device):
        self.model.to(device)
        for part in self.model.modules():
            if isinstance(getattr(part, "device", None), str):
                part.device = str(device)  # where it puts its projections, which are no parameters

    @torch.no_grad()
    def see(self, images):
        device = next(self.model.parameters()).device
        return normalize(self.model.embed(squeezed(images, self.SIZE).to(device)).float().cpu(), dim=-1)


def squeezed(images, size):
    """(B, H, W, 3) -> (B, 3, *size) in 0..1, bicubic."""
    channels_first = images.float().cpu().movedim(-1, 1)
    return interpolate(channels_first, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


def load_encoder(kind, name):
    """One of ``ENCODERS``: DINOv2 and CLIP from a folder or hub name of transformers, DreamSim from the folder of its weights.

    Weights are read from safetensors alone; DreamSim is loaded by its authors' package, which is installed by those who trust it.
    """
    if kind not in ENCODERS:
        raise InteractiveActionError(f"There is no encoder called {kind!r}. Choose one of: {', '.join(ENCODERS)}.")
    return ENCODERS[kind](name)


def _load_transformers(class_name, example):
    def load(name):
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("transformers", "score") from error
        try:
            model = getattr(transformers, class_name).from_pretrained(name, use_safetensors=True)
            processor = transformers.AutoImageProcessor.from_pretrained(name)
        except (OSError, ValueError, KeyError) as error:
            raise InteractiveActionError(
                f'The encoder "{name}" could not be loaded: {why(error)} Give a folder with the model in transformers\' format '
                f'(config.json, model.safetensors, preprocessor_config.json), or a hub name such as "{example}".'
            ) from error
        return TransformersEncoder(model, processor, str(name))

    return load


def _load_dreamsim(folder):
    try:
        from dreamsim import dreamsim
    except ImportError as error:
        raise InteractiveActionError(
            "DreamSim is not installed. Install its authors' package into ComfyUI's Python with: pip install dreamsim. At its first use it "
            "fetches weights and, through torch.hub, code of DINO's authors. Or choose DINOv2 or CLIP, which need neither."
        ) from error
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        model, _ = dreamsim(
            device="cpu", cache_dir=str(folder)
        )  # fetches its weights into the folder if they are not there
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'DreamSim could not be loaded from "{folder}": {why(error)} Its weights are fetched into that folder at the first use, or put '
            "there by hand."
        ) from error
    return DreamSimEncoder(model, "DreamSim")


ENCODERS = {
    "DINOv2": _load_transformers("Dinov2Model", "facebook/dinov2-base"),
    "CLIP": _load_transformers("CLIPVisionModelWithProjection", "openai/clip-vit-base-patch32"),
    "DreamSim": _load_dreamsim,
}
