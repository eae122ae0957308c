"""Extends an InstructPix2Pix checkpoint by a style image: 8 input channels become 12.

Channels are, in this order: noisy latents, the image's encoding, the style image's. What is new is zero or multiplied
by zero, so the extended model draws what the plain one does until it is trained.
Source: Benarous et al. 2025, section 3.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

from ...errors import InteractiveActionError
from .attention import StyleAttention

UNET = "model.diffusion_model."
CONV_IN = f"{UNET}input_blocks.0.0.weight"
ATTENTION = f"{UNET}style_attention."
PLAIN_CHANNELS, EXTENDED_CHANNELS = 8, 12  # input channels of InstructPix2Pix and of ours
ORIGIN = "interactive_action.extended_from"  # the metadata's key of the plain model's ``fingerprint``
_OTHERS = {
    4: ": it draws from text alone",
    9: ": it is an inpainting model",
    EXTENDED_CHANNELS: ": it takes a style image already",
}


def extend_checkpoint(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns a checkpoint's tensors with style channels and the cross-attention, and without a training's averages.

    Args:
        state: those of an SD 1.x InstructPix2Pix.

    Raises:
        InteractiveActionError: they are not.
    """
    require_instruct_pix2pix(state)
    weight = state[CONV_IN]
    [context_dim] = {value.shape[1] for key, value in state.items() if key.endswith("attn2.to_k.weight")}
    attention = StyleAttention.untrained(context_dim, len(weight)).state_dict()
    return {
        **{key: value for key, value in state.items() if not key.startswith("model_ema.")},
        CONV_IN: widen(weight, EXTENDED_CHANNELS),
        **{f"{ATTENTION}{key}": value.to(weight.dtype) for key, value in attention.items()},
    }


def widen(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """Returns a first convolution's weights for more input channels, which are zero: as InstructPix2Pix itself began.

    Args:
        weight: (out, in, 3, 3).
        channels: as many inputs as there are to be.
    """
    return torch.nn.functional.pad(weight, (0, 0, 0, 0, 0, channels - weight.shape[1]))


def require_instruct_pix2pix(state: Mapping[str, torch.Tensor]) -> None:
    """Raises a sentence unless ``state`` is an SD 1.x InstructPix2Pix with its text encoder."""
    if CONV_IN not in state or not any(key.startswith("cond_stage_model.transformer.") for key in state):
        raise InteractiveActionError(
            "This file is not an SD 1.x checkpoint with U-Net and text encoder. Choose the checkpoint of an SD 1.x "
            "InstructPix2Pix."
        )
    channels = state[CONV_IN].shape[1]
    if channels != PLAIN_CHANNELS:
        raise InteractiveActionError(
            f"This checkpoint's U-Net takes {channels} input channels{_OTHERS.get(channels, '')}. InstructPix2Pix "
            f"takes {PLAIN_CHANNELS}: choose such a checkpoint."
        )


def fingerprint(state: Mapping[str, torch.Tensor]) -> str:
    """Returns sha256 of the first convolution: it tells checkpoints apart without reading gigabytes."""
    return hashlib.sha256(state[CONV_IN].contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
