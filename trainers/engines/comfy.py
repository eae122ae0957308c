"""ComfyUI's loaded MODEL, CLIP and VAE as an ``Engine``: the one room beside ``nodes`` that imports ComfyUI.

Three habits of ComfyUI stand in the way of gradients and are dealt with here, each without a lasting change:
prompts are executed in inference mode, so weights are inference tensors; CLIP's layers add in place; and
attention may choose an implementation without a backward pass.
"""

import contextlib
import hashlib

import torch
from comfy import model_management
from comfy.ldm.modules.attention import attention_pytorch
from comfy.model_base import ModelType

from ...captions.templates import PLACEHOLDER
from ...errors import InteractiveActionError
from ...tokens.layers import LayerPatch, cross_attention_layers
from . import attention_projections

ENCODE_BATCH = 8


class ComfyEngine:
    """Use as a context manager around everything that needs gradients::

        with ComfyEngine(model, clip, vae) as engine:
            ...

    Weights keep their values; leaving the context leaves sampling with the same MODEL unchanged to the pixel.
    """

    def __init__(self, model, clip, vae):
        if model.model.model_type not in (ModelType.EPS, ModelType.V_PREDICTION) or model.model.latent_format.latent_channels != 4:
            raise InteractiveActionError(
                f"Tokens can be trained on SD 1.x checkpoints so far, and this MODEL is a "
                f"{type(model.model.model_config).__name__}. Load an SD 1.x checkpoint."
            )
        self._name = getattr(clip.tokenizer, "clip", "")
        if not hasattr(clip.cond_stage_model, self._name):
            raise InteractiveActionError(
                f"Tokens can be trained on CLIPs with one text encoder so far, and this one is a "
                f"{type(clip.cond_stage_model).__name__}. Load an SD 1.x checkpoint."
            )
        if any(vectors.ndim == 3 for vectors in getattr(getattr(clip.tokenizer, self._name), "learned_words", {}).values()):
            raise InteractiveActionError(
                "This CLIP already knows a layer-wise token, beside which no other can be trained. Connect the CLIP of the checkpoint loader."
            )
        # A patcher that streams weights through shared buffers would overwrite what backward still needs.
        self._patcher = model.clone(disable_dynamic=True) if model.is_dynamic() else model
        if clip.patcher.is_dynamic():
            clip = clip.clone(disable_dynamic=True)
            clip.cond_stage_model = clip.patcher.model
        self._clip, self._vae = clip, vae
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(torch.inference_mode(False))
        self._stack.enter_context(torch.enable_grad())
        model_management.load_models_gpu([self._patcher, self._clip.patcher], force_full_load=True)
        self._model, self._encoder = self._patcher.model, self._clip.cond_stage_model
        thaw(self._model)
        thaw(self._encoder)
        self.device = self._patcher.load_device
        self._sampling = self._model.model_sampling
        self.alphas_cumprod = 1 / (self._sampling.sigmas.detach().clone().float() ** 2 + 1)
        self.width = self._table.shape[1]
        self._layer_patch = LayerPatch(cross_attention_layers(self._model.diffusion_model))
        expected = self._model.model_config.unet_config.get("context_dim")
        if expected != self.width:
            raise InteractiveActionError(
                f"This CLIP is {self.width} wide and the MODEL expects {expected}. Take MODEL and CLIP from the same checkpoint."
            )
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    @property
    def layers(self):
        return len(self._layer_patch.index)

    @property
    def _table(self):
        return getattr(self._encoder, self._name).transformer.get_input_embeddings().weight

    def encode_pictures(self, pictures):
        vae = self._vae
        model_management.load_models_gpu([vae.patcher], force_full_load=True)
        stage = vae.first_stage_model
        means, stds = [], []
        with torch.no_grad():
            for batch in pictures.split(ENCODE_BATCH):
                # clone: pictures that came along a graph are inference tensors
                x = vae.process_input(vae.vae_encode_crop_pixels(batch.clone()).movedim(-1, 1)).to(vae.device, vae.vae_dtype)
                if hasattr(stage, "quant_conv"):
                    mean, logvar = stage.quant_conv(stage.encoder(x)).float().chunk(2, dim=1)
                    std = torch.exp(0.5 * logvar.clamp(-30, 20))
                else:  # an autoencoder without a posterior, such as TAESD
                    mean = stage.encode(x).float()
                    std = torch.zeros_like(mean)
                scaled = self._model.process_latent_in(mean)
                means.append(scaled)
                stds.append(self._model.process_latent_in(mean + std) - scaled)
        model_management.load_models_gpu([self._patcher, self._clip.patcher], force_full_load=True)
        thaw(self._model)
        thaw(self._encoder)
        return torch.cat(means).to(self.device), torch.cat(stds).to(self.device)

    def encode_prompts(self, prompts, vectors=None):
        layers = vectors if vectors is not None and vectors.ndim == 3 else [vectors]
        rows = [self._tokens(prompt, layer) for layer in layers for prompt in prompts]
        if len({len(row) for row in rows}) > 1:
            raise InteractiveActionError("The prompts of one batch have different lengths. Keep each below 75 tokens.")
        encoder = self._encoder
        encoder.reset_clip_options()
        if self._clip.layer_idx is not None:
            encoder.set_clip_options({"layer": self._clip.layer_idx})
        encoder.set_clip_options({"execution_device": self._clip.patcher.load_device})
        # CLIP's layers add to their input in place; what backward needs of it is copied first.
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone() if x.requires_grad else x, lambda x: x):
            context = encoder.encode_token_weights({self._clip.tokenizer.clip_name: rows})[0]
        context = context.view(len(layers), len(prompts), -1, context.shape[-1]).to(self.device)
        return context if layers is vectors else context[0]

    def word_vectors(self, words):
        with torch.no_grad():
            ids = [token for row in self._tokenize(words) for token, _, word in row if word]
            return self._table[torch.tensor(ids, dtype=torch.long, device=self._table.device)].float().clone()

    def predict_noise(self, z_t, t, context):
        sigma = self._sampling.sigmas.to(z_t)[t].view(-1, 1, 1, 1)
        x = z_t * (sigma**2 + 1).sqrt()  # from the paper's variance-preserving z_t to ComfyUI's z_0 + sigma noise
        options = {"optimized_attention_override": lambda _, *args, **kwargs: attention_pytorch(*args, **kwargs)}
        if context.ndim == 4:
            context = context.movedim(0, 1).flatten(1, 2)
            options["patches"] = {"attn2_patch": [self._layer_patch]}
        denoised = self._model.apply_model(x, sigma.flatten(), c_crossattn=context, transformer_options=options)
        return (x - denoised.float()) / sigma

    def attention_projections(self):
        return attention_projections(self._model.diffusion_model)

    def fingerprint(self):
        digest = hashlib.sha256()
        for module in (self._model.diffusion_model, self._encoder, self._vae.first_stage_model):
            for key, value in sorted(module.state_dict().items()):
                digest.update(key.encode())
                digest.update(value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _tokenize(self, text):
        tokens = self._clip.tokenize(text, return_word_ids=True, disable_weights=True)
        return tokens[self._clip.tokenizer.clip_name]

    def _tokens(self, prompt, vectors):
        """One row of (token or vector, weight); v* is cut in where it is written, so that the tokenizer need not know it."""
        before, marker, after = prompt.partition(PLACEHOLDER)
        if not marker or vectors is None:
            rows = self._tokenize(prompt)
            if len(rows) != 1:
                raise _too_long(prompt)
            return [(token, 1.0) for token, _, _ in rows[0]]
        [start, *first], [_, *second] = (self._tokenize(part)[0] for part in (before, after))
        words = [token for token, _, word in first if word] + list(vectors.unbind()) + [token for token, _, word in second if word]
        padding = [token for token, _, word in second if not word]
        length = 1 + len(first)
        row = [start[0], *words, padding[0]]
        if len(row) > length:
            raise _too_long(prompt)
        return [(token, 1.0) for token in row + [padding[-1]] * (length - len(row))]


def _too_long(prompt):
    return InteractiveActionError(f"The prompt {prompt!r} is longer than the text encoder's window. Shorten it.")


def thaw(module):
    """Replace a module's inference tensors by equal ordinary ones, one at a time, so that autograd may save them.

    Weights loaded while ComfyUI executes a prompt are inference tensors; the values do not change.
    """
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and parameter.is_inference():
                part._parameters[name] = torch.nn.Parameter(parameter.detach().clone(), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None and buffer.is_inference():
                part._buffers[name] = buffer.clone()
