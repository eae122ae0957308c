"""The shipped file: U-Net, text encoder and autoencoder as one Stable Diffusion 1 checkpoint in fp16.

The text encoder's table keeps only the rows that captions use; ``expanded_vocabulary`` restores all 49408 at load.
"""

import os
from pathlib import Path

import torch

from .autoencoder import LATENT_SCALE, padded

FILE = Path(__file__).parents[1] / "models" / "checkpoints" / "interactive-action-miniature.safetensors"
VOCABULARY = 49408
TABLE = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
TABLE_IDS = "cond_stage_model.token_ids"

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


def ldm_key(key, attention_up=(False, True, True)):
    """The original Stable Diffusion name of a diffusers U-Net weight, for one residual block a level.

    ``attention_up``: whether each up block has attention (it moves the upsampler by one place).
    """
    for ours, theirs in _ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    side, rest = key.split(".", 1)
    if side == "mid_block":
        kind, index, rest = rest.split(".", 2)
        place = f"middle_block.{2 * int(index) if kind == 'resnets' else 1}"
    else:
        level, kind, index, rest = rest.split(".", 3)
        level, index = int(level), int(index)
        if kind == "downsamplers":
            return f"input_blocks.{2 * level + 2}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            return f"output_blocks.{2 * level + 1}.{1 + attention_up[level]}.{rest}"
        number = f"input_blocks.{2 * level + 1}" if side == "down_blocks" else f"output_blocks.{2 * level + index}"
        place = f"{number}.{0 if kind == 'resnets' else 1}"
    if kind == "resnets":
        part, rest = rest.split(".", 1)
        rest = f"{_RESNET[part]}.{rest}"
    return f"{place}.{rest}"


def checkpoint_state(unet, text, autoencoder, token_ids):
    """One state dict under a checkpoint's names. ``token_ids``: CLIP's ids of the text table's rows after the first."""
    state = {f"model.diffusion_model.{ldm_key(k)}": v for k, v in unet.state_dict().items()}
    for key, weight in text.state_dict().items():
        state[f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}"] = weight
    for key, weight in padded(autoencoder.state_dict()).items():
        state[f"first_stage_model.taesd_{key}"] = weight
    state = {key: weight.detach().half().contiguous().clone() for key, weight in state.items()}
    state[TABLE_IDS] = torch.tensor(token_ids, dtype=torch.int32)
    # ComfyUI multiplies latents by LATENT_SCALE before the U-Net, ours have unit variance already
    state["first_stage_model.vae_scale"] = torch.tensor(LATENT_SCALE)
    state["first_stage_model.vae_shift"] = torch.tensor(0.0)
    return state


def expanded_vocabulary(state):
    """Replace the compact text table by CLIP's full one; every token that was never learned gets row 0, "unknown"."""
    if TABLE_IDS in state:
        rows = state.pop(TABLE)
        full = rows[:1].repeat(VOCABULARY, 1)
        full[state.pop(TABLE_IDS).long()] = rows[1:]
        state[TABLE] = full
    return state


def write(path, state, metadata):
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    save_file(state, partial, metadata={k: str(v) for k, v in metadata.items()})
    os.replace(partial, path)


def read_modules(path=FILE):
    """The shipped file back as a diffusers U-Net, a transformers text encoder, and the whole state dict."""
    from safetensors.torch import load_file

    from .base_model import build

    state = load_file(path)
    unet, text = build()
    unet.load_state_dict({k: state[f"model.diffusion_model.{ldm_key(k)}"].float() for k in unet.state_dict()})
    prefix = "cond_stage_model.transformer.text_model."
    text.load_state_dict({k: state[prefix + k.removeprefix("text_model.")].float() for k in text.state_dict()})
    return unet.eval(), text.eval(), state
