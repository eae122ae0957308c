"""diffusers' transformers as an ``Engine``: FLUX.1, SD 3.5 and Z-Image train without ComfyUI.

It is the command line's engine, and the oracle for ComfyUI's: on the same weights both give the same velocity, loss and
gradient. Nothing is fetched and nothing unpickled.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from einops import rearrange
from torch.nn.functional import pad

from ..errors import InteractiveActionError
from ..tokens.token import ENCODERS, FAMILY, ROW
from .contexts import Conditioning, in_batches
from .diffusers_images import decode_latents, encode_images
from .language_encoders import LanguageEncoder
from .protocol import CLIP_RMS, sha256_of
from .schedules import FlowMatching
from .text_encoders import TextEncoder
from .transformer_checkpointing import checkpointed_blocks, encoder_blocks, transformer_blocks

if TYPE_CHECKING:
    from typing_extensions import Self

KEYS = {"flux1": ("clip_l", "t5xxl"), "sd3": ("clip_l", "clip_g", "t5xxl"), "z-image": ("qwen3_4b",)}
BLOCKS = {
    "flux1": ("transformer_blocks", "single_transformer_blocks"),
    "sd3": ("transformer_blocks",),
    "z-image": ("noise_refiner", "context_refiner", "layers"),
}


class DiffusersTransformerEngine:
    """A frozen transformer, of which vectors alone get gradients; ``Engine`` says what its methods give.

    It is open once it is made, like a file: use it as a context manager, or call ``close``.

    Args:
        family: of ``KEYS``.
        transformer: FluxTransformer2DModel, SD3Transformer2DModel or ZImageTransformer2DModel; it is frozen.
        encoders: by the keys of the family.
        load_autoencoder: gives an AutoencoderKL or AutoencoderTiny when it is called; it is in memory only while images
            are encoded or decoded.
        sigmas: float32 (1000,), the levels of noise, rising.
        device: of transformer and text encoders.
        dtype: in which they compute; vectors, latents and noise are float32 always.
        gradient_checkpointing: compute most activations again in the backward pass instead of keeping them.

    Raises:
        InteractiveActionError: the text encoders are not the family's.
    """

    layers = 0  # joint attention has no cross-attention layers
    lora_prefix = ""

    def __init__(
        self,
        family: str,
        transformer: Any,
        encoders: Mapping[str, TextEncoder | LanguageEncoder],
        load_autoencoder: Callable[[], Any],
        sigmas: torch.Tensor,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        gradient_checkpointing: bool = False,
    ) -> None:
        if tuple(encoders) != KEYS[family]:
            raise InteractiveActionError(
                f"The text encoders are {', '.join(encoders) or 'missing'}, and a model of the family {family} has "
                f"{', '.join(KEYS[family])}. Give a folder that diffusers saved of the whole model."
            )
        self.family, self._encoders, self.device = family, dict(encoders), torch.device(device)
        self.encoders = tuple(encoders)
        self.widths = tuple(encoder.width for encoder in encoders.values())
        self.units = tuple(1.0 if key.startswith("clip_") else _unit(part.table) for key, part in encoders.items())
        self.schedule = FlowMatching(sigmas.float().cpu())
        self.unet, self._load_autoencoder, self._dtype = transformer, load_autoencoder, dtype
        models = [encoder.model for encoder in encoders.values()]
        for part in (transformer, *models):
            # not diffusers' own `to`, which warns of any cast
            torch.nn.Module.to(part, self.device, dtype).eval().requires_grad_(False)
        self._stack = contextlib.ExitStack()
        if gradient_checkpointing:
            blocks = transformer_blocks(transformer, BLOCKS[family])
            blocks += [block for model in models for block in encoder_blocks(model)]
            self._stack.enter_context(checkpointed_blocks(blocks))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes everything out of the models that the engine laid into them."""
        self._stack.close()

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

    def encode_prompts(self, prompts: Sequence[str], vectors: torch.Tensor | None = None) -> Conditioning:
        """See ``Engine.encode_prompts``."""
        parts = [None] * len(self.widths) if vectors is None else vectors.split(self.widths, -1)
        return Conditioning(tuple(self._told(prompt, parts) for prompt in prompts))

    def word_vectors(self, words: str) -> torch.Tensor:
        """See ``Engine.word_vectors``; where there are several encoders, one vector a word: the mean of its pieces."""
        columns = []
        for encoder in self._encoders.values():
            if len(self.widths) == 1:
                columns.append(encoder.word_vectors(words.strip()))
                continue
            rows = [encoder.word_vectors(word).mean(0, keepdim=True) for word in words.split()]
            columns.append(torch.cat([*rows, torch.zeros(0, encoder.width, device=self.device)]))
        return torch.cat(columns, -1).to(self.device)

    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, context: Conditioning) -> torch.Tensor:
        """See ``Engine.predict_noise``: the velocity (B, C, h, w)."""
        return in_batches(self._predict, z_t, t, context)

    def attention_projections(self) -> list[torch.nn.Module]:
        """See ``Engine.attention_projections``."""
        kinds = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
        return [layer for name, layer in self.unet.named_modules() if name.endswith(kinds)]

    def unet_names(self) -> dict[str, str]:
        """Refuses: no weights of transformers are trained here.

        Raises:
            InteractiveActionError: always.
        """
        raise InteractiveActionError(
            "This model has joint attention, in which words have no keys and values of their own, and its weights are "
            "not trained here. Train a token with the method interactive-action or textual-inversion."
        )

    def token_metadata(self, prompt: str) -> dict[str, str]:
        """See ``Engine.token_metadata``."""
        rows = {
            key: " ".join("v" if token is None else str(token) for token in encoder.row(prompt, 1))
            for key, encoder in self._encoders.items()
            if isinstance(encoder, LanguageEncoder)
        }
        return {FAMILY: self.family, ENCODERS: ",".join(self._encoders), ROW: json.dumps(rows)}

    def fingerprint(self) -> str:
        """See ``Engine.fingerprint``."""
        return sha256_of((self.unet, *(part.model for part in self._encoders.values()), self._load_autoencoder()))

    def _told(self, prompt: str, vectors: Sequence[torch.Tensor | None]) -> dict[str, torch.Tensor]:
        """What the transformer is told of one prompt, with each encoder's own vectors."""
        outputs, pooled = [], []
        for encoder, part in zip(self._encoders.values(), vectors):
            if isinstance(encoder, LanguageEncoder):
                outputs.append(encoder.encode(prompt, part))
            else:
                hidden, of_text = encoder.encode([prompt], part)
                assert of_text is not None
                outputs.append(hidden)
                pooled.append(of_text)
        if self.family == "z-image":
            return {"cond": outputs[0]}
        if self.family == "flux1":
            return {"cond": outputs[1], "pooled_output": pooled[0]}
        words = torch.cat(outputs[:2], -1)
        words = pad(words, (0, outputs[2].shape[-1] - words.shape[-1]))
        return {"cond": torch.cat([words, outputs[2]], 1), "pooled_output": torch.cat(pooled, -1)}

    def _predict(self, z_t: torch.Tensor, t: torch.Tensor, told: dict[str, torch.Tensor]) -> torch.Tensor:
        sigma, x = self.schedule.sigmas.to(z_t)[t], z_t.to(self._dtype)
        told = {name: tensor.to(self._dtype) for name, tensor in told.items()}
        return PREDICT[self.family](self.unet, x, sigma, told).float()


