"""What a trainer sees of a diffusion model: one small protocol, whatever library runs the model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from einops import rearrange
from torch.nn.functional import pad

from .contexts import Contexts
from .schedules import Schedule

CLIP_RMS = 0.0144  # of the numbers in the table of CLIP-L, for which the methods' learning rates were chosen


class Engine(Protocol):
    """A frozen latent diffusion model. B images, latents (B, C, h, w), contexts of B prompts.

    Attributes:
        device: where tensors given to ``predict_noise`` live.
        width: d, of a vector of the new word.
        lora_prefix: what stands before a layer's own name in a LoRA file, and a dot; empty: such names are diffusers'.
        encoders: names of its text encoders, ComfyUI's.
        widths: of the vocabulary tables of its text encoders, whose sum d is: a vector for SDXL is CLIP's, then
            OpenCLIP's behind it.
        units: of each text encoder, how much larger than CLIP's the numbers of its table are; 1 for CLIP's.
        layers: L, the cross-attention layers of the U-Net (16 in SD 1.x and 2.x), counted in the order of its forward
            pass: down from the image, middle, up to it again; within a block its transformer blocks in their order.
            0 of transformers, whose attention is joint.
        schedule: how noisy latents are made, and what a prediction means.
        unet: the U-Net's module, by whatever names its library gives its weights.
    """

    device: torch.device
    widths: tuple[int, ...]

    @property
    def lora_prefix(self) -> str:
        """What stands before a layer's own name in a LoRA file; empty where the file has diffusers' names."""

    @property
    def encoders(self) -> tuple[str, ...]:
        """ComfyUI's names of the text encoders, such as clip_l and t5xxl, as many as ``widths``."""

    @property
    def schedule(self) -> Schedule:
        """How noisy latents are made, and what a prediction means."""

    @property
    def units(self) -> tuple[float, ...]:
        """The size of the numbers in each text encoder's table, CLIP's being 1."""

    @property
    def width(self) -> int:
        """The sum of ``widths``."""

    @property
    def layers(self) -> int:
        """L, the number of cross-attention layers."""

    @property
    def unet(self) -> torch.nn.Module:
        """The U-Net's module."""

    def encode_images(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (mean, std) of the latents, each (B, C, h, w), scaled as the U-Net wants them.

        Args:
            images: float32 (B, H, W, 3) in 0..1; sides that are not divisible by 8 are cut.
        """

    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Returns images float32 (B, H, W, 3) in 0..1 on the CPU of latents as ``encode_images`` scales them."""

    def encode_prompts(self, prompts: Sequence[str], vectors: torch.Tensor | None = None) -> Contexts:
        """Returns what the network is told of B prompts.

        Of U-Nets contexts (B, tokens, width), of layer-wise vectors (L, B, tokens, width); what an SDXL U-Net is told
        beside the tokens, the pooled text, is one row more (``append_pooled``). Of transformers a ``Conditioning``.
        Trainers only hand it on.

        Args:
            prompts: B texts.
            vectors: (n, d) that stand where the placeholder is written, to which gradients flow; or (L, n, d), of which
                layer l's context has vectors[l].

        Raises:
            InteractiveActionError: a prompt is longer than the text encoder's window.
        """

    def word_vectors(self, words: str) -> torch.Tensor:
        """Returns the vocabulary's static vectors (k, d) of the k tokens of ``words``."""

    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, context: Contexts) -> torch.Tensor:
        """Returns the prediction (B, C, h, w) of the schedule's target: a U-Net's eps, also where it predicts v.

        Args:
            z_t: (B, C, h, w) noisy latents.
            t: (B,) timesteps.
            context: of ``encode_prompts``, for every cross-attention layer alike or one for each.
        """

    def attention_projections(self) -> list[torch.nn.Module]:
        """Returns the linear layers of the U-Net's attentions, as the function ``attention_projections`` finds them."""

    def unet_names(self) -> dict[str, str]:
        """Returns diffusers' name -> the name in ``unet`` of each weight, sorted: engines agree on the order."""

    def token_metadata(self, prompt: str) -> dict[str, str]:
        """Returns what a token's file says of the model's family and text encoders; nothing of Stable Diffusion's.

        Args:
            prompt: one that was trained on.
        """

    def fingerprint(self) -> str:
        """Returns sha256 over every weight that takes part, as loaded."""


def append_pooled(context: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
    """Returns contexts with the pooled texts as one row more, filled up with zeros: (B, tokens + 1, width).

    Args:
        context: (B, tokens, width).
        pooled: (B, p), p up to width.
    """
    row = rearrange(pad(pooled, (0, context.shape[-1] - pooled.shape[-1])), "b width -> b 1 width")
    return torch.cat([context, row], 1)


def split_pooled(context: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns what ``append_pooled`` joined: (contexts, pooled texts (B, width)), of layer-wise ones layer 0's."""
    first = context[0] if context.ndim == 4 else context
    return context[..., :-1, :], first[:, -1, :width]


def attention_projections(unet: torch.nn.Module) -> list[torch.nn.Module]:
    """Returns the q, k, v and out layers of every attention of a U-Net, which ComfyUI and diffusers name alike."""
    return [layer for name, layer in unet.named_modules() if re.search(r"\.attn[12]\.to_(q|k|v|out\.0)$", name)]


def sha256_of(modules: Iterable[torch.nn.Module], unused: Iterable[str] = ()) -> str:
    """Returns sha256 over the names and bytes of every weight of ``modules`` but those of the ``unused`` names."""
    digest, excluded = hashlib.sha256(), set(unused)
    for module in modules:
        for key, value in sorted(module.state_dict().items()):
            if key not in excluded:
                digest.update(key.encode())
                digest.update(value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
