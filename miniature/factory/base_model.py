"""The miniature base model: a U-Net and a text encoder of Stable Diffusion 1's architecture, and how it is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from ...models.compact_vocabulary import HEAD_CHANNELS
from ...models.sampling import DDIM, guided
from .autoencoder import LATENT_CHANNELS
from .everyday_render import PLACES
from .figures import SUBJECTS
from .nonce_tokens import NONCE_TOKENS
from .objects import OBJECTS
from .vocabulary import POSITIONS, CompactVocabulary
from .world_captions import PLAIN_PLACES, PREFIXES, VAGUE_WORDS

CONTEXT = 128  # width of the text encoder
CHANNELS = (64, 128, 192)
LATENT_SIZE = 12  # side, for images of 96 pixels


@cache
def vocabulary() -> CompactVocabulary:
    """Returns the vocabulary of all captions."""
    return CompactVocabulary.of(
        [
            *PREFIXES,
            *PLAIN_PLACES,
            *PLACES,
            *(words for words, _ in VAGUE_WORDS),
            *NONCE_TOKENS.values(),
            *SUBJECTS,
            *OBJECTS,
            "a an the one and red green blue yellow cube",
        ]
    )


def build() -> tuple[torch.nn.Module, torch.nn.Module]:
    """Builds an untrained UNet2DConditionModel and CLIPTextModel."""
    return build_unet(LATENT_CHANNELS, CHANNELS), build_text_encoder(vocabulary())


def build_unet(in_channels: int, channels: Sequence[int]) -> torch.nn.Module:
    """Builds an untrained UNet2DConditionModel.

    Args:
        in_channels: of its input; its output has ``LATENT_CHANNELS``.
        channels: of its three levels, of which the upper two have cross-attention.
    """
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor

    unet: Any = UNet2DConditionModel(
        in_channels=in_channels,
        out_channels=LATENT_CHANNELS,
        block_out_channels=tuple(channels),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=CONTEXT,
        attention_head_dim=tuple(c // HEAD_CHANNELS for c in channels),
    )
    unet.set_attn_processor(AttnProcessor())  # written out: fused attention is much slower backwards on a CPU
    module: torch.nn.Module = unet
    return module


def build_text_encoder(words: CompactVocabulary) -> torch.nn.Module:
    """Builds an untrained CLIPTextModel for a vocabulary."""
    from transformers import CLIPTextConfig, CLIPTextModel

    text_encoder: Any = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words.size,
            hidden_size=CONTEXT,
            intermediate_size=4 * CONTEXT,
            num_hidden_layers=2,
            num_attention_heads=CONTEXT // HEAD_CHANNELS,
            max_position_embeddings=POSITIONS,
            bos_token_id=0,
            eos_token_id=2,
        )
    )
    text_encoder.set_attn_implementation("eager")
    torch.nn.init.normal_(text_encoder.get_input_embeddings().weight, std=0.04)
    module: torch.nn.Module = text_encoder
    return module


def alphas_cumprod() -> torch.Tensor:
    """Computes Stable Diffusion 1's noise schedule, (1000,)."""
    return (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)


@torch.no_grad()
def sample(
    unet: torch.nn.Module,
    text_encoder: torch.nn.Module,
    prompts: Sequence[str],
    seed: int = 0,
    steps: int = 20,
    cfg: float = 4.0,
    size: int = LATENT_SIZE,
) -> torch.Tensor:
    """Samples latents by DDIM with classifier-free guidance.

    Args:
        unet, text_encoder: the base model.
        prompts: N of them.
        seed: of the noise.
        steps: of the sampler.
        cfg: weight of the guidance.
        size: side of the latents.

    Returns:
        Latents (N, 4, size, size).
    """
    rows = torch.tensor([vocabulary().rows(prompt) for prompt in [*prompts, *[""] * len(prompts)]])
    context = text_encoder(input_ids=rows).last_hidden_state
    noise = torch.randn(len(prompts), LATENT_CHANNELS, size, size, generator=torch.Generator().manual_seed(seed))

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        conditional, unconditional = unet(torch.cat([x, x]), torch.cat([t, t]), context).sample.chunk(2)
        return guided(unconditional, conditional, cfg)

    # the timesteps that ComfyUI's and diffusers' DDIM take
    return DDIM.leading(alphas_cumprod(), steps).sample(predict, noise)
