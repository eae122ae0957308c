"""Reads and writes ComfyUI's checkpoint of a style-conditioned InstructPix2Pix without ComfyUI."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import safetensors
import torch
from einops import rearrange

from ...errors import InteractiveActionError
from ...tensor_files import write_safetensors
from .. import single_file
from ..compact_vocabulary import expanded_vocabulary, is_compact
from ..diffusers_engine import libraries
from .attention import StyleAttention
from .extend import ATTENTION, CONV_IN, EXTENDED_CHANNELS, UNET
from .model import StyleEditor

ENCODE_BATCH = 8
OWN_SCALE = f"{single_file.AUTOENCODER}vae_scale"  # of the autoencoder that a compact checkpoint brings


@dataclasses.dataclass
class Editor:
    """A checkpoint's parts, frozen and in float32; what is trained asks for its gradients itself.

    Args:
        path: of the checkpoint.
        model: the network.
        text_encoder: CLIPTextModel.
        tokenizer: CLIP's.
        autoencoder: AutoencoderKL or AutoencoderTiny.
        alphas_cumprod: float32 (T,), the noise schedule.
        names: the U-Net's names of weights in diffusers -> in the file.
    """

    path: pathlib.Path
    model: StyleEditor
    text_encoder: Any
    tokenizer: Any
    autoencoder: Any
    alphas_cumprod: torch.Tensor
    names: dict[str, str]

    def to(self, device: torch.device | str) -> Editor:
        """Moves all parts to ``device`` and returns the editor."""
        for part in (self.model, self.text_encoder, self.autoencoder):
            part.to(device)
        return self

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Returns what ``StyleEditor`` takes as image or style (B, 4, H/8, W/8); times ``LATENT_SCALE`` it is z_0.

        Args:
            images: float32 (B, H, W, 3) in 0..1, H and W divisible by 8.
        """
        latents = []
        for batch in (rearrange(images, "b h w c -> b c h w") * 2 - 1).split(ENCODE_BATCH):
            encoded = self.autoencoder.encode(batch.to(self.autoencoder.device))
            posterior = getattr(encoded, "latent_dist", None)  # TAESD has none
            latents.append(encoded.latents if posterior is None else posterior.mean)
        scale: float = self.autoencoder.config.scaling_factor / single_file.LATENT_SCALE
        return torch.cat(latents) * scale

    @torch.no_grad()
    def decode_latents(self, z_0: torch.Tensor) -> torch.Tensor:
        """Returns images float32 (B, 8h, 8w, 3) in 0..1 of z_0 (B, 4, h, w)."""
        batches = (z_0 / self.autoencoder.config.scaling_factor).split(ENCODE_BATCH)
        pixels = torch.cat([self.autoencoder.decode(batch).sample for batch in batches])
        return rearrange((pixels / 2 + 0.5).clamp(0, 1), "b c h w -> b h w c")

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """Returns contexts (B, 77, width) of B instructions; the empty one is for guidance."""
        window = self.text_encoder.config.max_position_embeddings
        ids = self.tokenizer(
            list(prompts), padding="max_length", max_length=window, truncation=True, return_tensors="pt"
        ).input_ids
        hidden: torch.Tensor = self.text_encoder(input_ids=ids.to(self.text_encoder.device)).last_hidden_state
        return hidden

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the checkpoint with the model's present weights.

        Text encoder and autoencoder are copied from the file that the editor came from.
        """
        with safetensors.safe_open(self.path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = file.metadata()
        weights = {self.names[key]: value for key, value in self.model.unet.state_dict().items()}
        weights |= {f"{ATTENTION}{key}": value for key, value in self.model.style_attention.state_dict().items()}
        stored = {key: value.to("cpu", state[key].dtype) for key, value in weights.items()}
        write_safetensors(path, {**state, **stored}, metadata)


def load_editor(path: str | pathlib.Path, autoencoder: str | pathlib.Path | None = None) -> Editor:
    """Returns the editor in a checkpoint with 12 input channels.

    Args:
        path: of the checkpoint.
        autoencoder: the checkpoint whose autoencoder serves an editor that brings none, as the embedded one.

    Raises:
        InteractiveActionError: the file cannot be read, holds no such editor, or brings no autoencoder.
        MissingExtraError: diffusers or open_clip is not installed.
    """
    diffusers, _ = libraries()
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    path = pathlib.Path(path)
    state = single_file.read_weights(path, (UNET, single_file.TEXT, "cond_stage_model.", "v_pred", OWN_SCALE))
    channels = state[CONV_IN].shape[1] if CONV_IN in state else "no"
    if channels != EXTENDED_CHANNELS:
        raise InteractiveActionError(
            f"{path.name} is not a style-conditioned InstructPix2Pix: it has {channels} input channels, not "
            f"{EXTENDED_CHANNELS}. Extend an InstructPix2Pix first, with the node Extend InstructPix2Pix for Style."
        )
    compact = is_compact(state)
    own = not compact or OWN_SCALE in state
    if not own and autoencoder is None:
        raise InteractiveActionError(
            f"{path.name} has no autoencoder of its own. Name the checkpoint of the base model whose autoencoder it "
            "uses."
        )
    attention = {key.removeprefix(ATTENTION): state.pop(key) for key in list(state) if key.startswith(ATTENTION)}
    style_attention = StyleAttention(attention["to_k.weight"].shape[1], len(attention["to_k.weight"]))
    style_attention.load_state_dict(attention)
    unet = single_file.read_unet(state, compact)
    alphas_cumprod = diffusers.DDPMScheduler(**single_file.SCHEDULE).alphas_cumprod
    model = StyleEditor(unet, style_attention, alphas_cumprod if "v_pred" in state else None)
    text_encoder = single_file.read_text_encoder(expanded_vocabulary(state), compact)
    vae = single_file.read_autoencoder(path if own or autoencoder is None else pathlib.Path(autoencoder))
    for part in (model, text_encoder, vae):
        part.eval().requires_grad_(False)
    names = convert_ldm_unet_checkpoint({key: key for key in state}, unet.config)
    return Editor(path, model, text_encoder, single_file.clip_tokenizer(), vae, alphas_cumprod, names)
