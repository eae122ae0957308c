"""What a trainer sees of a style-conditioned InstructPix2Pix, and the one in plain PyTorch as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from ..protocol import sha256_of

if TYPE_CHECKING:
    from .single_file import Editor


class EditingEngine(Protocol):
    """A style-conditioned InstructPix2Pix, whatever library runs it. Latents (B, 4, h, w), images (B, H, W, 3) in 0..1.

    Attributes:
        module: what an adapter changes.
        alphas_cumprod: float32 (T,), the noise schedule.
        device: of the latents given to ``predict``.
    """

    module: torch.nn.Module
    alphas_cumprod: torch.Tensor

    @property
    def device(self) -> torch.device:
        """Where latents given to ``predict`` live."""

    def predict(
        self, z_t: torch.Tensor, t: torch.Tensor, context: torch.Tensor, image: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        """Returns the noise in z_t at timesteps t (B,); image and style as ``encode_images`` gives them."""

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the encodings of images, H and W divisible by 8, not multiplied by SD's 0.18215."""

    def decode_latents(self, z_0: torch.Tensor) -> torch.Tensor:
        """Returns the images of z_0, float32 on the CPU."""

    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """Returns contexts (B, tokens, width) of B instructions."""

    def fingerprint(self) -> str:
        """Returns sha256 over every weight that takes part, as loaded."""


class PlainEditor:
    """An ``Editor`` of a single file as an ``EditingEngine``."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.module: torch.nn.Module = editor.model
        self.alphas_cumprod = editor.alphas_cumprod

    @property
    def device(self) -> torch.device:
        """Where latents given to ``predict`` live."""
        return next(self.module.parameters()).device

    def predict(
        self, z_t: torch.Tensor, t: torch.Tensor, context: torch.Tensor, image: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        """See ``EditingEngine.predict``."""
        noise: torch.Tensor = self.module(z_t, t, context, image, style)
        return noise

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """See ``EditingEngine.encode_images``."""
        return self.editor.encode_images(images)

    def decode_latents(self, z_0: torch.Tensor) -> torch.Tensor:
        """See ``EditingEngine.decode_latents``."""
        return self.editor.decode_latents(z_0).cpu()

    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """See ``EditingEngine.encode_prompts``."""
        return self.editor.encode_prompts(prompts)

    def fingerprint(self) -> str:
        """See ``EditingEngine.fingerprint``."""
        return sha256_of((self.module, self.editor.text_encoder, self.editor.autoencoder))