def shifted_sigmas(shift: float) -> torch.Tensor:
    """Returns float32 (1000,) levels, rising. Source: Esser et al. 2024, Eq. 23."""
    level = torch.arange(1, 1001) / 1000
    return shift * level / (1 + (shift - 1) * level)


def _flux1(transformer: Any, x: torch.Tensor, sigma: torch.Tensor, told: dict[str, torch.Tensor]) -> torch.Tensor:
    height, width = (size // 2 for size in x.shape[-2:])
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([torch.zeros_like(rows), rows, columns], -1).reshape(-1, 3).to(x)
    guidance = torch.ones(len(x), device=x.device) if transformer.config.guidance_embeds else None  # 1: none
    packed: torch.Tensor = transformer(
        hidden_states=rearrange(x, "b c (h p) (w q) -> b (h w) (c p q)", p=2, q=2),
        timestep=sigma.to(x),
        guidance=guidance,
        pooled_projections=told["pooled_output"],
        encoder_hidden_states=told["cond"],
        txt_ids=torch.zeros(told["cond"].shape[1], 3).to(x),
        img_ids=places,
    ).sample
    return rearrange(packed, "b (h w) (c p q) -> b c (h p) (w q)", h=height, p=2, q=2)


def _sd3(transformer: Any, x: torch.Tensor, sigma: torch.Tensor, told: dict[str, torch.Tensor]) -> torch.Tensor:
    velocity: torch.Tensor = transformer(
        hidden_states=x,
        timestep=1000 * sigma,
        encoder_hidden_states=told["cond"],
        pooled_projections=told["pooled_output"],
    ).sample
    return velocity


def _z_image(transformer: Any, x: torch.Tensor, sigma: torch.Tensor, told: dict[str, torch.Tensor]) -> torch.Tensor:
    images, texts = rearrange(x, "b c h w -> b c 1 h w").unbind(), told["cond"].unbind()
    output = transformer(list(images), 1 - sigma, list(texts)).sample
    return -rearrange(torch.stack(list(output)), "b c 1 h w -> b c h w")


PREDICT = {"flux1": _flux1, "sd3": _sd3, "z-image": _z_image}


def _unit(table: torch.Tensor) -> float:
    """See ``Engine.units``: of a sample of a table's rows."""
    return table[:: max(1, len(table) // 4096)].float().square().mean().sqrt().item() / CLIP_RMS
