"""The shipped file: U-Net, text encoder and autoencoder as one Stable Diffusion 1 checkpoint in fp16.

The text encoder's table keeps only the rows that captions use; ``models.compact_vocabulary`` restores all 49408 at
load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...files import write_atomically
from ...models.compact_vocabulary import TABLE_IDS
from ...tensor_files import safetensors_bytes
from ..weights import CHECKPOINT
from .autoencoder import LATENT_SCALE, TAESD_BLOCKS, TAESD_WIDTHS, Autoencoder, padded
from .base_model import build

UNET = "model.diffusion_model."
TEXT = "cond_stage_model.transformer.text_model."
AUTOENCODER = "first_stage_model."
TAESD = f"{AUTOENCODER}taesd_"

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
}


def ldm_key(key: str, attention_up: Sequence[bool] = (False, True, True)) -> str:
    """Translates the name of a diffusers U-Net weight to Stable Diffusion's, for one residual block a level.

    Args:
        key: diffusers' name.
        attention_up: whether each up block has attention (it moves the upsampler by one place).
    """
    for ours, theirs in _ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    side, rest = key.split(".", 1)
    if side == "mid_block":
        kind, number, rest = rest.split(".", 2)
        place = f"middle_block.{2 * int(number) if kind == 'resnets' else 1}"
    else:
        level_number, kind, number, rest = rest.split(".", 3)
        level, index = int(level_number), int(number)
        if kind == "downsamplers":
            return f"input_blocks.{2 * level + 2}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            return f"output_blocks.{2 * level + 1}.{1 + attention_up[level]}.{rest}"
        block = f"input_blocks.{2 * level + 1}" if side == "down_blocks" else f"output_blocks.{2 * level + index}"
        place = f"{block}.{0 if kind == 'resnets' else 1}"
    if kind == "resnets":
        part, rest = rest.split(".", 1)
        rest = f"{_RESNET[part]}.{rest}"
    return f"{place}.{rest}"


def checkpoint_state(
    unet: torch.nn.Module, text_encoder: torch.nn.Module, autoencoder: Autoencoder, token_ids: Sequence[int]
) -> dict[str, torch.Tensor]:
    """Builds one state dict under a checkpoint's names.

    Args:
        unet: the U-Net.
        text_encoder: the text encoder.
        autoencoder: the autoencoder, thin.
        token_ids: CLIP's ids of the rows of the text encoder's table after the first.
    """
    state = unet_and_text_state(unet, text_encoder)
    state |= half({f"{TAESD}{key}": weight for key, weight in padded(autoencoder.state_dict()).items()})
    state[TABLE_IDS] = torch.tensor(token_ids, dtype=torch.int32)
    # ComfyUI multiplies latents by LATENT_SCALE before the U-Net, ours have unit variance already
    state[f"{AUTOENCODER}vae_scale"] = torch.tensor(LATENT_SCALE)
    state[f"{AUTOENCODER}vae_shift"] = torch.tensor(0.0)
    return state


def unet_and_text_state(unet: torch.nn.Module, text_encoder: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Builds the state dict of a U-Net and a text encoder under a checkpoint's names, in fp16."""
    state = {f"{UNET}{ldm_key(key)}": weight for key, weight in unet.state_dict().items()}
    state |= {text_key(key): weight for key, weight in text_encoder.state_dict().items()}
    return half(state)


def text_key(key: str) -> str:
    """Translates the name of a text encoder's weight in transformers to a checkpoint's."""
    return f"{TEXT}{key.removeprefix('text_model.')}"


def half(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies weights in fp16."""
    return {key: weight.detach().half().contiguous().clone() for key, weight in state.items()}


def write(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> None:
    """Writes a checkpoint with what its header says."""
    write_atomically(path, safetensors_bytes(dict(state), {key: str(value) for key, value in metadata.items()}))


def read_modules(
    path: Path = CHECKPOINT,
) -> tuple[torch.nn.Module, torch.nn.Module, Autoencoder]:
    """Reads the shipped file back as a diffusers U-Net, a transformers text encoder and the full-width autoencoder."""
    from safetensors.torch import load_file

    state = load_file(path)
    unet, text_encoder = build()
    unet.load_state_dict({key: state[f"{UNET}{ldm_key(key)}"].float() for key in unet.state_dict()})
    text_encoder.load_state_dict({key: state[text_key(key)].float() for key in text_encoder.state_dict()})
    autoencoder = Autoencoder(TAESD_WIDTHS, TAESD_BLOCKS)
    autoencoder.load_state_dict({key: state[f"{TAESD}{key}"].float() for key in autoencoder.state_dict()})
    return unet.eval(), text_encoder.eval(), autoencoder.eval()


def read_thin_autoencoder(path: Path = CHECKPOINT) -> Autoencoder:
    """Reads the shipped autoencoder without the zeros of ``padded``: the same function, many times faster."""
    from safetensors.torch import load_file

    model, state = Autoencoder(), load_file(path)
    thin = {
        key: state[f"{TAESD}{key}"][tuple(slice(n) for n in weight.shape)] for key, weight in model.state_dict().items()
    }
    model.load_state_dict(thin)
    return model.eval()
