"""diffusers' U-Net and autoencoder with transformers' CLIP text encoders as an ``Engine``: trains without ComfyUI.

It is the command line's engine, and the oracle for ComfyUI's: on one checkpoint both give the same loss and gradient.
``single_file`` reads checkpoints, ``from_folder`` what diffusers saves. Nothing is fetched and nothing unpickled.
"""

import contextlib
import functools
import json
import pathlib

import torch

from ..errors import InteractiveActionError, MissingExtraError
from .gradient_checkpointing import checkpointed
from .protocol import attention_projections, noise_of_velocity, sha256_of, with_pooled, without_pooled
from .text_encoders import TextEncoder

ENCODE_BATCH = 8
PREDICTION_TYPES = ("epsilon", "v_prediction")


class DiffusersEngine:
    """A frozen model, of which v* alone gets gradients.

    unet: UNet2DConditionModel. encoders: one ``TextEncoder`` (SD 1.x, 2.x) or two (SDXL: CLIP's, then OpenCLIP's).
    load_autoencoder: gives an AutoencoderKL or AutoencoderTiny when it is called; it is in memory only while images are
    encoded or decoded. prediction_type: what the U-Net was trained to predict, of ``PREDICTION_TYPES``.
    dtype: in which U-Net and text encoder compute; vectors, latents and noise are float32 always.
    checkpointing: compute most activations again in the backward pass instead of keeping them (``checkpointing``).
    """

    def __init__(
        self,
        unet,
        encoders,
        load_autoencoder,
        alphas_cumprod,
        prediction_type="epsilon",
        device="cpu",
        dtype=torch.float32,
        gradient_checkpointing=False,
    ):
        if prediction_type not in PREDICTION_TYPES:
            raise InteractiveActionError(
                f"prediction_type is {prediction_type!r}. It can be {' or '.join(PREDICTION_TYPES)}."
            )
        self.widths = tuple(encoder.width for encoder in encoders)
        self._pooled = unet.config.addition_embed_type == "text_time"
        if (
            unet.config.in_channels != 4
            or unet.config.cross_attention_dim != self.width
            or self._pooled != (len(encoders) == 2)
        ):
            raise InteractiveActionError(
                f"The U-Net takes {unet.config.in_channels} channels and text of width {unet.config.cross_attention_dim}, and the text "
                f"{'encoders are' if self._pooled else 'encoder is'} {' + '.join(map(str, self.widths))} wide. Take a text-to-image model "
                f"of the SD 1.x, SD 2.x or SDXL family."
            )
        self.device = torch.device(device)
        self.alphas_cumprod = alphas_cumprod.float().cpu()
        self._dtype, self._v_prediction = dtype, prediction_type == "v_prediction"
        for part in (unet, *(encoder.model for encoder in encoders)):
            torch.nn.Module.to(part, self.device, dtype).eval().requires_grad_(
                False
            )  # diffusers' own `to` warns of any cast
        self.unet, self._encoders, self._load_autoencoder = unet, encoders, load_autoencoder
        self._stack = contextlib.ExitStack()
        if gradient_checkpointing:
            self._stack.enter_context(checkpointed_unet(unet))
        for part in before_cross_attention(unet):
            part.forward = once(part)
        attentions = cross_attentions(unet)
        self.layers = len(attentions)
        for layer, attention in enumerate(attentions):
            attention.register_forward_pre_hook(functools.partial(self._own_context, layer), with_kwargs=True)

    @property
    def width(self):
        return sum(self.widths)

    @classmethod
    def from_folder(cls, folder, prediction_type=None, **options):
        """The model that diffusers saved to ``folder``; its scheduler's prediction type unless another is given."""
        diffusers, transformers = libraries()
        folder = pathlib.Path(folder)
        missing = [
            part for part in ("unet", "text_encoder", "tokenizer", "vae", "scheduler") if not (folder / part).is_dir()
        ]
        if missing:
            raise InteractiveActionError(
                f"{folder.name!r} cannot be trained on: it has no folder {', '.join(missing)}. Give a folder that diffusers saved of an SD 1.x, "
                f"SD 2.x or SDXL model."
            )
        here = {"local_files_only": True, "use_safetensors": True}
        kind = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8")).get("_class_name")
        autoencoder = diffusers.AutoencoderTiny if kind == "AutoencoderTiny" else diffusers.AutoencoderKL
        pair = (folder / "text_encoder_2").is_dir()
        encoders = [
            ("", transformers.CLIPTextModel),
            *([("_2", transformers.CLIPTextModelWithProjection)] if pair else []),
        ]
        try:
            scheduler = diffusers.DDPMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
            return cls(
                diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **here),
                [
                    TextEncoder(
                        encoder.from_pretrained(folder, subfolder=f"text_encoder{suffix}", **here),
                        transformers.CLIPTokenizer.from_pretrained(
                            folder, subfolder=f"tokenizer{suffix}", local_files_only=True
                        ),
                        penultimate=pair,
                    )
                    for suffix, encoder in encoders
                ],
                functools.partial(autoencoder.from_pretrained, folder, subfolder="vae", **here),
                scheduler.alphas_cumprod,
                prediction_type or scheduler.config.prediction_type,
                **options,
            )
        except OSError as error:
            raise InteractiveActionError(f"{folder.name!r} could not be read: {error}") from error

    def encode_images(self, images):
        autoencoder = self._load_autoencoder().to(self.device).eval()
        scale = autoencoder.config.scaling_factor
        height, width = (size // 8 * 8 for size in images.shape[1:3])
        top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
        pixels = images[:, top : top + height, left : left + width].movedim(-1, 1) * 2 - 1
        means, stds = [], []
        with torch.no_grad():
            for batch in pixels.split(ENCODE_BATCH):
                encoded = autoencoder.encode(batch.to(self.device))
                posterior = getattr(encoded, "latent_dist", None)  # TAESD has none: it is certain of its latents
                mean = encoded.latents if posterior is None else posterior.mean
                means.append(scale * mean)
                stds.append(torch.zeros_like(mean) if posterior is None else scale * posterior.std)
        return torch.cat(means), torch.cat(stds)

    def decode_latents(self, latents):
        autoencoder = self._load_autoencoder().to(self.device).eval()
        with torch.no_grad():
            images = torch.cat(
                [autoencoder.decode(one / autoencoder.config.scaling_factor).sample for one in latents.split(1)]
            )
        return (images / 2 + 0.5).clamp(0, 1).movedim(1, -1).cpu()

    def encode_prompts(self, prompts, vectors=None):
        parts = [None] * len(self._encoders) if vectors is None else vectors.split(self.widths, -1)
        words, pooled = zip(*(encoder.encode(prompts, part) for encoder, part in zip(self._encoders, parts)))
        context = torch.cat(words, -1)
        if self._pooled:
            context = with_pooled(context, pooled[-1])
        return context if vectors is None or vectors.ndim == 2 else context.unflatten(0, (len(vectors), len(prompts)))

    def word_vectors(self, words):
        return torch.cat([encoder.word_vectors(words) for encoder in self._encoders], -1)

    def predict_noise(self, z_t, t, context):
        added = None
        if self._pooled:
            context, pooled = without_pooled(context, self.widths[-1])
            height, width = (8 * size for size in z_t.shape[-2:])
            sizes = torch.tensor([[height, width, 0, 0, height, width]], device=self.device).repeat(len(z_t), 1)
            added = {"text_embeds": pooled.to(self._dtype), "time_ids": sizes}
        if context.ndim == 4:
            context = context.movedim(0, 1).flatten(1, 2)
        predicted = self.unet(
            z_t.to(self._dtype), t, encoder_hidden_states=context.to(self._dtype), added_cond_kwargs=added
        ).sample.float()
        return noise_of_velocity(self.alphas_cumprod, predicted, z_t, t) if self._v_prediction else predicted

    def attention_projections(self):
        return [layer for block in blocks(self.unet) for layer in attention_projections(block)]

    def unet_names(self):
        return {name: name for name in sorted(name for name, _ in self.unet.named_parameters())}

    def fingerprint(self):
        return sha256_of((self.unet, *(encoder.model for encoder in self._encoders), self._load_autoencoder()))

    def _own_context(self, layer, attention, arguments, named):
        """Before a cross-attention: of a layer-wise context, (B, L * tokens, width), its own tokens."""
        context = named["encoder_hidden_states"]
        if context.shape[1] > self._encoders[0].window:
            named["encoder_hidden_states"] = context.unflatten(1, (self.layers, -1))[:, layer]
        return arguments, named


def blocks(unet):
    """The blocks of diffusers' U-Net in the order of its forward pass, which is not that of its modules."""
    return (*unet.down_blocks, unet.mid_block, *unet.up_blocks)


def cross_attentions(unet):
    """The cross-attention modules of diffusers' U-Net in the order of its forward pass."""
    return [
        transformer.attn2
        for block in blocks(unet)
        for attention in getattr(block, "attentions", ())
        for transformer in attention.transformer_blocks
        if transformer.attn2 is not None
    ]


def checkpointed_unet(unet):
    """``checkpointing.checkpointed`` for diffusers' U-Net."""
    from diffusers.models.resnet import ResnetBlock2D

    every = blocks(unet)
    return checkpointed((*every[:2], *every[-2:]), every[2:-2], ResnetBlock2D)


def before_cross_attention(unet):
    """What is worth sharing of the part of the U-Net that sees z_t and t alone: its first residual block and self-attention."""
    first = unet.down_blocks[0]
    return [first.resnets[0], first.attentions[0].transformer_blocks[0].attn1] if hasattr(first, "attentions") else []


def once(part):
    """A forward that answers again what it was asked last without computing it: the teacher asks what the student has asked.

    Answers with a gradient are not kept, and with hooks inside of ``part``, such as a LoRA's, it computes whatever it is asked.
    """
    forward, last = part.forward, []

    def answer(*arguments, **named):
        asked = [value for value in (*arguments, *named.values()) if value is not None]
        if last and len(asked) == len(last[0]) and all(map(torch.equal, asked, last[0])) and not _hooked(part):
            return last[1]
        result = forward(*arguments, **named)
        last[:] = [] if result.requires_grad or _hooked(part) else [asked, result]
        return result

    return answer


def _hooked(part):
    """Whether something stands in for its weights now: a LoRA's hooks, or changed weights, which are no parameters."""
    weights = (weight for module in part.modules() for weight in module._parameters.values() if weight is not None)
    return any(module._forward_hooks for module in part.modules()) or any(
        type(weight) is not torch.nn.Parameter for weight in weights
    )


def libraries():
    """The modules (diffusers, transformers)."""
    try:
        import diffusers
        import transformers
    except ImportError as error:
        raise MissingExtraError("diffusers", "train") from error
    return diffusers, transformers
