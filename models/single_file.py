"""Reads a single-file SD 1.x, SD 2.x or SDXL checkpoint, such as ComfyUI's, as a ``DiffusersEngine``.

diffusers fetches a configuration for that from the network; here the weights' names and shapes tell everything but the
number of attention heads, which is the family's, or that of a compact checkpoint such as the embedded one.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import safetensors
import torch

from ..errors import InteractiveActionError, MissingExtraError
from .compact_vocabulary import END, HEAD_CHANNELS, START, expanded_vocabulary, is_compact
from .diffusers_engine import DiffusersEngine, libraries
from .text_encoders import TextEncoder

UNET, AUTOENCODER = "model.diffusion_model.", "first_stage_model."
TEXT, OPEN_TEXT = "cond_stage_model.transformer.", "cond_stage_model.model."  # SD 1.x; SD 2.x
XL_TEXT, XL_OPEN_TEXT = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
OPEN = (OPEN_TEXT, XL_OPEN_TEXT)  # of OpenCLIP
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LATENT_SCALE, XL_LATENT_SCALE = 0.18215, 0.13025
CLIP_HEAD_CHANNELS = 64  # of a head of every CLIP
TIME_WIDTH = 256  # numbers that tell an SDXL U-Net each of six sizes
Tensors = dict[str, torch.Tensor]


def load_single_file(path: str | pathlib.Path, prediction_type: str | None = None, **options: Any) -> DiffusersEngine:
    """Returns the engine of a checkpoint.

    Args:
        path: of a .safetensors file.
        prediction_type: "epsilon" or "v_prediction"; None: v if the file says so, otherwise epsilon. SD 2.x files of
            768 pixels do not say that they predict v.
        options: ``device``, ``dtype`` and ``gradient_checkpointing`` of ``DiffusersEngine``.

    Raises:
        InteractiveActionError: the file cannot be read or is of another family.
        MissingExtraError: diffusers or open_clip is not installed.
    """
    diffusers, _ = libraries()
    path = pathlib.Path(path)
    state = read_weights(path, (UNET, "cond_stage_model.", "conditioner.", "v_pred", "ztsnr", "edm_"))
    texts = [prefix for prefix in (TEXT, OPEN_TEXT, XL_TEXT, XL_OPEN_TEXT) if _any(state, prefix)]
    if (
        f"{UNET}input_blocks.0.0.weight" not in state
        or texts not in ([TEXT], [OPEN_TEXT], [XL_TEXT, XL_OPEN_TEXT])
        or _any(state, "edm_")
    ):
        raise InteractiveActionError(
            f"{path.name} cannot be trained on: it is not an SD 1.x, SD 2.x or SDXL checkpoint with U-Net and text "
            "encoders. Choose one, or the folder of its diffusers form."
        )
    compact, pair = is_compact(state), len(texts) == 2
    state = expanded_vocabulary(state)
    encoders = [
        TextEncoder(
            read_text_encoder(state, compact, prefix),
            clip_tokenizer("!" if prefix in OPEN else "<|endoftext|>"),
            penultimate=pair,
        )
        for prefix in texts
    ]
    return DiffusersEngine(
        read_unet(state, compact),
        encoders,
        functools.partial(read_autoencoder, path, XL_LATENT_SCALE if pair else LATENT_SCALE),
        diffusers.DDPMScheduler(**SCHEDULE, rescale_betas_zero_snr="ztsnr" in state).alphas_cumprod,
        prediction_type or ("v_prediction" if "v_pred" in state else "epsilon"),
        **options,
    )


def clip_tokenizer(pad: str = "<|endoftext|>") -> Any:
    """Returns CLIP's tokenizer as transformers makes it, from the vocabulary that open_clip brings along.

    Args:
        pad: the padding token; OpenCLIP's is "!".
    """
    _, transformers = libraries()
    try:
        from open_clip.tokenizer import SimpleTokenizer
    except ImportError as error:
        raise MissingExtraError(
            "open_clip, which brings the vocabulary of a single-file checkpoint,", "train"
        ) from error
    source = SimpleTokenizer()
    words = {**source.encoder, "<|startoftext|>": START, "<|endoftext|>": END}
    vocabulary = {word: number for word, number in words.items() if word not in ("<start_of_text>", "<end_of_text>")}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=list(source.bpe_ranks), pad_token=pad)


def read_unet(state: Tensors, compact: bool) -> Any:
    """Returns a UNet2DConditionModel with a checkpoint's weights.

    Args:
        state: the checkpoint's tensors.
        compact: it is of the embedded checkpoints' kind, with narrower heads.
    """
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    model: Any = UNet2DConditionModel(**_unet_config(_below(state, UNET), compact))
    model.load_state_dict(convert_ldm_unet_checkpoint(state, model.config))
    return model


def _unet_config(unet: Tensors, compact: bool) -> dict[str, Any]:
    """What the names and shapes of a U-Net's weights tell of its configuration in diffusers."""
    places = _numbers(unet, "input_blocks")
    levels: list[list[int]] = [[]]
    for place in places[1:]:
        if f"input_blocks.{place}.0.op.weight" in unet:
            levels.append([])
        else:
            levels[-1].append(place)
    channels = [len(unet[f"input_blocks.{level[-1]}.0.out_layers.3.weight"]) for level in levels]
    attention = [f"input_blocks.{level[-1]}.1.proj_in.weight" in unet for level in levels]
    [context] = {value.shape[1] for key, value in unet.items() if key.endswith("attn2.to_k.weight")}
    depths = [len(_numbers(unet, f"input_blocks.{level[-1]}.1.transformer_blocks")) for level in levels]
    middle = len(_numbers(unet, "middle_block.1.transformer_blocks"))
    linear = unet["middle_block.1.proj_in.weight"].ndim == 2
    heads = [count // (HEAD_CHANNELS if compact else 64) for count in channels]
    config: dict[str, Any] = {
        "in_channels": unet["input_blocks.0.0.weight"].shape[1],
        "out_channels": len(unet["out.2.weight"]),
        "block_out_channels": channels,
        "layers_per_block": len(levels[0]),
        "down_block_types": ["CrossAttnDownBlock2D" if crossed else "DownBlock2D" for crossed in attention],
        "up_block_types": ["CrossAttnUpBlock2D" if crossed else "UpBlock2D" for crossed in reversed(attention)],
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), depths[-1] or middle],
        "cross_attention_dim": context,
        "use_linear_projection": linear,
        # diffusers' name is wrong: it is the number of heads, 8 in SD 1.x; later ones have heads of 64 channels
        "attention_head_dim": heads if compact or linear else 8,
    }
    if "label_emb.0.0.weight" in unet:
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": TIME_WIDTH,
            "projection_class_embeddings_input_dim": unet["label_emb.0.0.weight"].shape[1],
        }
    return config


