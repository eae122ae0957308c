"""ComfyUI's loaded MODEL, CLIP and VAE of a style-conditioned InstructPix2Pix as an ``EditingEngine``.

Only the network needs gradients: images and prompts are encoded by ComfyUI's own nodes' calls.
"""

import contextlib

import torch
from comfy import model_management
from comfy.ldm.modules.attention import attention_pytorch

from ..errors import InteractiveActionError
from .comfy_engine import thaw
from .protocol import sha256_of
from .style_editor.extend import EXTENDED


class ComfyEditor:
    """Use as a context manager around everything that needs gradients, like ``comfy.ComfyEngine``; weights keep their values."""

    def __init__(self, model, clip, vae):
        channels = model.model.model_config.unet_config.get("in_channels")
        if channels != EXTENDED:
            raise InteractiveActionError(
                f"This MODEL takes {channels} input channels, and an editor with a style image {EXTENDED}. Load a checkpoint made by "
                "Extend InstructPix2Pix for Style."
            )
        # A patcher that streams weights through shared buffers would overwrite what backward still needs.
        self._patcher = model.clone(disable_dynamic=True) if model.is_dynamic() else model
        self._clip, self._vae = clip, vae
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(torch.inference_mode(False))
        self._stack.enter_context(torch.enable_grad())
        self._load()
        self.device = self._patcher.load_device
        self.module = self._model.diffusion_model
        self._sampling = self._model.model_sampling
        self.alphas_cumprod = 1 / (self._sampling.sigmas.detach().clone().float() ** 2 + 1)
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def _load(self):
        model_management.load_models_gpu([self._patcher], force_full_load=True)
        self._model = self._patcher.model
        thaw(self._model)

    def predict(self, z_t, t, context, image, style):
        sigma = self._sampling.sigmas.to(z_t)[t].view(-1, 1, 1, 1)
        x = z_t * (sigma**2 + 1).sqrt()  # from the paper's variance-preserving z_t to ComfyUI's z_0 + sigma noise
        options = {"optimized_attention_override": lambda _, *args, **kwargs: attention_pytorch(*args, **kwargs)}
        conditions = torch.cat([image, style], 1)
        denoised = self._model.apply_model(
            x, sigma.flatten(), c_concat=conditions, c_crossattn=context, transformer_options=options
        )
        return (x - denoised.float()) / sigma

    @torch.no_grad()
    def encode_images(self, images):
        return self._elsewhere(lambda: self._vae.encode(images).float().to(self.device))

    @torch.no_grad()
    def decode_latents(self, z_0):
        return self._elsewhere(lambda: self._vae.decode(self._model.process_latent_out(z_0)).float().cpu().clamp(0, 1))

    @torch.no_grad()
    def encode_prompts(self, prompts):
        contexts = self._elsewhere(
            lambda: [self._clip.encode_from_tokens(self._clip.tokenize(prompt)) for prompt in prompts]
        )
        if len({context.shape[1] for context in contexts}) > 1:
            raise InteractiveActionError(
                f"The instruction {prompts[0]!r} is longer than the text encoder's window. Shorten it."
            )
        return torch.cat(contexts).float().to(self.device)

    def fingerprint(self):
        encoder = self._clip.cond_stage_model
        unused = {
            key for key in encoder.state_dict() if key.endswith("text_projection.weight")
        }  # as ``ComfyEngine`` says
        return sha256_of((self.module, encoder, self._vae.first_stage_model), unused)

    def _elsewhere(self, work):
        """What another model's ``work`` gives; it may have taken the network's place in memory."""
        try:
            return work()
        finally:
            self._load()
