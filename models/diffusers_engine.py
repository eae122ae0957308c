"""diffusers' U-Net and autoencoder with transformers' CLIP text encoders as an ``Engine``: trains without ComfyUI.

It is the command line's engine, and the oracle for ComfyUI's: on one checkpoint both give the same loss and gradient.
``single_file`` reads checkpoints, ``from_folder`` what diffusers saves. Nothing is fetched and nothing unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from einops import rearrange

from ..errors import InteractiveActionError, MissingExtraError
from .diffusers_images import decode_latents, encode_images
from .diffusers_unet import before_cross_attention, blocks, checkpointed_unet, cross_attentions, memoize_last
from .gradient_checkpointing import PatchedForwards
from .protocol import append_pooled, attention_projections, sha256_of, split_pooled
from .schedules import VariancePreserving
from .text_encoders import TextEncoder

if TYPE_CHECKING:
    from typing_extensions import Self

PREDICTION_TYPES = ("epsilon", "v_prediction")


class DiffusersEngine:
    """A frozen model, of which vectors and adapters alone get gradients; ``Engine`` says what its methods give.

    It is open once it is made, like a file: use it as a context manager, or call ``close``, to give the U-Net back
    without what was laid into it::

        with load_single_file(path) as engine:
            ...

    Args:
        unet: UNet2DConditionModel; it is frozen, and stays so.
        encoders: one text encoder (SD 1.x, 2.x) or two (SDXL: CLIP's, then OpenCLIP's).
        load_autoencoder: gives an AutoencoderKL or AutoencoderTiny when it is called; it is in memory only while images
            are encoded or decoded.
        alphas_cumprod: (T,), the noise schedule.
        prediction_type: what the U-Net was trained to predict, of ``PREDICTION_TYPES``.
        device: of U-Net and text encoders.
        dtype: in which they compute; vectors, latents and noise are float32 always.
        gradient_checkpointing: compute most activations again in the backward pass instead of keeping them.

    Raises:
        InteractiveActionError: the parts do not belong together, or are not of the SD 1.x, SD 2.x or SDXL family.
    """

    def __init__(
        self,
        unet: Any,
        encoders: Sequence[TextEncoder],
        load_autoencoder: Callable[[], Any],
        alphas_cumprod: torch.Tensor,
        prediction_type: str = "epsilon",
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        gradient_checkpointing: bool = False,
    ) -> None:
        self.widths = tuple(encoder.width for encoder in encoders)
        self._pooled = unet.config.addition_embed_type == "text_time"
        self._require_fit(unet, encoders, prediction_type)
        self.device = torch.device(device)
        self.schedule = VariancePreserving(alphas_cumprod.float().cpu())
        self._dtype, self._v_prediction = dtype, prediction_type == "v_prediction"
        for part in (unet, *(encoder.model for encoder in encoders)):
            # not diffusers' own `to`, which warns of any cast
            torch.nn.Module.to(part, self.device, dtype).eval().requires_grad_(False)
        self.unet, self._encoders, self._load_autoencoder = unet, list(encoders), load_autoencoder
        attentions = cross_attentions(unet)
        self.layers = len(attentions)
        with contextlib.ExitStack() as stack:
            if gradient_checkpointing:
                stack.enter_context(checkpointed_unet(unet))
            parts = before_cross_attention(unet)
            stack.enter_context(PatchedForwards([(part, functools.partial(memoize_last, part)) for part in parts]))
            for layer, attention in enumerate(attentions):
                hook = functools.partial(self._select_layer, layer)
                stack.callback(attention.register_forward_pre_hook(hook, with_kwargs=True).remove)
            self._patches = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes everything out of the U-Net that the engine laid into it. The engine cannot be used afterwards."""
        self._patches.close()

    @classmethod
    def from_folder(
        cls, folder: str | pathlib.Path, prediction_type: str | None = None, **options: Any
    ) -> DiffusersEngine:
        """Returns the model that diffusers saved to ``folder``.

        Args:
            folder: with unet, text_encoder, tokenizer, vae and scheduler.
            prediction_type: None: the scheduler's.
            options: ``device``, ``dtype`` and ``gradient_checkpointing``.

        Raises:
            InteractiveActionError: a part is missing or cannot be read.
        """
        diffusers, transformers = libraries()
        folder = pathlib.Path(folder)
        parts = ("unet", "text_encoder", "tokenizer", "vae", "scheduler")
        missing = [part for part in parts if not (folder / part).is_dir()]
        if missing:
            raise InteractiveActionError(
                f"{folder.name!r} cannot be trained on: it has no folder {', '.join(missing)}. Give a folder that "
                "diffusers saved of an SD 1.x, SD 2.x or SDXL model."
            )
        local = {"local_files_only": True, "use_safetensors": True}
        kind = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8")).get("_class_name")
        autoencoder = diffusers.AutoencoderTiny if kind == "AutoencoderTiny" else diffusers.AutoencoderKL
        suffixes = ["", "_2"] if (folder / "text_encoder_2").is_dir() else [""]
        try:
            scheduler = diffusers.DDPMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
            return cls(
                diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **local),
                [_saved_text_encoder(transformers, folder, suffix, len(suffixes) == 2) for suffix in suffixes],
                functools.partial(autoencoder.from_pretrained, folder, subfolder="vae", **local),
                scheduler.alphas_cumprod,
                prediction_type or scheduler.config.prediction_type,
                **options,
            )
        except OSError as error:
            raise InteractiveActionError(f"{folder.name!r} could not be read: {error}") from error

    @property
    def lora_prefix(self) -> str:
        """See ``Engine.lora_prefix``."""
        return ""

    @property
    def encoders(self) -> tuple[str, ...]:
        """See ``Engine.encoders``: SD 2.x alone has OpenCLIP's text encoder H."""
        return ("clip_l", "clip_g") if len(self.widths) == 2 else ("clip_h" if self.width == 1024 else "clip_l",)

    @property
    def units(self) -> tuple[float, ...]:
        """See ``Engine.units``: learning rates are for these encoders' tables."""
        return (1.0,) * len(self.widths)

    @property
    def width(self) -> int:
        """See ``Engine.width``."""
        return sum(self.widths)

    def encode_images(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``Engine.encode_images``."""
        return encode_images(self._load_autoencoder(), images, self.device)

    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """See ``Engine.decode_latents``."""
        return decode_latents(self._load_autoencoder(), latents, self.device)

    def encode_prompts(self, prompts: Sequence[str], vectors: torch.Tensor | None = None) -> torch.Tensor:
        """See ``Engine.encode_prompts``."""
        parts = [None] * len(self._encoders) if vectors is None else vectors.split(self.widths, -1)
        words, pooled = zip(*(encoder.encode(prompts, part) for encoder, part in zip(self._encoders, parts)))
        context = torch.cat(words, -1)
        if self._pooled:
            context = append_pooled(context, pooled[-1])
        if vectors is None or vectors.ndim == 2:
            return context
        return rearrange(context, "(layers b) tokens d -> layers b tokens d", layers=len(vectors))

    def word_vectors(self, words: str) -> torch.Tensor:
        """See ``Engine.word_vectors``."""
        return torch.cat([encoder.word_vectors(words) for encoder in self._encoders], -1)

    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """See ``Engine.predict_noise``."""
        conditions = None
        if self._pooled:
            context, pooled = split_pooled(context, self.widths[-1])
            height, width = (8 * size for size in z_t.shape[-2:])
            sizes = torch.tensor([[height, width, 0, 0, height, width]], device=self.device).repeat(len(z_t), 1)
            conditions = {"text_embeds": pooled.to(self._dtype), "time_ids": sizes}
        if context.ndim == 4:
            context = rearrange(context, "layers b tokens d -> b (layers tokens) d")
        predicted: torch.Tensor = self.unet(
            z_t.to(self._dtype), t, encoder_hidden_states=context.to(self._dtype), added_cond_kwargs=conditions
        ).sample.float()
        return self.schedule.noise_from_v(predicted, z_t, t) if self._v_prediction else predicted

    def attention_projections(self) -> list[torch.nn.Module]:
        """See ``Engine.attention_projections``."""
        return [layer for block in blocks(self.unet) for layer in attention_projections(block)]

    def unet_names(self) -> dict[str, str]:
        """See ``Engine.unet_names``."""
        return {name: name for name in sorted(name for name, _ in self.unet.named_parameters())}

    def token_metadata(self, prompt: str) -> dict[str, str]:
        """See ``Engine.token_metadata``."""
        return {}

    def fingerprint(self) -> str:
        """See ``Engine.fingerprint``."""
        return sha256_of((self.unet, *(encoder.model for encoder in self._encoders), self._load_autoencoder()))

    def _require_fit(self, unet: Any, encoders: Sequence[TextEncoder], prediction_type: str) -> None:
        if prediction_type not in PREDICTION_TYPES:
            raise InteractiveActionError(
                f"prediction_type is {prediction_type!r}. It can be {' or '.join(PREDICTION_TYPES)}."
            )
        config = unet.config
        if config.in_channels != 4 or config.cross_attention_dim != self.width or self._pooled != (len(encoders) == 2):
            raise InteractiveActionError(
                f"The U-Net takes {config.in_channels} channels and text of width {config.cross_attention_dim}, and "
                f"the text {'encoders are' if self._pooled else 'encoder is'} {' + '.join(map(str, self.widths))} "
                "wide. Take a text-to-image model of the SD 1.x, SD 2.x or SDXL family."
            )

    def _select_layer(
        self, layer: int, attention: torch.nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Before a cross-attention: of a layer-wise context, (B, L * tokens, width), its own tokens."""
        context = named["encoder_hidden_states"]
        if context.shape[1] > self._encoders[0].window:
            by_layer = rearrange(context, "b (layers tokens) d -> b layers tokens d", layers=self.layers)
            named["encoder_hidden_states"] = by_layer[:, layer]
        return arguments, named


def _saved_text_encoder(transformers: Any, folder: pathlib.Path, suffix: str, penultimate: bool) -> TextEncoder:
    """The text encoder in diffusers' folders with this suffix."""
    kind = transformers.CLIPTextModelWithProjection if suffix else transformers.CLIPTextModel
    local = {"local_files_only": True}
    model = kind.from_pretrained(folder, subfolder=f"text_encoder{suffix}", use_safetensors=True, **local)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder, subfolder=f"tokenizer{suffix}", **local)
    return TextEncoder(model, tokenizer, penultimate)


def libraries() -> tuple[Any, Any]:
    """Returns the modules (diffusers, transformers).

    Raises:
        MissingExtraError: they are not installed.
    """
    try:
        import diffusers
        import transformers
    except ImportError as error:
        raise MissingExtraError("diffusers", "train") from error
    return diffusers, transformers
