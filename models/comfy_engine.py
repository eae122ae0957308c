"""ComfyUI's loaded MODEL, CLIP and VAE as an ``Engine``: the one room beside ``nodes`` that imports ComfyUI.

Three habits of ComfyUI stand in the way of gradients and are dealt with here, each without a lasting change:
prompts are executed in inference mode, so weights are inference tensors; CLIP's layers add in place; and
attention may choose an implementation without a backward pass.
"""

import contextlib

import torch
from comfy import model_management
from comfy.ldm.modules.attention import attention_pytorch
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from comfy.model_base import SDXL, ModelType
from comfy.utils import unet_to_diffusers

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError
from .comfy_layerwise import LayerPatch, cross_attention_layers
from .comfy_tokens import encoder_names
from .gradient_checkpointing import checkpointed
from .protocol import attention_projections, sha256_of, with_pooled, without_pooled

ENCODE_BATCH = 8


class ComfyEngine:
    """Use as a context manager around everything that needs gradients::

        with ComfyEngine(model, clip, vae) as engine:
            ...

    Weights keep their values; leaving the context leaves sampling with the same MODEL unchanged to the pixel.
    checkpointing: compute most activations again in the backward pass instead of keeping them (``checkpointing``).
    """

    def __init__(self, model, clip, vae, gradient_checkpointing=False):
        network = model.model
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
                f"Tokens can be trained on SD 1.x, SD 2.x and SDXL checkpoints, and this MODEL is a {type(network.model_config).__name__}. "
                f"Load one of those, or a fine-tune."
            )
        self._parts = encoder_names(clip)
        if self._parts is None or isinstance(network, SDXL) != (len(self._parts) == 2):
            raise InteractiveActionError(
                f"Tokens can be trained with the text encoders of SD 1.x, SD 2.x and SDXL, and this CLIP is a "
                f"{type(clip.cond_stage_model).__name__}. Connect the CLIP of the MODEL's checkpoint."
            )
        learned = [
            words
            for part in self._parts
            for words in getattr(getattr(clip.tokenizer, part), "learned_words", {}).values()
        ]
        if any(vectors.ndim == 3 for vectors in learned):
            raise InteractiveActionError(
                "This CLIP already knows a layer-wise token, beside which no other can be trained. Connect the CLIP of the checkpoint loader."
            )
        # A patcher that streams weights through shared buffers would overwrite what backward still needs.
        self._patcher = model.clone(disable_dynamic=True) if model.is_dynamic() else model
        if clip.patcher.is_dynamic():
            clip = clip.clone(disable_dynamic=True)
            clip.cond_stage_model = clip.patcher.model
        self._clip, self._vae, self._checkpointing = clip, vae, gradient_checkpointing
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(torch.inference_mode(False))
        self._stack.enter_context(torch.enable_grad())
        self._load()
        self.device = self._patcher.load_device
        self._sampling = self._model.model_sampling
        self.alphas_cumprod = 1 / (self._sampling.sigmas.detach().clone().float() ** 2 + 1)
        self.widths = tuple(table.shape[1] for table in self._tables)
        self._layer_patch = LayerPatch(cross_attention_layers(self.unet))
        expected = self._model.model_config.unet_config.get("context_dim")
        if expected != self.width:
            raise InteractiveActionError(
                f"This CLIP is {self.width} wide and the MODEL expects {expected}. Take MODEL and CLIP from the same checkpoint."
            )
        if self._checkpointing:
            self._stack.enter_context(checkpointed(*levels(self.unet), ResBlock))
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def _load(self):
        model_management.load_models_gpu([self._patcher, self._clip.patcher], force_full_load=True)
        self._model, self._encoder = self._patcher.model, self._clip.cond_stage_model
        thaw(self._model)
        thaw(self._encoder)

    @property
    def layers(self):
        return len(self._layer_patch.index)

    @property
    def width(self):
        return sum(self.widths)

    @property
    def _tables(self):
        return [getattr(self._encoder, part).transformer.get_input_embeddings().weight for part in self._parts]

    def encode_images(self, images):
        vae = self._vae
        model_management.load_models_gpu([vae.patcher], force_full_load=True)
        stage = vae.first_stage_model
        means, stds = [], []
        with torch.no_grad():
            for batch in images.split(ENCODE_BATCH):
                # clone: images that came along a graph are inference tensors
                x = vae.process_input(vae.vae_encode_crop_pixels(batch.clone()).movedim(-1, 1)).to(
                    vae.device, vae.vae_dtype
                )
                if hasattr(stage, "quant_conv"):
                    mean, logvar = stage.quant_conv(stage.encoder(x)).float().chunk(2, dim=1)
                    std = torch.exp(0.5 * logvar.clamp(-30, 20))
                else:  # an autoencoder without a posterior, such as TAESD
                    mean = stage.encode(x).float()
                    std = torch.zeros_like(mean)
                scaled = self._model.process_latent_in(mean)
                means.append(scaled)
                stds.append(self._model.process_latent_in(mean + std) - scaled)
        self._load()
        return torch.cat(means).to(self.device), torch.cat(stds).to(self.device)

    def decode_latents(self, latents):
        try:
            with torch.no_grad():
                return self._vae.decode(self._model.process_latent_out(latents)).float().cpu()
        finally:
            self._load()  # the autoencoder may have taken the U-Net's place

    def encode_prompts(self, prompts, vectors=None):
        layers = vectors if vectors is not None and vectors.ndim == 3 else [vectors]
        rows = []
        for number, part in enumerate(self._parts):
            own = [layer if layer is None else layer.split(self.widths, -1)[number] for layer in layers]
            rows.append([self._tokens(part, prompt, layer) for layer in own for prompt in prompts])
        if len({len(row) for row in rows[0]}) > 1:
            raise InteractiveActionError("The prompts of one batch have different lengths. Keep each below 75 tokens.")
        encoder = self._encoder
        encoder.reset_clip_options()
        if self._clip.layer_idx is not None:
            encoder.set_clip_options({"layer": self._clip.layer_idx})
        encoder.set_clip_options({"execution_device": self._clip.patcher.load_device})
        # CLIP's layers add to their input in place; what backward needs of it is copied first.
        with torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone() if x.requires_grad else x, lambda x: x):
            words, pooled, *_ = zip(*(getattr(encoder, part).encode(own) for part, own in zip(self._parts, rows)))
        context = torch.cat(words, -1)
        if self._pooled:
            context = with_pooled(context, pooled[-1])
        context = context.view(len(layers), len(prompts), -1, context.shape[-1]).to(self.device)
        return context if layers is vectors else context[0]

    def word_vectors(self, words):
        with torch.no_grad():
            ids = [
                [token for row in self._tokenize(part, words) for token, _, word in row if word] for part in self._parts
            ]
            rows = [
                table[torch.tensor(row, dtype=torch.long, device=table.device)] for table, row in zip(self._tables, ids)
            ]
            return torch.cat(rows, -1).float().clone()

    def predict_noise(self, z_t, t, context):
        sigma = self._sampling.sigmas.to(z_t)[t].view(-1, 1, 1, 1)
        x = z_t * (sigma**2 + 1).sqrt()  # from the paper's variance-preserving z_t to ComfyUI's z_0 + sigma noise
        options = {"optimized_attention_override": lambda _, *args, **kwargs: attention_pytorch(*args, **kwargs)}
        added = {}
        if self._pooled:
            height, width = (8 * size for size in z_t.shape[-2:])
            context, pooled = without_pooled(context, self.widths[-1])
            added["y"] = self._model.encode_adm(pooled_output=pooled, height=height, width=width)
        if context.ndim == 4:
            context = context.movedim(0, 1).flatten(1, 2)
            options["patches"] = {"attn2_patch": [self._layer_patch]}
        denoised = self._model.apply_model(
            x, sigma.flatten(), c_crossattn=context, transformer_options=options, **added
        )
        return (x - denoised.float()) / sigma

    def attention_projections(self):
        return attention_projections(self.unet)

    @property
    def unet(self):
        return self._model.diffusion_model

    def unet_names(self):
        known = {name for name, _ in self.unet.named_parameters()}
        names = unet_to_diffusers(self._model.model_config.unet_config)
        return {theirs: ours for theirs, ours in sorted(names.items()) if ours in known}

    def fingerprint(self):
        # CLIP's projection of the pooled text is not in a checkpoint's file; ComfyUI leaves in it what lay in that memory
        pooled = self._parts[-1:] if self._pooled else []
        unused = {f"{part}.transformer.text_projection.weight" for part in self._parts if part not in pooled}
        return sha256_of((self.unet, self._encoder, self._vae.first_stage_model), unused)

    @property
    def _pooled(self):
        return isinstance(self._model, SDXL)

    def _tokenize(self, part, text):
        return self._clip.tokenize(text, return_word_ids=True, disable_weights=True)[_key(part)]

    def _tokens(self, part, prompt, vectors):
        """One row of tokens and vectors; v* is cut in where it is written, so that the tokenizer need not know it."""
        before, marker, after = prompt.partition(PLACEHOLDER)
        if not marker or vectors is None:
            rows = self._tokenize(part, prompt)
            if len(rows) != 1:
                raise _too_long(prompt)
            return [token for token, _, _ in rows[0]]
        [start, *first], [_, *second] = (self._tokenize(part, text)[0] for text in (before, after))
        words = (
            [token for token, _, word in first if word]
            + list(vectors.unbind())
            + [token for token, _, word in second if word]
        )
        padding = [token for token, _, word in second if not word]
        length = 1 + len(first)
        row = [start[0], *words, padding[0]]
        if len(row) > length:
            raise _too_long(prompt)
        return row + [padding[-1]] * (length - len(row))


def _key(part):
    """The name by which a tokenizer's answer tells an encoder's part: l of clip_l."""
    return part.removeprefix("clip_")


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


def levels(unet):
    """(the outer two levels, all else) of ComfyUI's U-Net, as lists of modules in the order of its forward pass."""
    blocks = 1 + sum(count + 1 for count in unet.num_res_blocks[:2])
    down, up = unet.input_blocks, unet.output_blocks
    return [*down[:blocks], *up[1 - blocks :]], [*down[blocks:], unet.middle_block, *up[: 1 - blocks]]
