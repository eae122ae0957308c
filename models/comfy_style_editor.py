"""ComfyUI's loaded MODEL, CLIP and VAE of a style-conditioned InstructPix2Pix as an ``EditingEngine``.

Only the network needs gradients: images and prompts are encoded by ComfyUI's own nodes' calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from comfy import model_management

from ..errors import InteractiveActionError
from .comfy_gradients import alphas_cumprod, gradients, predict_noise, static, to_trainable
from .protocol import sha256_of
from .style_editor.extend import EXTENDED_CHANNELS

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import CLIP, VAE
    from typing_extensions import Self

T = TypeVar("T")


class ComfyEditor:
    """What was loaded in a graph, for training; ``EditingEngine`` says what its methods give.

    Use as a context manager around everything that needs gradients, like ``ComfyEngine``; weights keep their values.

    Args:
        model: ComfyUI's MODEL of a style-conditioned InstructPix2Pix.
        clip: CLIP of the same checkpoint.
        vae: VAE of the same checkpoint.

    Raises:
        InteractiveActionError: the MODEL takes no style image.
    """

    def __init__(self, model: ModelPatcher, clip: CLIP, vae: VAE) -> None:
        channels = model.model.model_config.unet_config.get("in_channels")
        if channels != EXTENDED_CHANNELS:
            raise InteractiveActionError(
                f"This MODEL takes {channels} input channels, and an editor with a style image {EXTENDED_CHANNELS}. "
                "Load a checkpoint made by Extend InstructPix2Pix for Style."
            )
        self._patcher = static(model)
        self._clip, self._vae = clip, vae
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(gradients())
            self._load()
            self.device: torch.device = self._patcher.load_device
            self.module: torch.nn.Module = self._model.diffusion_model
            self.alphas_cumprod = alphas_cumprod(self._model)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _load(self) -> None:
        model_management.load_models_gpu([self._patcher], force_full_load=True)
        self._model = self._patcher.model
        to_trainable(self._model)

    def predict(
        self, z_t: torch.Tensor, t: torch.Tensor, context: torch.Tensor, image: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        """See ``EditingEngine.predict``."""
        return predict_noise(self._model, z_t, t, c_concat=torch.cat([image, style], 1), c_crossattn=context)

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """See ``EditingEngine.encode_images``."""
        encodings: torch.Tensor = self._with_network_back(lambda: self._vae.encode(images).float().to(self.device))
        return encodings

    @torch.no_grad()
    def decode_latents(self, z_0: torch.Tensor) -> torch.Tensor:
        """See ``EditingEngine.decode_latents``."""
        latents = self._model.process_latent_out(z_0)
        images: torch.Tensor = self._with_network_back(lambda: self._vae.decode(latents).float().cpu().clamp(0, 1))
        return images

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """See ``EditingEngine.encode_prompts``."""
        contexts = self._with_network_back(
            lambda: [self._clip.encode_from_tokens(self._clip.tokenize(prompt)) for prompt in prompts]
        )
        if len({context.shape[1] for context in contexts}) > 1:
            raise InteractiveActionError(
                f"The instruction {prompts[0]!r} is longer than the text encoder's window. Shorten it."
            )
        return torch.cat(contexts).float().to(self.device)

    def fingerprint(self) -> str:
        """See ``EditingEngine.fingerprint``."""
        encoder = self._clip.cond_stage_model
        # as in ``ComfyEngine``: this one is not in a checkpoint's file
        unused = {key for key in encoder.state_dict() if key.endswith("text_projection.weight")}
        return sha256_of((self.module, encoder, self._vae.first_stage_model), unused)

    def _with_network_back(self, work: Callable[[], T]) -> T:
        """What another model's ``work`` gives; it may have taken the network's place in memory."""
        try:
            return work()
        finally:
            self._load()