def read_text_encoder(state: Tensors, compact: bool, prefix: str = TEXT) -> Any:
    """Returns the CLIPTextModel, for SDXL's OpenCLIP with projection, whose weights begin with ``prefix``.

    Args:
        state: the checkpoint's tensors, with CLIP's full vocabulary.
        compact: it is of the embedded checkpoints' kind, with narrower heads.
        prefix: of the weights' names.
    """
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    text = {key.removeprefix("text_model."): value for key, value in _below(state, prefix).items()}
    of_open_clip = prefix in OPEN
    if of_open_clip:
        words, places, layers = "token_embedding.weight", "positional_embedding", "transformer.resblocks"
    else:
        words, places = "embeddings.token_embedding.weight", "embeddings.position_embedding.weight"
        layers = "encoder.layers"
    vocabulary, width = text[words].shape
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=len(text[f"{layers}.0.mlp.{'c_fc' if of_open_clip else 'fc1'}.weight"]),
        # SD 2.x does without the last layer
        num_hidden_layers=len(_numbers(text, layers)) - (prefix == OPEN_TEXT),
        num_attention_heads=width // (HEAD_CHANNELS if compact else CLIP_HEAD_CHANNELS),
        max_position_embeddings=len(text[places]),
        hidden_act="gelu" if of_open_clip else "quick_gelu",
        projection_dim=width,
        bos_token_id=START,
        eos_token_id=END,
    )
    model = (CLIPTextModelWithProjection if prefix == XL_OPEN_TEXT else CLIPTextModel)(config)
    known = model.state_dict()
    if of_open_clip:
        # under another prefix, since for SD 2.x's own diffusers leaves out layers by their number
        text = convert_open_clip_checkpoint(model, {f"text.{key}": value for key, value in text.items()}, "text.")
        text = {key.removeprefix("text_model."): value for key, value in text.items()}
    names = {key: key if key in known else f"text_model.{key}" for key in text}
    model.load_state_dict({names[key]: value for key, value in text.items() if names[key] in known})
    return model


