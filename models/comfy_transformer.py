"""ComfyUI's loaded transformers as an ``Engine``: Z-Image, FLUX.2, FLUX.1, SD 3.5 and Krea 2.

What a network is told of a prompt comes from the model's own code (``encode_token_weights``, ``extra_conds``), so that
chat templates, masks, pooled texts and paddings are those of the stock nodes. ComfyUI's rotary embeddings have a
backward pass only while ``model_management.in_training`` is set, for the whole process; leaving the engine puts it
back.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from comfy import model_management

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from ..tokens.token import ENCODERS, FAMILY, ROW
from .comfy_families import Family, distilled, encoder_names, require_pair
from .comfy_gradients import attention_with_gradient, gradients, static, to_trainable
from .comfy_images import as_latents_of, decode_latents, encode_images
from .comfy_messages import warn
from .comfy_tokens import with_words
from .contexts import Conditioning, in_batches
from .protocol import CLIP_RMS, sha256_of
from .schedules import FlowMatching, per_image
from .transformer_checkpointing import checkpointed_blocks, copied_before_norms, encoder_blocks, transformer_blocks

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP, VAE
    from typing_extensions import Self

LEVELS = 1000  # of the schedule; ComfyUI keeps 10,000 of FLUX's
GUIDANCE = 1.0  # what models that are distilled for guidance are told in training: no guidance
PROJECTIONS = re.compile(r"attn\.(qkv|proj)$|attn2?\.w[qkvo]$|attention\.(qkv|out)$|single_blocks\.\d+\.linear[12]$")


class ComfyTransformerEngine:
    """A transformer that was loaded in a graph, for training; ``Engine`` says what its methods give.

    Use as a context manager around everything that needs gradients, the backward pass included. Weights keep their
    values; leaving the context leaves sampling with the same MODEL unchanged to the pixel.

    Args:
        model: ComfyUI's MODEL, of one of ``comfy_families.FAMILIES``.
        clip: CLIP of the same family.
        vae: VAE of the same family.
        gradient_checkpointing: compute most activations again in the backward pass instead of keeping them.

    Raises:
        InteractiveActionError: the parts do not belong together, or their weights have no gradient.
    """

    layers = 0  # joint attention has no cross-attention layers
    lora_prefix = "diffusion_model"  # by which ComfyUI finds a layer of any model

    def __init__(self, model: ModelPatcher, clip: CLIP, vae: VAE, gradient_checkpointing: bool = False) -> None:
        self._family: Family = require_pair(model.model, clip)
        self.encoders = tuple(encoder_names(clip) or ())
        if sentence := distilled(model.model):
            warn(sentence)
        self._patcher = static(model)
        if clip.patcher.is_dynamic():
            clip = clip.clone(disable_dynamic=True)
            clip.cond_stage_model = clip.patcher.model
        self._clip, self._vae, self._checkpointing = clip, vae, gradient_checkpointing
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(gradients())
            stack.enter_context(_in_training())
            self._load()
            self.device: torch.device = self._patcher.load_device
            self.schedule = FlowMatching(_sigmas(self._model))
            self.widths = tuple(embedding.weight.shape[1] for embedding in self._embeddings)
            self.units = tuple(map(_unit, self.encoders, self._embeddings))
            stack.enter_context(copied_before_norms((self.unet, self._encoder)))
            if self._checkpointing:
                blocks = transformer_blocks(self.unet, self._family.blocks) + encoder_blocks(self._encoder)
                stack.enter_context(checkpointed_blocks(blocks))
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
    def width(self) -> int:
        """See ``Engine.width``."""
        return sum(self.widths)

    @property
    def unet(self) -> torch.nn.Module:
        """The transformer, in the U-Net's place."""
        transformer: torch.nn.Module = self._model.diffusion_model
        return transformer

    @property
    def _embeddings(self) -> list[Any]:
        return [getattr(self._encoder, name).transformer.get_input_embeddings() for name in self.encoders]

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
            self._load()  # the autoencoder may have taken the transformer's place

    def encode_prompts(self, prompts: Sequence[str], vectors: torch.Tensor | None = None) -> Conditioning:
        """See ``Engine.encode_prompts``."""
        taught = self._clip
        if vectors is not None:
            words = zip(self.encoders, vectors.split(self.widths, -1))
            taught = with_words(self._clip, {name: {PLACEHOLDER: part} for name, part in words})
        encoder = self._encoder
        encoder.reset_clip_options()
        if self._clip.layer_idx is not None:
            encoder.set_clip_options({"layer": self._clip.layer_idx})
        encoder.set_clip_options({"execution_device": self._clip.patcher.load_device})
        rows = []
        for prompt in prompts:
            cond, pooled, *extra = encoder.encode_token_weights(_tokenized(taught, prompt))
            row = {"cond": cond, "pooled_output": pooled, **(extra[0] if extra else {})}
            rows.append({name: value.to(self.device) for name, value in row.items() if torch.is_tensor(value)})
        return Conditioning(tuple(rows))

    def word_vectors(self, words: str) -> torch.Tensor:
        """See ``Engine.word_vectors``; where there are several encoders, one vector a word: the mean of its pieces."""
        pieces = words.split() if len(self.encoders) > 1 else [words.strip()] * bool(words.strip())
        columns = []
        with torch.no_grad():
            for name, embedding, width in zip(self.encoders, self._embeddings, self.widths):
                rows = [_looked_up(embedding, self._ids(name, piece)) for piece in pieces]
                rows = [row.mean(0, keepdim=True) for row in rows] if len(self.encoders) > 1 else rows
                columns.append(torch.cat([*rows, torch.zeros(0, width, device=embedding.weight.device)]))
        return torch.cat(columns, -1).to(self.device)

    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, context: Conditioning) -> torch.Tensor:
        """See ``Engine.predict_noise``: the velocity (B, C, h, w)."""
        return in_batches(self._predict, z_t, t, context)

    def _predict(self, z_t: torch.Tensor, t: torch.Tensor, row: dict[str, torch.Tensor]) -> torch.Tensor:
        model, x = self._model, as_latents_of(self._model, z_t)
        told = {("cross_attn" if name == "cond" else name): tensor for name, tensor in row.items()}
        conditions = model.extra_conds(
            noise=x, device=self.device, guidance=GUIDANCE, prompt_type="positive", **_pixels(z_t), **told
        )
        arguments = {name: cond.process_cond(batch_size=len(x), area=None).cond for name, cond in conditions.items()}
        sigma = self.schedule.sigmas.to(z_t)[t]
        denoised = model.apply_model(x, sigma, transformer_options=attention_with_gradient(), **arguments)
        # of z_0 = z_t - sigma v, which is what a sampler is given
        velocity: torch.Tensor = (z_t - denoised.float().view(z_t.shape)) / per_image(self.schedule.sigmas, t, z_t)
        return velocity

    def attention_projections(self) -> list[torch.nn.Module]:
        """See ``Engine.attention_projections``."""
        return [layer for name, layer in self.unet.named_modules() if PROJECTIONS.search(name)]

    def unet_names(self) -> dict[str, str]:
        """Refuses: a transformer's weights are trained as a LoRA alone, under its own names.

        Raises:
            InteractiveActionError: always.
        """
        raise InteractiveActionError(
            f"{self._family.title} has joint attention, in which words have no keys and values of their own, and "
            "is too large to be trained whole. Train a token with Train Interactive Token, or a LoRA with Train LoRA "
            "(DreamBooth) and a rank above 0."
        )

    def token_metadata(self, prompt: str) -> dict[str, str]:
        """See ``Engine.token_metadata``."""
        vector = {name: {PLACEHOLDER: torch.zeros(1, width)} for name, width in zip(self.encoders, self.widths)}
        taught = with_words(self._clip, vector)
        chunks = _tokenized(taught, prompt)
        rows = {name: _words(chunks[name.removeprefix("clip_")][0]) for name in self.encoders}
        return {FAMILY: self._family.name, ENCODERS: ",".join(self.encoders), ROW: json.dumps(rows)}

    def fingerprint(self) -> str:
        """See ``Engine.fingerprint``."""
        # CLIP's projection of the pooled text is in no checkpoint's file; ComfyUI leaves in it what lay in that memory
        unused = {"clip_l.transformer.text_projection.weight"}
        return sha256_of((self.unet, self._encoder, self._vae.first_stage_model), unused)

    def _ids(self, name: str, words: str) -> list[int]:
        """The tokens of words as they stand after others in a prompt: with a space before them, where that counts."""
        tokenizer = getattr(self._clip.tokenizer, name)
        ids: list[int] = tokenizer.tokenizer(f" {words}")["input_ids"]
        return ids[tokenizer.tokens_start : -1 if tokenizer.tokenizer_adds_end_token else None]


