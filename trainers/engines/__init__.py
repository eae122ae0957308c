"""What a trainer sees of a diffusion model: one small protocol, whatever library runs the model."""

import re
from typing import Protocol

import torch


class Engine(Protocol):
    """A frozen latent diffusion model. B pictures, latents (B, C, h, w), contexts (B, tokens, width of the U-Net's text).

    device: where tensors given to ``predict_noise`` live. width: d, of the vocabulary table.
    layers: L, the cross-attention layers of the U-Net (16 in SD 1.x and 2.x), counted in the order of its forward pass:
        down from the picture, middle, up to it again; within a block its transformer blocks in their order.
    alphas_cumprod: float32 (T,), the noise schedule.
    """

    device: torch.device
    width: int
    layers: int
    alphas_cumprod: torch.Tensor

    def encode_pictures(self, pictures):
        """float32 (B, H, W, 3) in 0..1 -> (mean, std) of the latents, each (B, C, h, w), scaled as the U-Net wants them."""

    def encode_prompts(self, prompts, vectors=None):
        """Contexts (B, tokens, width) of ``prompts`` (list of B strings).

        ``vectors`` (n, d) stand where v* is written; gradients reach them. Vectors (L, n, d) are layer-wise: the contexts
        are then (L, B, tokens, width), layer l's with the vectors[l] in it.
        """

    def word_vectors(self, words):
        """The vocabulary's static vectors (k, d) of the k tokens of ``words``."""

    def predict_noise(self, z_t, t, context):
        """The U-Net's eps (B, C, h, w) for noisy latents z_t at timesteps t (B,), also where it predicts v.

        context: (B, tokens, width) for every cross-attention layer alike, or (L, B, tokens, width), one for each.
        """

    def attention_projections(self):
        """The linear layers of the U-Net's self- and cross-attentions, as ``attention_projections`` finds them."""

    def fingerprint(self):
        """sha256 over every weight that takes part, as loaded."""


def attention_projections(unet):
    """The q, k, v and out layers of every attention of a U-Net, which ComfyUI and diffusers name alike: a list of modules."""
    return [layer for name, layer in unet.named_modules() if re.search(r"\.attn[12]\.to_(q|k|v|out\.0)$", name)]


def add_noise(engine, z_0, noise, t):
    """Eq. 1 in closed form: z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) noise, per picture."""
    abar = engine.alphas_cumprod.to(z_0.device)[t].view(-1, 1, 1, 1)
    return abar.sqrt() * z_0 + (1 - abar).sqrt() * noise
