"""What a trainer sees of a diffusion model: one small protocol, whatever library runs the model."""

import hashlib
import re
from typing import Protocol

import torch
from torch.nn.functional import pad


class Engine(Protocol):
    """A frozen latent diffusion model. B images, latents (B, C, h, w), contexts (B, tokens, width of the U-Net's text).

    device: where tensors given to ``predict_noise`` live. width: d, of a vector of v*. widths: of the vocabulary tables of its
        one or two text encoders, whose sum d is: a vector for SDXL is CLIP's, then OpenCLIP's behind it.
    layers: L, the cross-attention layers of the U-Net (16 in SD 1.x and 2.x), counted in the order of its forward pass:
        down from the image, middle, up to it again; within a block its transformer blocks in their order.
    alphas_cumprod: float32 (T,), the noise schedule. unet: the U-Net's module, by whatever names its library gives its weights.
    """

    device: torch.device
    width: int
    widths: tuple[int, ...]
    layers: int
    alphas_cumprod: torch.Tensor
    unet: torch.nn.Module

    def encode_images(self, images):
        """float32 (B, H, W, 3) in 0..1 -> (mean, std) of the latents, each (B, C, h, w), scaled as the U-Net wants them."""

    def decode_latents(self, latents):
        """Images float32 (B, H, W, 3) in 0..1 on the CPU of latents as ``encode_images`` scales them."""

    def encode_prompts(self, prompts, vectors=None):
        """Contexts (B, tokens, width) of ``prompts`` (list of B strings).

        ``vectors`` (n, d) stand where v* is written; gradients reach them. Vectors (L, n, d) are layer-wise: the contexts
        are then (L, B, tokens, width), layer l's with the vectors[l] in it. What an SDXL U-Net is told beside the tokens, the
        pooled text, is one row more (``with_pooled``); trainers only hand it on.
        """

    def word_vectors(self, words):
        """The vocabulary's static vectors (k, d) of the k tokens of ``words``."""

    def predict_noise(self, z_t, t, context):
        """The U-Net's eps (B, C, h, w) for noisy latents z_t at timesteps t (B,), also where it predicts v.

        context: (B, tokens, width) for every cross-attention layer alike, or (L, B, tokens, width), one for each.
        """

    def attention_projections(self):
        """The linear layers of the U-Net's self- and cross-attentions, as ``attention_projections`` finds them."""

    def unet_names(self):
        """diffusers' name -> the name in ``unet`` of each of its weights, sorted, so that engines agree on the order."""

    def fingerprint(self):
        """sha256 over every weight that takes part, as loaded."""


def with_pooled(context, pooled):
    """Contexts (B, tokens, width) with the pooled texts (B, p) as one row more, filled up with zeros."""
    return torch.cat([context, pad(pooled, (0, context.shape[-1] - pooled.shape[-1]))[:, None]], 1)


def without_pooled(context, width):
    """``with_pooled`` undone: (contexts, pooled texts (B, width)); of layer-wise contexts (L, B, ...) layer 0's."""
    first = context[0] if context.ndim == 4 else context
    return context[..., :-1, :], first[:, -1, :width]


def attention_projections(unet):
    """The q, k, v and out layers of every attention of a U-Net, which ComfyUI and diffusers name alike: a list of modules."""
    return [layer for name, layer in unet.named_modules() if re.search(r"\.attn[12]\.to_(q|k|v|out\.0)$", name)]


def sha256_of(modules, unused=()):
    """Over the names and bytes of every weight of ``modules`` but those of the ``unused`` names."""
    digest = hashlib.sha256()
    for module in modules:
        for key, value in sorted(module.state_dict().items()):
            if key not in unused:
                digest.update(key.encode())
                digest.update(value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def add_noise(engine, z_0, noise, t):
    """Eq. 1 in closed form: z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) noise, per image."""
    abar = engine.alphas_cumprod.to(z_0.device)[t].view(-1, 1, 1, 1)
    return abar.sqrt() * z_0 + (1 - abar).sqrt() * noise


def noise_of_velocity(alphas_cumprod, v, z_t, t):
    """eps (B, C, h, w) that a prediction of v (Salimans & Ho 2022) means for z_t at timesteps t (B,)."""
    abar = alphas_cumprod.to(z_t.device)[t].view(-1, 1, 1, 1)
    return abar.sqrt() * v + (1 - abar).sqrt() * z_t
