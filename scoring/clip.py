"""How well images match texts: the cosine of CLIP's two embeddings (Radford et al. 2021), through open_clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from einops import rearrange
from torchvision.transforms.functional import to_pil_image

from ..errors import InteractiveActionError, MissingExtraError
from . import first_line


class ClipScorer:
    """An open_clip model as a judge.

    Args:
        model: with ``encode_image`` and ``encode_text``.
        preprocess: from a PIL image to the model's input (3, h, w).
        tokenizer: from B texts to token ids (B, length).
        name: what a report calls it.
    """

    def __init__(
        self, model: Any, preprocess: Callable[[Any], torch.Tensor], tokenizer: Callable[..., torch.Tensor], name: str
    ) -> None:
        self.model, self.preprocess, self.tokenizer, self.name = model.eval(), preprocess, tokenizer, name

    def to(self, device: torch.device | str) -> None:
        """Moves the model."""
        self.model.to(device)

    @torch.no_grad()
    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Returns embeddings of length one (B, d), on the CPU, for images (B, H, W, 3) in 0..1."""
        channels_first = rearrange(images.clamp(0, 1), "b h w c -> b c h w").float().cpu()
        pixels = torch.stack([self.preprocess(to_pil_image(image)) for image in channels_first])
        embeddings: torch.Tensor = self.model.encode_image(pixels.to(self._device), normalize=True)
        return embeddings.float().cpu()

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns embeddings of length one (B, d), on the CPU, for B texts."""
        different = list(dict.fromkeys(texts))  # a text that many images share is encoded once
        embeddings: torch.Tensor = self.model.encode_text(self.tokenizer(different).to(self._device), normalize=True)
        return embeddings.float().cpu()[[different.index(text) for text in texts]]

    def cosine(self, images: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        """Returns the cosine of each image with its text, float (B,) in -1..1, neither scaled nor clipped."""
        return (self.encode_image(images) * self.encode_text(texts)).sum(-1)

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device


def load_clip_scorer(name: str, pretrained: str = "") -> ClipScorer:
    """Loads an open_clip model; weights are read with safetensors or ``weights_only``.

    Args:
        name: a model's name ("ViT-B-32"), ``local-dir:FOLDER`` or ``hf-hub:NAME``.
        pretrained: the tag or file of the weights, where the name does not bring them.

    Raises:
        InteractiveActionError: there is no such model, or it has no weights.
    """
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError("open_clip", "score") from error
    try:
        model, preprocess = open_clip.create_model_from_pretrained(name, pretrained or None, weights_only=True)
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InteractiveActionError(
            f'The CLIP "{name}" ({pretrained or "no pretrained tag"}) could not be loaded: {first_line(error)} Give an '
            'open_clip name with a pretrained tag or file ("ViT-B-32", "laion2b_s34b_b79k"), or "local-dir:" and a '
            "folder."
        ) from error
    return ClipScorer(model, preprocess, tokenizer, f"{name} {pretrained}".strip())
