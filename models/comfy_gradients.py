"""Gradients through ComfyUI's loaded models, without a lasting change.

Three habits of ComfyUI stand in the way: prompts are executed in inference mode, so weights are inference tensors;
CLIP's layers add in place; and attention may choose an implementation without a backward pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from comfy.ldm.modules.attention import attention_pytorch
from einops import rearrange

if TYPE_CHECKING:
    from comfy.model_base import BaseModel
    from comfy.model_patcher import ModelPatcher


@contextlib.contextmanager
def gradients() -> Iterator[None]:
    """While this lasts, autograd works, whatever mode a node is executed in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def static(patcher: ModelPatcher) -> ModelPatcher:
    """Returns a patcher of the same model that does not stream weights: backward would find them overwritten."""
    return patcher.clone(disable_dynamic=True) if patcher.is_dynamic() else patcher


def to_trainable(module: torch.nn.Module) -> None:
    """Replaces a module's inference tensors by equal ordinary ones, one at a time, so that autograd may save them.

    Weights loaded while ComfyUI executes a prompt are inference tensors; the values do not change.
    """
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None and parameter.is_inference():
                part._parameters[name] = torch.nn.Parameter(parameter.detach().clone(), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None and buffer.is_inference():
                part._buffers[name] = buffer.clone()


def copied_for_backward() -> torch.autograd.graph.saved_tensors_hooks:
    """Returns a context in which backward gets copies: CLIP's layers add to their input in place."""
    return torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone() if x.requires_grad else x, lambda x: x)


def attention_with_gradient() -> dict[str, Any]:
    """Returns transformer options with which every attention has a backward pass."""
    return {"optimized_attention_override": lambda _, *args, **kwargs: attention_pytorch(*args, **kwargs)}


def alphas_cumprod(model: BaseModel) -> torch.Tensor:
    """Returns the noise schedule of a loaded model: float32 (T,)."""
    sigmas: torch.Tensor = model.model_sampling.sigmas.detach().clone().float()
    return 1 / (sigmas**2 + 1)


def predict_noise(
    model: BaseModel,
    z_t: torch.Tensor,
    t: torch.Tensor,
    transformer_options: dict[str, Any] | None = None,
    **conditions: torch.Tensor,
) -> torch.Tensor:
    """Returns a loaded model's eps (B, C, h, w), through which gradients flow.

    Args:
        model: with its U-Net.
        z_t: (B, C, h, w) noisy latents of the papers' variance-preserving kind.
        t: (B,) timesteps.
        transformer_options: for patches of the attentions.
        conditions: ``c_crossattn``, ``c_concat``, ``y``, as the model takes them.
    """
    sigma = rearrange(model.model_sampling.sigmas.to(z_t)[t], "b -> b 1 1 1")
    x = z_t * (sigma**2 + 1).sqrt()  # to ComfyUI's z_0 + sigma noise
    options = {**attention_with_gradient(), **(transformer_options or {})}
    denoised = model.apply_model(x, sigma.flatten(), transformer_options=options, **conditions)
    noise: torch.Tensor = (x - denoised.float()) / sigma
    return noise