@contextlib.contextmanager
def _in_training() -> Iterator[None]:
    """While it lasts, ComfyUI takes implementations that have a backward pass."""
    before = model_management.in_training
    model_management.in_training = True
    try:
        yield
    finally:
        model_management.in_training = before


def _sigmas(model: Any) -> torch.Tensor:
    """float32 (1000,) of the model's own, shifted levels, rising, on the CPU."""
    sigmas: torch.Tensor = model.model_sampling.sigmas.detach().clone().float().cpu()
    step = max(1, len(sigmas) // LEVELS)
    return sigmas[step - 1 :: step]


def _unit(name: str, embedding: Any) -> float:
    """How much larger than CLIP's the numbers of an encoder's table are: the optimizer's steps are absolute."""
    if name.startswith("clip_"):
        return 1.0
    sample = torch.arange(0, len(embedding.weight), max(1, len(embedding.weight) // 4096)).tolist()
    with torch.no_grad():
        return _looked_up(embedding, sample).square().mean().sqrt().item() / CLIP_RMS


def _tokenized(clip: CLIP, prompt: str) -> dict[str, list[list[Any]]]:
    """Chunks of (token, weight, word id) by encoder, as the stock node makes them; parentheses are no weights."""
    escaped = prompt.replace("(", "\\(").replace(")", "\\)")
    chunks: dict[str, list[list[Any]]] = clip.tokenize(escaped, return_word_ids=True)
    return chunks


def _words(row: Sequence[tuple[Any, float, int]]) -> str:
    """A row of tokens without padding, v where the new word stands: other spaces around it are another row."""
    return " ".join("v" if torch.is_tensor(token) else str(token) for token, _, word in row if word)


def _looked_up(embedding: Any, ids: list[int]) -> torch.Tensor:
    """float32 (k, d): rows of a table, which may be quantized."""
    index = torch.tensor(ids, dtype=torch.long, device=embedding.weight.device)
    rows: torch.Tensor = embedding(index, out_dtype=torch.float32)
    return rows.float()


def _pixels(z_t: torch.Tensor) -> dict[str, int]:
    """The size that stock sampling tells, which is eight times the latents' whatever the VAE's ratio is."""
    return {"height": 8 * z_t.shape[-2], "width": 8 * z_t.shape[-1]}
