"""What D3PO sees of a style-conditioned InstructPix2Pix, and the one in plain PyTorch (``models.style_editor.single_file``) as such."""

from typing import Protocol

import torch

from ..protocol import sha256_of


class EditingEngine(Protocol):
    """A style-conditioned InstructPix2Pix, whatever library runs it. Latents (B, 4, h, w), images (B, H, W, 3) in 0..1.

    module: what an adapter changes. device: of the latents given to ``predict``. alphas_cumprod: float32 (T,).
    """

    module: torch.nn.Module
    device: torch.device
    alphas_cumprod: torch.Tensor

    def predict(self, z_t, t, context, image, style):
        """The noise in z_t at timesteps t (B,); image and style as ``encode_images`` gives them."""

    def encode_images(self, images):
        """Images, H and W divisible by 8 -> their encodings, not multiplied by SD's 0.18215."""

    def decode_latents(self, z_0):
        """z_0 -> images, float32 on the CPU."""

    def encode_prompts(self, prompts):
        """B instructions -> contexts (B, tokens, width)."""

    def fingerprint(self):
        """sha256 over every weight that takes part, as loaded."""


class PlainEditor:
    """An ``Editor`` as an ``EditingEngine``."""

    def __init__(self, editor):
        self.editor = editor
        self.module = self.predict = editor.model
        self.alphas_cumprod = editor.alphas_cumprod
        self.encode_images, self.encode_prompts = editor.encode_images, editor.encode_prompts

    @property
    def device(self):
        return next(self.module.parameters()).device

    def decode_latents(self, z_0):
        return self.editor.decode_latents(z_0).cpu()

    def fingerprint(self):
        return sha256_of((self.module, self.editor.text_encoder, self.editor.autoencoder))
