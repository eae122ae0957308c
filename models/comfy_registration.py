"""Model classes that ComfyUI lacks, so that its stock loader, encoder and samplers take our checkpoints.

One is the compact Stable Diffusion 1 of the embedded checkpoints. The others are the style-conditioned InstructPix2Pix,
of SD 1.5's size and compact: without them ComfyUI takes its 12 input channels for an inpainting model and fails when it
samples.
"""

from __future__ import annotations

import pathlib
from typing import Any, ClassVar

import torch
from comfy import model_base, sd1_clip, supported_models, supported_models_base, utils
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

from .compact_vocabulary import HEAD_CHANNELS, expanded_vocabulary
from .style_editor.attention import LATENTS, StyleAttention
from .style_editor.extend import EXTENDED_CHANNELS, PLAIN_CHANNELS

IMAGE, STYLE = "concat_latent_image", "style_latent_image"  # of conditionings; the first is ComfyUI's own name
COMPACT_CLIP = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_attention_heads": 128 // HEAD_CHANNELS,
    "num_hidden_layers": 2,
    "projection_dim": 128,
}
STYLE_KEYS = {"{}style_attention.to_q.weight": None}  # what a checkpoint must have, with its prefix


# Networks


class StyleUNet(UNetModel):
    """SD 1.x's U-Net behind a ``StyleAttention``; x holds noisy latents and the encodings of image and style image."""

    def __init__(
        self, *, context_dim: int, model_channels: int, dtype: Any, device: Any, operations: Any, **config: Any
    ) -> None:
        layers = {"dtype": dtype, "device": device, "operations": operations}
        super().__init__(context_dim=context_dim, model_channels=model_channels, **layers, **config)
        self.style_attention = StyleAttention(context_dim, model_channels, **layers)

    def _forward(
        self, x: torch.Tensor, timesteps: Any = None, context: Any = None, *arguments: Any, **named: Any
    ) -> torch.Tensor:
        noisy, conditions = x.split([EXTENDED_CHANNELS - LATENTS, LATENTS], 1)
        x = torch.cat([noisy, self.style_attention(conditions, context)], 1)
        noise: torch.Tensor = super()._forward(x, timesteps, context, *arguments, **named)
        return noise


class StyleModel(model_base.BaseModel):
    """The style-conditioned InstructPix2Pix: takes the two images from the conditioning."""

    def __init__(self, model_config: Any, model_type: Any, device: Any = None) -> None:
        super().__init__(model_config, model_type, device=device, unet_model=StyleUNet)

    def concat_cond(self, **conditions: Any) -> torch.Tensor:
        """Returns image and style image as the VAE encodes them: (B, 8, h, w).

        SD 1.5's InstructPix2Pix does not scale them. Absent ones are zero.
        """
        noise = conditions["noise"]

        def fitted(latents: torch.Tensor | None) -> torch.Tensor:
            if latents is None:
                return torch.zeros_like(noise)
            if latents.shape[2:] != noise.shape[2:]:
                latents = utils.common_upscale(latents, noise.shape[-1], noise.shape[-2], "bilinear", "center")
            fitted_batch: torch.Tensor = utils.repeat_to_batch_size(latents.to(noise), len(noise))
            return fitted_batch

        return torch.cat([fitted(conditions.get(key)) for key in (IMAGE, STYLE)], 1)


class CompactClip(sd1_clip.SD1ClipModel):
    """The text encoder of a compact checkpoint."""

    def __init__(self, device: str = "cpu", dtype: Any = None, model_options: Any = None, **more: Any) -> None:
        model_options = {**(model_options or {}), "clip_l_model_config": COMPACT_CLIP}
        super().__init__(device=device, dtype=dtype, model_options=model_options, **more)


# Checkpoints: ComfyUI takes the first class whose ``unet_config`` and ``required_keys`` a file has


class CompactSD15(supported_models.SD15):
    """Stable Diffusion 1 with 64 channels and a context of 128, numbers no other model has."""

    unet_config: ClassVar = {**supported_models.SD15.unet_config, "context_dim": 128, "model_channels": 64}
    unet_extra_config: ClassVar = {"num_heads": -1, "num_head_channels": HEAD_CHANNELS}
    base_checkpoint: ClassVar[pathlib.Path]  # whose autoencoder serves checkpoints that bring none

    def process_clip_state_dict(self, state_dict: Any) -> Any:
        """Restores CLIP's full vocabulary."""
        return super().process_clip_state_dict(expanded_vocabulary(state_dict))

    def process_vae_state_dict(self, state_dict: Any) -> Any:
        """Takes the base checkpoint's autoencoder where there is none."""
        if not state_dict:
            base = utils.load_torch_file(str(self.base_checkpoint), safe_load=True)
            state_dict = utils.state_dict_prefix_replace(base, {self.vae_key_prefix[0]: ""}, filter_keys=True)
        return super().process_vae_state_dict(state_dict)

    def clip_target(self, state_dict: Any = None) -> Any:
        """Returns the tokenizer and text encoder."""
        return supported_models_base.ClipTarget(sd1_clip.SD1Tokenizer, CompactClip)


class StyleSD15(supported_models.SD15):
    """A style-conditioned InstructPix2Pix of SD 1.5's size."""

    unet_config: ClassVar = {**supported_models.SD15.unet_config, "in_channels": EXTENDED_CHANNELS}
    required_keys: ClassVar = STYLE_KEYS

    def get_model(self, state_dict: Any, prefix: str = "", device: Any = None) -> Any:
        """Returns the model without its weights."""
        return StyleModel(self, _model_type(state_dict), device=device)


class CompactStyleSD15(CompactSD15):
    """A compact style-conditioned InstructPix2Pix."""

    unet_config: ClassVar = {**CompactSD15.unet_config, "in_channels": EXTENDED_CHANNELS}
    required_keys: ClassVar = STYLE_KEYS

    def get_model(self, state_dict: Any, prefix: str = "", device: Any = None) -> Any:
        """Returns the model without its weights."""
        return StyleModel(self, _model_type(state_dict), device=device)


class CompactInstructPix2Pix(CompactSD15):
    """A compact InstructPix2Pix."""

    unet_config: ClassVar = {**CompactSD15.unet_config, "in_channels": PLAIN_CHANNELS}
    required_keys: ClassVar[dict[str, Any]] = {}

    def get_model(self, state_dict: Any, prefix: str = "", device: Any = None) -> Any:
        """Returns the model without its weights."""
        return model_base.SD15_instructpix2pix(self, _model_type(state_dict), device=device)


CLASSES = (StyleSD15, CompactStyleSD15, CompactInstructPix2Pix, CompactSD15)


def _model_type(state_dict: Any) -> Any:
    return model_base.ModelType.V_PREDICTION if "v_pred" in state_dict else model_base.ModelType.EPS


def register(base_checkpoint: pathlib.Path) -> None:
    """Adds the classes to ComfyUI's, before those that would take the same files; doing it again changes nothing.

    Args:
        base_checkpoint: the embedded one, whose autoencoder serves compact checkpoints that bring none.
    """
    CompactSD15.base_checkpoint = base_checkpoint
    new = [kind for kind in CLASSES if kind not in supported_models.models]
    supported_models.models[:0] = new
