"""diffusers' U-Net and autoencoder with transformers' CLIP text encoder as an ``Engine``: trains without ComfyUI.

It is the command line's engine, and the oracle for ComfyUI's: on one checkpoint both give the same loss and gradient.
``single_file`` reads checkpoints, ``from_folder`` what diffusers saves. Nothing is fetched and nothing unpickled.
"""

import functools
import hashlib
import json
import pathlib

import torch

from ...captions.templates import PLACEHOLDER
from ...errors import InteractiveActionError, MissingExtraError
from . import attention_projections

ENCODE_BATCH = 8
PREDICTION_TYPES = ("epsilon", "v_prediction")


class DiffusersEngine:
    """A frozen model, of which v* alone gets gradients.

    unet: UNet2DConditionModel. text_encoder: CLIPTextModel. tokenizer: CLIP's, as transformers makes it.
    load_autoencoder: gives an AutoencoderKL or AutoencoderTiny when it is called; it is in memory only while pictures are
    encoded. prediction_type: what the U-Net was trained to predict, of ``PREDICTION_TYPES``.
    dtype: in which U-Net and text encoder compute; vectors, latents and noise are float32 always.
    checkpointing: compute activations of the two largest levels again in the backward pass instead of keeping them.
    """

    def __init__(
        self,
        unet,
        text_encoder,
        tokenizer,
        load_autoencoder,
        alphas_cumprod,
        prediction_type="epsilon",
        device="cpu",
        dtype=torch.float32,
        checkpointing=False,
    ):
        if prediction_type not in PREDICTION_TYPES:
            raise InteractiveActionError(f"prediction_type is {prediction_type!r}. It can be {' or '.join(PREDICTION_TYPES)}.")
        if unet.config.in_channels != 4 or unet.config.cross_attention_dim != text_encoder.config.hidden_size:
            raise InteractiveActionError(
                f"The U-Net takes {unet.config.in_channels} channels and text of width {unet.config.cross_attention_dim}, and the text "
                f"encoder is {text_encoder.config.hidden_size} wide. Take a text-to-image model of the SD 1.x or 2.x family."
            )
        self.device = torch.device(device)
        self.alphas_cumprod = alphas_cumprod.float().cpu()
        self.width = text_encoder.config.hidden_size
        self._dtype, self._v_prediction = dtype, prediction_type == "v_prediction"
        # torch's own `to`: diffusers' warns of any cast
        self._unet, self._encoder = (torch.nn.Module.to(part, self.device, dtype).eval().requires_grad_(False) for part in (unet, text_encoder))
        self._tokenizer, self._load_autoencoder = tokenizer, load_autoencoder
        self._window = text_encoder.config.max_position_embeddings
        if checkpointing:
            checkpoint_large_levels(unet)
        for part in before_cross_attention(unet):
            part.forward = once(part)
        attentions = cross_attentions(unet)
        self.layers = len(attentions)
        for layer, attention in enumerate(attentions):
            attention.register_forward_pre_hook(functools.partial(self._own_context, layer), with_kwargs=True)

    @classmethod
    def from_folder(cls, folder, prediction_type=None, **options):
        """The model that diffusers saved to ``folder``; its scheduler's prediction type unless another is given."""
        diffusers, transformers = libraries()
        folder = pathlib.Path(folder)
        missing = [part for part in ("unet", "text_encoder", "tokenizer", "vae", "scheduler") if not (folder / part).is_dir()]
        if missing or (folder / "text_encoder_2").is_dir():
            problem = f"it has no folder {', '.join(missing)}" if missing else "it has two text encoders"
            raise InteractiveActionError(f"{folder.name!r} cannot be trained on: {problem}. Give a folder that diffusers saved of an SD 1.x or 2.x model.")
        here = {"local_files_only": True, "use_safetensors": True}
        kind = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8")).get("_class_name")
        autoencoder = diffusers.AutoencoderTiny if kind == "AutoencoderTiny" else diffusers.AutoencoderKL
        try:
            scheduler = diffusers.DDPMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
            return cls(
                diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **here),
                transformers.CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", **here),
                transformers.CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer", local_files_only=True),
                functools.partial(autoencoder.from_pretrained, folder, subfolder="vae", **here),
                scheduler.alphas_cumprod,
                prediction_type or scheduler.config.prediction_type,
                **options,
            )
        except OSError as error:
            raise InteractiveActionError(f"{folder.name!r} could not be read: {error}") from error

    def encode_pictures(self, pictures):
        autoencoder = self._load_autoencoder().to(self.device).eval()
        scale = autoencoder.config.scaling_factor
        height, width = (size // 8 * 8 for size in pictures.shape[1:3])
        top, left = (pictures.shape[1] - height) // 2, (pictures.shape[2] - width) // 2
        pixels = pictures[:, top : top + height, left : left + width].movedim(-1, 1) * 2 - 1
        means, stds = [], []
        with torch.no_grad():
            for batch in pixels.split(ENCODE_BATCH):
                encoded = autoencoder.encode(batch.to(self.device))
                posterior = getattr(encoded, "latent_dist", None)  # TAESD has none: it is certain of its latents
                mean = encoded.latents if posterior is None else posterior.mean
                means.append(scale * mean)
                stds.append(torch.zeros_like(mean) if posterior is None else scale * posterior.std)
        return torch.cat(means), torch.cat(stds)

    def encode_prompts(self, prompts, vectors=None):
        layers = vectors if vectors is not None and vectors.ndim == 3 else None
        spoken = vectors[None] if layers is None and vectors is not None else vectors  # (L or 1, n, d)
        rows, learned = zip(*(self._tokens(prompt, 0 if spoken is None else spoken.shape[1]) for prompt in prompts))
        ids = torch.tensor(rows, device=self.device).repeat(1 if layers is None else len(layers), 1)
        pictures, places = torch.tensor(learned, device=self.device).nonzero(as_tuple=True)

        def speak(embedding, arguments, words):
            """The vectors stand where v* is written, so that neither vocabulary nor its table need to grow."""
            words = words.unflatten(0, (-1, len(prompts))).clone()
            words[:, pictures, places] = spoken.repeat(1, len(places) // spoken.shape[1], 1).to(words)
            return words.flatten(0, 1)

        hook = self._encoder.get_input_embeddings().register_forward_hook(speak) if len(places) else None
        try:
            context = self._encoder(input_ids=ids).last_hidden_state
        finally:
            if hook:
                hook.remove()
        return context if layers is None else context.unflatten(0, (len(layers), len(prompts)))

    def word_vectors(self, words):
        ids = self._tokenizer(words, add_special_tokens=False).input_ids
        return self._encoder.get_input_embeddings().weight[torch.tensor(ids, dtype=torch.long, device=self.device)].float().clone()

    def predict_noise(self, z_t, t, context):
        if context.ndim == 4:
            context = context.movedim(0, 1).flatten(1, 2)
        predicted = self._unet(z_t.to(self._dtype), t, encoder_hidden_states=context.to(self._dtype)).sample.float()
        if not self._v_prediction:
            return predicted
        abar = self.alphas_cumprod.to(z_t)[t].view(-1, 1, 1, 1)
        return abar.sqrt() * predicted + (1 - abar).sqrt() * z_t

    def attention_projections(self):
        return [layer for block in blocks(self._unet) for layer in attention_projections(block)]

    def fingerprint(self):
        digest = hashlib.sha256()
        for part in (self._unet, self._encoder, self._load_autoencoder()):
            for key, value in sorted(part.state_dict().items()):
                digest.update(key.encode())
                digest.update(value.cpu().flatten().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _own_context(self, layer, attention, arguments, named):
        """Before a cross-attention: of a layer-wise context, (B, L * tokens, width), its own tokens."""
        context = named["encoder_hidden_states"]
        if context.shape[1] > self._window:
            named["encoder_hidden_states"] = context.unflatten(1, (self.layers, -1))[:, layer]
        return arguments, named

    def _tokens(self, prompt, count):
        """(ids, True where one of v*'s ``count`` vectors stands), both as long as the encoder's window."""
        before, marker, after = prompt.partition(PLACEHOLDER) if count else (prompt, "", "")
        first, second = self._tokenizer([before, after], add_special_tokens=False).input_ids
        count = count if marker else 0
        padding = self._window - 2 - len(first) - count - len(second)
        if padding < 0:
            raise InteractiveActionError(f"The prompt {prompt!r} is longer than the text encoder's window. Shorten it.")
        start, end, pad = (getattr(self._tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad"))
        ids = [start, *first, *[end] * count, *second, end, *[pad] * padding]
        place = 1 + len(first)
        return ids, [place <= index < place + count for index in range(self._window)]


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


def checkpoint_large_levels(unet):
    """Gradient checkpointing of the outer two levels: about three quarters of the activations, for half of a forward pass.

    Levels further in have a quarter of the pixels and twice the channels each: half the memory for the same work.
    """
    unet.enable_gradient_checkpointing()
    for block in blocks(unet)[2:-2]:
        for part in block.modules():
            if hasattr(part, "gradient_checkpointing"):
                part.gradient_checkpointing = False


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
    return any(module._forward_hooks for module in part.modules())


def libraries():
    """The modules (diffusers, transformers)."""
    try:
        import diffusers
        import transformers
    except ImportError as error:
        raise MissingExtraError("diffusers", "train") from error
    return diffusers, transformers