def read_autoencoder(path: pathlib.Path, scale: float = LATENT_SCALE) -> Any:
    """Returns an AutoencoderKL, or AutoencoderTiny where the checkpoint has TAESD's weights.

    Args:
        path: of the checkpoint.
        scale: of the latents that the U-Net sees.
    """
    from diffusers import AutoencoderKL, AutoencoderTiny
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    state = read_weights(path, (AUTOENCODER,))
    tiny = {key.removeprefix(f"{AUTOENCODER}taesd_"): value for key, value in state.items() if ".taesd_" in key}
    if tiny:
        # ComfyUI divides TAESD's latents by vae_scale and multiplies by that of its latents
        model: Any = AutoencoderTiny(scaling_factor=scale / float(state.get(f"{AUTOENCODER}vae_scale", 1.0)))
        model.load_state_dict({_tiny_key(key): value for key, value in tiny.items()})
        return model
    levels = _numbers(state, f"{AUTOENCODER}encoder.down")
    model = AutoencoderKL(
        block_out_channels=[len(state[f"{AUTOENCODER}encoder.down.{level}.block.0.conv2.weight"]) for level in levels],
        layers_per_block=len(_numbers(state, f"{AUTOENCODER}encoder.down.0.block")),
        down_block_types=["DownEncoderBlock2D"] * len(levels),
        up_block_types=["UpDecoderBlock2D"] * len(levels),
        latent_channels=4,
        scaling_factor=scale,
    )
    model.load_state_dict(convert_ldm_vae_checkpoint(state, model.config))
    return model


def _tiny_key(key: str) -> str:
    """diffusers' name of a weight of TAESD, whose decoder counts the clamp before its first layer."""
    side, number, rest = key.split(".", 2)
    return f"{side}.layers.{int(number) - (side == 'decoder')}.{rest}"


def read_weights(path: pathlib.Path, prefixes: tuple[str, ...]) -> Tensors:
    """Returns the tensors of ``path`` whose names begin with one of ``prefixes``, in float32.

    Raises:
        InteractiveActionError: the file cannot be read.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            keys = [key for key in file.keys() if key.startswith(prefixes)]  # noqa: SIM118 (not a dict)
            state = {key: file.get_tensor(key) for key in keys}
    except (OSError, safetensors.SafetensorError) as error:
        raise InteractiveActionError(
            f"The checkpoint {path.name} could not be read: {error}. Give a .safetensors file."
        ) from error
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def _any(state: Iterable[str], prefix: str) -> bool:
    return any(key.startswith(prefix) for key in state)


def _below(state: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """The tensors whose names begin with ``prefix``, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _numbers(state: Iterable[str], name: str) -> list[int]:
    """The numbers that stand after ``name`` in the weights' names, sorted."""
    matches = (re.match(rf"{re.escape(name)}\.(\d+)\.", key) for key in state)
    return sorted({int(match[1]) for match in matches if match})
