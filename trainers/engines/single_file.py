"""Reads a single-file SD 1.x checkpoint, such as ComfyUI's, as a ``DiffusersEngine``.

diffusers fetches a configuration for that from the network; here the weights' shapes tell everything but the number
of attention heads, which is SD 1.x's, or that of the embedded miniature.
"""

import functools
import pathlib
import re

import safetensors

from ...errors import InteractiveActionError, MissingExtraError
from ...miniature.base import END, HEAD, START
from ...miniature.export import TABLE_IDS, expanded_vocabulary
from .diffusers import DiffusersEngine, libraries

UNET, TEXT, AUTOENCODER = "model.diffusion_model.", "cond_stage_model.transformer.", "first_stage_model."
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LATENT_SCALE = 0.18215


def load_single_file(path, prediction_type=None, **options):
    """The ``DiffusersEngine`` of a checkpoint; it predicts noise unless the file or ``prediction_type`` says v.

    options: ``device``, ``dtype`` and ``checkpointing`` of ``DiffusersEngine``.
    """
    diffusers, _ = libraries()
    path = pathlib.Path(path)
    state = _read(path, (UNET, TEXT, "cond_stage_model.", "v_pred"))
    if not any(key.startswith(TEXT) for key in state) or f"{UNET}input_blocks.0.0.weight" not in state:
        raise InteractiveActionError(
            f"{path.name} cannot be trained on: it is not an SD 1.x checkpoint with U-Net and CLIP text encoder. Choose one, or for "
            f"SD 2.x give the folder of its diffusers form."
        )
    miniature = TABLE_IDS in state
    return DiffusersEngine(
        _unet(state, miniature),
        _text_encoder(expanded_vocabulary(state), miniature),
        clip_tokenizer(),
        functools.partial(_autoencoder, path),
        diffusers.DDPMScheduler(**SCHEDULE).alphas_cumprod,
        prediction_type or ("v_prediction" if "v_pred" in state else "epsilon"),
        **options,
    )


def clip_tokenizer():
    """CLIP's tokenizer as transformers makes it, from the vocabulary that open_clip brings along."""
    _, transformers = libraries()
    try:
        from open_clip.tokenizer import SimpleTokenizer
    except ImportError as error:
        raise MissingExtraError("open_clip, which brings the vocabulary of a single-file checkpoint,", "train") from error
    spoken = SimpleTokenizer()
    words = {**spoken.encoder, "<|startoftext|>": START, "<|endoftext|>": END}
    vocabulary = {word: number for word, number in words.items() if word not in ("<start_of_text>", "<end_of_text>")}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=list(spoken.bpe_ranks))


def _unet(state, miniature):
    """A UNet2DConditionModel with the checkpoint's weights."""
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    unet = {key.removeprefix(UNET): value for key, value in state.items() if key.startswith(UNET)}
    places = _numbers(unet, "input_blocks")
    levels, channels, attention = [[]], [], []
    for place in places[1:]:
        if f"input_blocks.{place}.0.op.weight" in unet:
            levels.append([])
        else:
            levels[-1].append(place)
    for level in levels:
        channels.append(len(unet[f"input_blocks.{level[-1]}.0.out_layers.3.weight"]))
        attention.append(f"input_blocks.{level[-1]}.1.proj_in.weight" in unet)
    [context] = {value.shape[1] for key, value in unet.items() if key.endswith("attn2.to_k.weight")}
    config = {
        "in_channels": unet["input_blocks.0.0.weight"].shape[1],
        "out_channels": len(unet["out.2.weight"]),
        "block_out_channels": channels,
        "layers_per_block": len(levels[0]),
        "down_block_types": ["CrossAttnDownBlock2D" if crossed else "DownBlock2D" for crossed in attention],
        "up_block_types": ["CrossAttnUpBlock2D" if crossed else "UpBlock2D" for crossed in reversed(attention)],
        "cross_attention_dim": context,
        # diffusers' name is wrong: it is the number of heads
        "attention_head_dim": [count // HEAD for count in channels] if miniature else 8,
    }
    model = UNet2DConditionModel(**config)
    model.load_state_dict(convert_ldm_unet_checkpoint(state, config))
    return model


def _text_encoder(state, miniature):
    """A CLIPTextModel with the checkpoint's weights."""
    from transformers import CLIPTextConfig, CLIPTextModel

    text = {key.removeprefix(TEXT).removeprefix("text_model."): value for key, value in state.items() if key.startswith(TEXT)}
    text.pop("embeddings.position_ids", None)  # counted, not learned
    vocabulary, width = text["embeddings.token_embedding.weight"].shape
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=len(text["encoder.layers.0.mlp.fc1.weight"]),
            num_hidden_layers=len(_numbers(text, "encoder.layers")),
            num_attention_heads=width // (HEAD if miniature else 64),
            max_position_embeddings=len(text["embeddings.position_embedding.weight"]),
            bos_token_id=START,
            eos_token_id=END,
        )
    )
    model.load_state_dict({key if key in model.state_dict() else f"text_model.{key}": value for key, value in text.items()})
    return model


def _autoencoder(path):
    """An AutoencoderKL, or AutoencoderTiny where the checkpoint has TAESD's weights."""
    from diffusers import AutoencoderKL, AutoencoderTiny
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    state = _read(path, (AUTOENCODER,))
    tiny = {key.removeprefix(f"{AUTOENCODER}taesd_"): value for key, value in state.items() if ".taesd_" in key}
    if tiny:
        # ComfyUI divides TAESD's latents by vae_scale and multiplies by LATENT_SCALE
        model = AutoencoderTiny(scaling_factor=LATENT_SCALE / float(state.get(f"{AUTOENCODER}vae_scale", 1.0)))
        model.load_state_dict({_tiny_key(key): value for key, value in tiny.items()})
        return model
    levels = _numbers(state, f"{AUTOENCODER}encoder.down")
    model = AutoencoderKL(
        block_out_channels=[len(state[f"{AUTOENCODER}encoder.down.{level}.block.0.conv2.weight"]) for level in levels],
        layers_per_block=len(_numbers(state, f"{AUTOENCODER}encoder.down.0.block")),
        down_block_types=["DownEncoderBlock2D"] * len(levels),
        up_block_types=["UpDecoderBlock2D"] * len(levels),
        latent_channels=4,
        scaling_factor=LATENT_SCALE,
    )
    model.load_state_dict(convert_ldm_vae_checkpoint(state, model.config))
    return model


def _tiny_key(key):
    """diffusers' name of a weight of TAESD, whose decoder counts the clamp before its first layer."""
    side, number, rest = key.split(".", 2)
    return f"{side}.layers.{int(number) - (side == 'decoder')}.{rest}"


def _read(path, prefixes):
    """The tensors of ``path`` whose names begin with one of ``prefixes``, in float32."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys() if key.startswith(prefixes)}  # noqa: SIM118 (not a dict)
    except (OSError, safetensors.SafetensorError) as error:
        raise InteractiveActionError(f"The checkpoint {path.name} could not be read: {error}. Give a .safetensors file.") from error
    return {key: value.float() if value.is_floating_point() else value for key, value in found.items()}


def _numbers(state, name):
    """The numbers that stand after ``name`` in the weights' names, sorted."""
    found = (re.match(rf"{re.escape(name)}\.(\d+)\.", key) for key in state)
    return sorted({int(match[1]) for match in found if match})
