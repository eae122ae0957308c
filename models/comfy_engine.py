"""ComfyUI's loaded MODEL, CLIP and VAE as an ``Engine``. ``comfy_gradients`` lets gradients through them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from comfy import model_management
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from comfy.model_base import SDXL, ModelType
from comfy.utils import unet_to_diffusers
from einops import rearrange

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from .comfy_families import TRAINABLE, encoder_names, family_of_clip, family_of_model
from .comfy_gradients import alphas_cumprod, copied_for_backward, gradients, predict_noise, static, to_trainable
from .comfy_images import decode_latents, encode_images
from .comfy_layerwise import LayerPatch, cross_attention_layers
from .comfy_tokens import learned_words
from .comfy_transformer import ComfyTransformerEngine
from .gradient_checkpointing import checkpointed
from .protocol import append_pooled, attention_projections, sha256_of, split_pooled
from .schedules import VariancePreserving

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP, VAE
    from typing_extensions import Self


class ComfyEngine:
    """What was loaded in a graph, for training; ``Engine`` says what its methods give.

    Use as a context manager around everything that needs gradients::

        with ComfyEngine(model, clip, vae) as engine:
            ...

    Weights keep their values; leaving the context leaves sampling with the same MODEL unchanged to the pixel.

    Args:
        model: ComfyUI's MODEL.
        clip: CLIP of the same checkpoint.
        vae: VAE of the same checkpoint.
        gradient_checkpointing: compute most activations again in the backward pass instead of keeping them.

    Raises:
        InteractiveActionError: the parts are not of SD 1.x, SD 2.x or SDXL or do not belong together, or the CLIP
            already knows a layer-wise token.
    """

    def __init__(self, model: ModelPatcher, clip: CLIP, vae: VAE, gradient_checkpointing: bool = False) -> None:
        self._parts = _require_trainable(model.model, clip)
        self._patcher = static(model)
        if clip.patcher.is_dynamic():
            clip = clip.clone(disable_dynamic=True)
            clip.cond_stage_model = clip.patcher.model
        self._clip, self._vae, self._checkpointing = clip, vae, gradient_checkpointing
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(gradients())
            self._load()
            self.device: torch.device = self._patcher.load_device
            self.schedule = VariancePreserving(alphas_cumprod(self._model))
            self.widths = tuple(table.shape[1] for table in self._tables)
            self._layer_patch = LayerPatch(cross_attention_layers(self.unet))
            expected = self._model.model_config.unet_config.get("context_dim")
            if expected != self.width:
                raise InteractiveActionError(
                    f"This CLIP is {self.width} wide and the MODEL expects {expected}. Take MODEL and CLIP from the "
                    "same checkpoint."
                )
            if self._checkpointing:
                stack.enter_context(checkpointed(*checkpoint_levels(self.unet), ResBlock))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _load(self) -> None:
        model_management.load_models_gpu([self._patcher, self._clip.patcher], force_full_load=True)
        self._model, self._encoder = self._patcher.model, self._clip.cond_stage_model
        to_trainable(self._model)
        to_trainable(self._encoder)

    @property
    def layers(self) -> int:
        """See ``Engine.layers``."""
        return len(self._layer_patch.index)

    @property
    def width(self) -> int:
        """See ``Engine.width``."""
        return sum(self.widths)

    @property
    def lora_prefix(self) -> str:
        """See ``Engine.lora_prefix``."""
        return ""

    @property
    def encoders(self) -> tuple[str, ...]:
        """See ``Engine.encoders``."""
        return tuple(self._parts)

    @property
    def units(self) -> tuple[float, ...]:
        """See ``Engine.units``: learning rates are for these encoders' tables."""
        return (1.0,) * len(self.widths)

    @property
    def unet(self) -> torch.nn.Module:
        """See ``Engine.unet``."""
        unet: torch.nn.Module = self._model.diffusion_model
        return unet

    @property
    def _tables(self) -> list[torch.Tensor]:
        return [getattr(self._encoder, part).transformer.get_input_embeddings().weight for part in self._parts]

    @property
    def _pooled(self) -> bool:
        return isinstance(self._model, SDXL)

    def encode_images(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``Engine.encode_images``."""
        mean, std = encode_images(self._vae, self._model, images)
        self._load()
        return mean.to(self.device), std.to(self.device)

    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """See ``Engine.decode_latents``."""
        try:
            return decode_latents(self._vae, self._model, latents)
        finally:
            self._load()  # the autoencoder may have taken the U-Net's place

    def encode_prompts(self, prompts: Sequence[str], vectors: torch.Tensor | None = None) -> torch.Tensor:
        """See ``Engine.encode_prompts``."""
        layerwise = vectors is not None and vectors.ndim == 3
        versions = list(vectors) if vectors is not None and layerwise else [vectors]
        rows = []
        for number, part in enumerate(self._parts):
            own = [None if version is None else version.split(self.widths, -1)[number] for version in versions]
            rows.append([self._tokens(part, prompt, version) for version in own for prompt in prompts])
        if len({len(row) for row in rows[0]}) > 1:
            raise InteractiveActionError("The prompts of one batch have different lengths. Keep each below 75 tokens.")
        encoder = self._encoder
        encoder.reset_clip_options()
        if self._clip.layer_idx is not None:
            encoder.set_clip_options({"layer": self._clip.layer_idx})
        encoder.set_clip_options({"execution_device": self._clip.patcher.load_device})
        with copied_for_backward():
            outputs = [getattr(encoder, part).encode(own) for part, own in zip(self._parts, rows)]
        words, pooled, *_ = zip(*outputs)
        context = torch.cat(words, -1)
        if self._pooled:
            context = append_pooled(context, pooled[-1])
        context = rearrange(context, "(layers b) tokens d -> layers b tokens d", layers=len(versions)).to(self.device)
        return context if layerwise else context[0]

    def word_vectors(self, words: str) -> torch.Tensor:
        """See ``Engine.word_vectors``."""
        with torch.no_grad():
            rows = []
            for part, table in zip(self._parts, self._tables):
                ids = [token for row in self._tokenize(part, words) for token, _, word in row if word]
                rows.append(table[torch.tensor(ids, dtype=torch.long, device=table.device)])
            return torch.cat(rows, -1).float().clone()

    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """See ``Engine.predict_noise``."""
        options: dict[str, Any] = {}
        conditions = {}
        if self._pooled:
            height, width = (8 * size for size in z_t.shape[-2:])
            context, pooled = split_pooled(context, self.widths[-1])
            conditions["y"] = self._model.encode_adm(pooled_output=pooled, height=height, width=width)
        if context.ndim == 4:
            context = rearrange(context, "layers b tokens d -> b (layers tokens) d")
            options["patches"] = {"attn2_patch": [self._layer_patch]}
        return predict_noise(self._model, z_t, t, options, c_crossattn=context, **conditions)

    def attention_projections(self) -> list[torch.nn.Module]:
        """See ``Engine.attention_projections``."""
        return attention_projections(self.unet)

    def unet_names(self) -> dict[str, str]:
        """See ``Engine.unet_names``."""
        known = {name for name, _ in self.unet.named_parameters()}
        names = unet_to_diffusers(self._model.model_config.unet_config)
        return {theirs: ours for theirs, ours in sorted(names.items()) if ours in known}

    def token_metadata(self, prompt: str) -> dict[str, str]:
        """See ``Engine.token_metadata``."""
        return {}

    def fingerprint(self) -> str:
        """See ``Engine.fingerprint``."""
        # CLIP's projection of the pooled text is in no checkpoint's file; ComfyUI leaves in it what lay in that memory
        pooled = self._parts[-1:] if self._pooled else []
        unused = {f"{part}.transformer.text_projection.weight" for part in self._parts if part not in pooled}
        return sha256_of((self.unet, self._encoder, self._vae.first_stage_model), unused)

    def _tokenize(self, part: str, text: str) -> list[list[tuple[Any, float, int]]]:
        """Chunks of (token, weight, word id); an encoder's key in a tokenizer's output is l of clip_l."""
        chunks = self._clip.tokenize(text, return_word_ids=True, disable_weights=True)
        rows: list[list[tuple[Any, float, int]]] = chunks[part.removeprefix("clip_")]
        return rows

    def _tokens(self, part: str, prompt: str, vectors: torch.Tensor | None) -> list[Any]:
        """One row of tokens and vectors; these stand where the placeholder is, which the tokenizer need not know."""
        before, marker, after = prompt.partition(PLACEHOLDER)
        if not marker or vectors is None:
            rows = self._tokenize(part, prompt)
            if len(rows) != 1:
                raise _too_long(prompt)
            return [token for token, _, _ in rows[0]]
        [start, *first], [_, *second] = (self._tokenize(part, text)[0] for text in (before, after))
        words = [token for token, _, word in first if word] + list(vectors.unbind())
        words += [token for token, _, word in second if word]
        padding = [token for token, _, word in second if not word]
        length = 1 + len(first)
        row = [start[0], *words, padding[0]]
        if len(row) > length:
            raise _too_long(prompt)
        return row + [padding[-1]] * (length - len(row))


def engine_for(
    model: ModelPatcher, clip: CLIP, vae: VAE, gradient_checkpointing: bool = False
) -> ComfyEngine | ComfyTransformerEngine:
    """Returns the engine on what was loaded in a graph, by the family of its MODEL. Arguments: ``ComfyEngine``."""
    kind = ComfyEngine if family_of_model(model.model) is None else ComfyTransformerEngine
    return kind(model, clip, vae, gradient_checkpointing)


def _too_long(prompt: str) -> InteractiveActionError:
    return InteractiveActionError(f"The prompt {prompt!r} is longer than the text encoder's window. Shorten it.")


def _require_trainable(network: Any, clip: CLIP) -> list[str]:
    """The names of the text encoders; a sentence unless model and encoders are of a family that can be trained."""
    unet = (
        isinstance(network.diffusion_model, UNetModel)
        and network.latent_format.latent_channels == network.diffusion_model.in_channels == 4
    )
    if (
        not unet
        or network.model_type not in (ModelType.EPS, ModelType.V_PREDICTION)
        or bool(network.adm_channels) != isinstance(network, SDXL)
    ):
        raise InteractiveActionError(
            f"Tokens can be trained on {TRAINABLE}, and this MODEL is a {type(network.model_config).__name__}. Load "
            "one of those, or a fine-tune."
        )
    parts = encoder_names(clip) if family_of_clip(clip) is None else None
    if parts is None or isinstance(network, SDXL) != (len(parts) == 2):
        raise InteractiveActionError(
            "Tokens can be trained with the text encoders of SD 1.x, SD 2.x and SDXL, and this CLIP is a "
            f"{type(clip.cond_stage_model).__name__}. Connect the CLIP of the MODEL's checkpoint."
        )
    words = [vectors for part in parts for vectors in learned_words(getattr(clip.tokenizer, part)).values()]
    if any(vectors.ndim == 3 for vectors in words):
        raise InteractiveActionError(
            "This CLIP already knows a layer-wise token, beside which no other can be trained. Connect the CLIP of "
            "the checkpoint loader."
        )
    return parts


def checkpoint_levels(unet: Any) -> tuple[list[torch.nn.Module], list[torch.nn.Module]]:
    """Returns (the outer two levels, all else) of ComfyUI's U-Net, as modules in the order of its forward pass."""
    blocks = 1 + sum(count + 1 for count in unet.num_res_blocks[:2])
    down, up = unet.input_blocks, unet.output_blocks
    return [*down[:blocks], *up[1 - blocks :]], [*down[blocks:], unet.middle_block, *up[: 1 - blocks]]
