"""Reads and writes the single-file checkpoint of a style-conditioned InstructPix2Pix, the one that ComfyUI loads, without ComfyUI."""

import dataclasses
import pathlib

import safetensors
import torch

from ...errors import InteractiveActionError
from .. import single_file
from ..compact_vocabulary import expanded_vocabulary, is_compact
from ..diffusers_engine import libraries
from .attention import StyleAttention
from .extend import ATTENTION, CONV_IN, EXTENDED, UNET, write_checkpoint
from .model import StyleEditor

ENCODE_BATCH = 8
OWN_SCALE = f"{single_file.AUTOENCODER}vae_scale"  # of the autoencoder that a checkpoint of the miniature's kind brings


@dataclasses.dataclass
class Editor:
    """A checkpoint's parts, frozen and in float32; what is trained asks for its gradients itself.

    model: ``StyleEditor``. text_encoder: CLIPTextModel. tokenizer: CLIP's. autoencoder: AutoencoderKL or AutoencoderTiny.
    alphas_cumprod: float32 (T,), the noise schedule. names: the U-Net's names of weights in diffusers -> in the file.
    """

    path: pathlib.Path
    model: StyleEditor
    text_encoder: torch.nn.Module
    tokenizer: object
    autoencoder: torch.nn.Module
    alphas_cumprod: torch.Tensor
    names: dict

    def to(self, device):
        for part in (self.model, self.text_encoder, self.autoencoder):
            part.to(device)
        return self

    @torch.no_grad()
    def encode_images(self, images):
        """float32 (B, H, W, 3) in 0..1, H and W divisible by 8 -> what ``StyleEditor`` takes as image or style (B, 4, H/8, W/8).

        Times ``single_file.LATENT_SCALE`` they are z_0.
        """
        latents = []
        for batch in (images.movedim(-1, 1) * 2 - 1).split(ENCODE_BATCH):
            encoded = self.autoencoder.encode(batch.to(self.autoencoder.device))
            posterior = getattr(encoded, "latent_dist", None)  # TAESD has none
            latents.append(encoded.latents if posterior is None else posterior.mean)
        return torch.cat(latents) * (self.autoencoder.config.scaling_factor / single_file.LATENT_SCALE)

    @torch.no_grad()
    def decode_latents(self, z_0):
        """z_0 (B, 4, h, w) -> float32 (B, 8h, 8w, 3) in 0..1."""
        batches = (z_0 / self.autoencoder.config.scaling_factor).split(ENCODE_BATCH)
        pixels = torch.cat([self.autoencoder.decode(batch).sample for batch in batches])
        return (pixels / 2 + 0.5).clamp(0, 1).movedim(1, -1)

    @torch.no_grad()
    def encode_prompts(self, prompts):
        """B instructions -> contexts (B, 77, width); the empty one is left out by guidance."""
        window = self.text_encoder.config.max_position_embeddings
        ids = self.tokenizer(
            prompts, padding="max_length", max_length=window, truncation=True, return_tensors="pt"
        ).input_ids
        return self.text_encoder(input_ids=ids.to(self.text_encoder.device)).last_hidden_state

    def save(self, path):
        """Write the checkpoint with the model's present weights; text encoder and autoencoder are copied from the file it came from."""
        with safetensors.safe_open(self.path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = file.metadata()
        weights = {self.names[key]: value for key, value in self.model.unet.state_dict().items()}
        weights |= {f"{ATTENTION}{key}": value for key, value in self.model.style_attention.state_dict().items()}
        write_checkpoint(
            path, {**state, **{key: value.to("cpu", state[key].dtype) for key, value in weights.items()}}, metadata
        )


def load_editor(path, autoencoder=None):
    """The ``Editor`` in a checkpoint with 12 input channels; a sentence where there is none.

    autoencoder: the checkpoint whose autoencoder an editor has that brings none of its own, as the embedded one does.
    """
    diffusers, _ = libraries()
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    path = pathlib.Path(path)
    state = single_file.read_weights(path, (UNET, single_file.TEXT, "cond_stage_model.", "v_pred", OWN_SCALE))
    channels = state[CONV_IN].shape[1] if CONV_IN in state else "no"
    if channels != EXTENDED:
        raise InteractiveActionError(
            f"{path.name} is not a style-conditioned InstructPix2Pix: it has {channels} input channels, not {EXTENDED}. Extend an "
            f"InstructPix2Pix first, with the node Extend InstructPix2Pix for Style."
        )
    miniature = is_compact(state)
    attention = {key.removeprefix(ATTENTION): state.pop(key) for key in list(state) if key.startswith(ATTENTION)}
    style_attention = StyleAttention(attention["to_k.weight"].shape[1], len(attention["to_k.weight"]))
    style_attention.load_state_dict(attention)
    unet = single_file.read_unet(state, miniature)
    alphas_cumprod = diffusers.DDPMScheduler(**single_file.SCHEDULE).alphas_cumprod
    model = StyleEditor(unet, style_attention, alphas_cumprod if "v_pred" in state else None)
    text_encoder = single_file.read_text_encoder(expanded_vocabulary(state), miniature)
    has_autoencoder = OWN_SCALE in state or not miniature
    if not has_autoencoder and autoencoder is None:
        raise InteractiveActionError(
            f"{path.name} has no autoencoder of its own. Name the checkpoint of the base model whose autoencoder it uses."
        )
    autoencoder = single_file.read_autoencoder(path if has_autoencoder else autoencoder)
    for part in (model, text_encoder, autoencoder):
        part.eval().requires_grad_(False)
    names = convert_ldm_unet_checkpoint({key: key for key in state}, unet.config)
    return Editor(path, model, text_encoder, single_file.clip_tokenizer(), autoencoder, alphas_cumprod, names)
