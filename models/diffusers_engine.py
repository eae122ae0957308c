"""diffusers' U-Net and autoencoder with transformers' CLIP text encoders as an ``Engine``: trains without ComfyUI.

It is the command line's engine, and the oracle for ComfyUI's: on one checkpoint both give the same loss and gradient.
``single_file`` reads checkpoints, ``from_folder`` what diffusers saves. Nothing is fetched and nothing unpickled.
"""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from einops import rearrange

from ..errors import InteractiveActionError, MissingExtraError
from .gradient_checkpointing import PatchedForwards, checkpointed
from .protocol import append_pooled, attention_projections, noise_from_velocity, sha256_of, split_pooled
from .text_encoders import TextEncoder

if TYPE_CHECKING:
    from typing_extensions import Self

ENCODE_BATCH = 8
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
        self.alphas_cumprod = alphas_cumprod.float().cpu()
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
    def width(self) -> int:
        """See ``Engine.width``."""
        return sum(self.widths)

    def encode_images(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``Engine.encode_images``."""
        autoencoder = self._load_autoencoder().to(self.device).eval()
        scale = autoencoder.config.scaling_factor
        height, width = (size // 8 * 8 for size in images.shape[1:3])
        top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
        pixels = rearrange(images[:, top : top + height, left : left + width], "b h w c -> b c h w") * 2 - 1
        means, stds = [], []
        with torch.no_grad():
            for batch in pixels.split(ENCODE_BATCH):
                encoded = autoencoder.encode(batch.to(self.device))
                posterior = getattr(encoded, "latent_dist", None)  # TAESD has none: it is certain of its latents
                mean = encoded.latents if posterior is None else posterior.mean
                means.append(scale * mean)
                stds.append(torch.zeros_like(mean) if posterior is None else scale * posterior.std)
        return torch.cat(means), torch.cat(stds)

    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """See ``Engine.decode_latents``."""
        autoencoder = self._load_autoencoder().to(self.device).eval()
        scale = autoencoder.config.scaling_factor
        with torch.no_grad():
            pixels = torch.cat([autoencoder.decode(one / scale).sample for one in latents.split(1)])
        return rearrange((pixels / 2 + 0.5).clamp(0, 1), "b c h w -> b h w c").cpu()

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
        return noise_from_velocity(self.alphas_cumprod, predicted, z_t, t) if self._v_prediction else predicted

    def attention_projections(self) -> list[torch.nn.Module]:
        """See ``Engine.attention_projections``."""
        return [layer for block in blocks(self.unet) for layer in attention_projections(block)]

    def unet_names(self) -> dict[str, str]:
        """See ``Engine.unet_names``."""
        return {name: name for name in sorted(name for name, _ in self.unet.named_parameters())}

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


def blocks(unet: Any) -> tuple[torch.nn.Module, ...]:
    """Returns the blocks of diffusers' U-Net in the order of its forward pass, which is not that of its modules."""
    return (*unet.down_blocks, unet.mid_block, *unet.up_blocks)


def cross_attentions(unet: Any) -> list[torch.nn.Module]:
    """Returns the cross-attention modules of diffusers' U-Net in the order of its forward pass."""
    return [
        transformer.attn2
        for block in blocks(unet)
        for attention in _children(block, "attentions")
        for transformer in _children(attention, "transformer_blocks")
        if transformer.attn2 is not None
    ]


def _children(module: Any, name: str) -> Iterator[Any]:
    yield from getattr(module, name, ())


def checkpointed_unet(unet: Any) -> AbstractContextManager[None]:
    """Returns ``gradient_checkpointing.checkpointed`` for diffusers' U-Net."""
    from diffusers.models.resnet import ResnetBlock2D

    every = blocks(unet)
    return checkpointed((*every[:2], *every[-2:]), every[2:-2], ResnetBlock2D)


def before_cross_attention(unet: Any) -> list[torch.nn.Module]:
    """Returns what is worth sharing of the layers that see z_t and t alone: first residual block and self-attention."""
    first = unet.down_blocks[0]
    return [first.resnets[0], first.attentions[0].transformer_blocks[0].attn1] if hasattr(first, "attentions") else []


def memoize_last(part: torch.nn.Module, forward: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Returns a forward of ``part`` that memoizes the last call of its present one.

    Student and teacher share z_t and t before the first cross-attention. Results with a gradient are not memoized, and
    while something stands in for the weights of ``part``, such as a LoRA, every call is computed.
    """
    last: list[Any] = []

    def memoized(*arguments: Any, **named: Any) -> torch.Tensor:
        inputs = [value for value in (*arguments, *named.values()) if value is not None]
        if last and len(inputs) == len(last[0]) and all(map(torch.equal, inputs, last[0])) and not _adapted(part):
            remembered: torch.Tensor = last[1]
            return remembered
        result = forward(*arguments, **named)
        last[:] = [] if result.requires_grad or _adapted(part) else [inputs, result]
        return result

    return memoized


def _adapted(part: torch.nn.Module) -> bool:
    """Whether something stands in for its weights now: a LoRA's hooks, or changed weights, which are no parameters."""
    weights = (weight for module in part.modules() for weight in module._parameters.values() if weight is not None)
    return any(module._forward_hooks for module in part.modules()) or any(
        type(weight) is not torch.nn.Parameter for weight in weights
    )


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
