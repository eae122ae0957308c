"""A step of three-condition guidance against a bare call of the same U-Net with four rows.

Both on ComfyUI's own code, one after the other in one process, so that whatever else the machine does meets both
alike. The bare call has neither the guider nor the cross-attention before the input, and its rows lie ready: it is
what any four predictions cost.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from einops import repeat

from ..tools.dev.server import enter_comfyui

ROUNDS, LATENT = 7, 16
SD_1_UNET = {  # SD 1.5's U-Net as ComfyUI's detection describes it, with the channels of the editor
    "context_dim": 768,
    "model_channels": 320,
    "use_linear_in_transformer": False,
    "adm_in_channels": None,
    "use_temporal_attention": False,
    "in_channels": 12,
    "out_channels": 4,
    "image_size": 32,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1] * 9 + [0] * 3,
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "legacy": False,
}


def measure() -> dict[str, Any]:
    """Measures the steps.

    Returns:
        "vs_bare_batch4": the median of paired rounds. "three_rows": that of a step with s_in = 1, which leaves one
        row out.
    """
    with tempfile.TemporaryDirectory() as base, torch.inference_mode():
        enter_comfyui(base)
        ratios, fewer, seconds = [], [], []
        four_rows, three_rows, bare = steps()
        for step in (bare, four_rows, three_rows):
            step()
        for _ in range(ROUNDS):
            of_bare, of_four, of_three = (seconds_of(step) for step in (bare, four_rows, three_rows))
            ratios.append(of_four / of_bare)
            fewer.append(of_three / of_bare)
            seconds.append(of_bare)
    return {
        "vs_bare_batch4": round(statistics.median(ratios), 3),
        "three_rows": round(statistics.median(fewer), 3),
        "rounds": [round(ratio, 3) for ratio in ratios],
        "seconds_bare": round(statistics.median(seconds), 3),
        "measured_on": f"SD 1.5's U-Net with 12 input channels, random weights, {8 * LATENT} x {8 * LATENT} pixels, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, medians of {ROUNDS} paired rounds",
    }


def steps() -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    """Builds functions without arguments: a guided step, one with s_in = 1, and the bare call."""
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    from ..models import comfy_registration

    model, patcher = untrained_model()
    device = patcher.load_device
    x, image, style = torch.randn(3, 1, 4, LATENT, LATENT, device=device)
    sigma = torch.full((1,), 5.0, device=device)
    text, null = torch.randn(2, 1, 77, 768, device=device)
    conditions = {comfy_registration.IMAGE: image, comfy_registration.STYLE: style}
    four_rows, three_rows = (
        guided_step(patcher, s_in, [[text, conditions]], [[null, conditions]], x, sigma) for s_in in (1.5, 1.0)
    )

    nothing = torch.zeros_like(image)
    rows = [[nothing, nothing], [image, nothing], [image, style], [image, style]]
    concat = torch.cat([torch.cat(row, 1) for row in rows])
    context, four_x, sigmas = torch.cat([null, null, null, text]), repeat(x, "1 c h w -> 4 c h w"), sigma.repeat(4)
    attention = model.diffusion_model.style_attention

    def bare() -> None:
        model.diffusion_model.style_attention = NoAttention()
        model.apply_model(four_x, sigmas, c_concat=concat, c_crossattn=context)
        model.diffusion_model.style_attention = attention

    return four_rows, three_rows, bare


def untrained_model() -> tuple[Any, Any]:
    """Builds ComfyUI's model of an SD 1.5 editor with random weights, and its patcher."""
    from comfy import model_management, model_patcher

    from ..models.comfy_registration import StyleSD15

    config = StyleSD15(SD_1_UNET)
    device = model_management.get_torch_device()
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    config.set_inference_dtype(dtype, None)
    torch.manual_seed(0)
    model = config.get_model({}, device=device).to(dtype)
    for parameter in model.diffusion_model.parameters():  # ComfyUI leaves them to a checkpoint
        parameter.normal_(std=0.02)
    patcher = model_patcher.ModelPatcher(model, device, model_management.unet_offload_device())
    model.current_patcher = patcher
    return model, patcher


def guided_step(
    patcher: Any, s_in: float, positive: list[Any], negative: list[Any], x: torch.Tensor, sigma: torch.Tensor
) -> Callable[[], object]:
    """Builds a step of the guider: a function without arguments.

    Args:
        patcher: of the model.
        s_in: the image's scale; at 1 a row is left out.
        positive: conditioning with the instruction.
        negative: conditioning with the empty prompt.
        x: noisy latents (1, 4, h, w).
        sigma: noise level (1,).
    """
    from comfy import samplers

    from ..nodes.three_condition_guider import ThreeConditions

    guider: Any = ThreeConditions(patcher)
    guider.set_conds(positive, negative)
    guider.set_scales(s_in, 3.0, 7.5)
    guider.inner_model, guider.conds = patcher.model, dict(guider.original_conds)
    guider.conds = samplers.process_conds(patcher.model, x, guider.conds, x.device, None, None, 0)
    return lambda: guider.predict_noise(x, sigma, patcher.model_options)


class NoAttention(torch.nn.Module):
    """Takes the place of the style image's cross-attention and does nothing."""

    def forward(self, conditions: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Returns the conditions."""
        return conditions


def seconds_of(step: Callable[[], object]) -> float:
    """Runs a step; returns seconds, without a GPU those of the processor, which others on the machine change little."""
    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    start = clock()
    step()
    if gpu:
        torch.cuda.synchronize()
    return clock() - start
