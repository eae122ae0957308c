"""D3PO: preferences between two samples, taught to a diffusion model step by step.

    L_t = -log rho( beta log pi(a_w|s_w) / pi_ref(a_w|s_w)  -  beta log pi(a_l|s_l) / pi_ref(a_l|s_l) )

rho is the logistic function, pi the Gaussian of one DDIM step with eta = 1, a = x_{t-1} what was sampled, w and l the
winner and the loser of two trajectories that began at the same x_T. If the last image is preferred, each step towards
it is.

As in public code and not in the text: a log-probability is the mean over the latent's dimensions and not the sum, and
a ratio pi / pi_ref counts between 1 - clip and 1 + clip, beyond which it has no gradient. With beta 0.1 and clip 0.1
the loss therefore lies between 0.683 and 0.703 whatever is learned: it says nothing; look at the reward.
Source: D3PO (K. Yang et al. 2024); Benarous et al. 2025, Eq. 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from torch.nn.functional import logsigmoid

from ..models.style_editor.guidance import S_IN, S_STY, S_T
from . import hyperparameters as hp

BETA, CLIP = 0.1, 0.1


def _scale(default: float, what: str) -> Any:
    return hp.parameter(
        default,
        f"How much an edit follows {what}. All three strengths 1: no guidance, a quarter of the time.",
        label=f"{what.removeprefix('the ')} strength",
        minimum=0.0,
        maximum=100.0,
        step=0.1,
        advanced=True,
    )


@dataclass(frozen=True)
class D3POConfig(hp.Config):
    """Hyperparameters. Defaults: those of D3PO's public code, which the paper keeps, and the paper's scales."""

    steps: int = hp.parameter(
        6,
        "Optimizer steps. Six to ten are enough in the paper, with 128 pairs each.",
        minimum=1,
        maximum=10_000,
    )
    pairs: int = hp.parameter(
        16, "Pairs of edits a step. More make a step surer and slower; 128 in the paper.", minimum=1, maximum=1024
    )
    batch_size: int = hp.parameter(
        8, "Images that the network sees at once: memory alone, the result is the same.", minimum=1, maximum=1024
    )
    learning_rate: float = hp.parameter(3e-5, "AdamW's learning rate.", minimum=1e-7, maximum=1.0, step=1e-6)
    seed: int = hp.parameter(
        0, "Same seed, model, images and settings: the same weights.", minimum=0, maximum=0xFFFFFFFFFFFFFFFF
    )
    rank: int = hp.parameter(
        4,
        "Rank of the LoRA on attention; what is new in a style-conditioned editor is trained whole. 0: every weight.",
        minimum=0,
        maximum=256,
    )
    denoising_steps: int = hp.parameter(
        20, "DDIM steps of an edit.", label="denoising steps", minimum=1, maximum=500, advanced=True
    )
    s_in: float = _scale(S_IN, "the image")
    s_sty: float = _scale(S_STY, "the style")
    s_T: float = _scale(S_T, "the text")
    beta: float = hp.parameter(
        BETA,
        "How hard a preference pulls.",
        label="preference strength",
        minimum=0.001,
        maximum=10.0,
        step=0.01,
        advanced=True,
    )
    clip_ratio: float = hp.parameter(
        CLIP,
        "How far the probability of a denoising step may move from the start, as a share.",
        label="clip ratio",
        minimum=0.01,
        maximum=0.99,
        step=0.01,
        advanced=True,
    )
    weight_decay: float = hp.parameter(1e-4, "AdamW's weight decay.", minimum=0.0, maximum=1.0, group="optimizer")
    max_grad_norm: float = hp.parameter(
        1.0, "Longer gradients are shortened to this length.", minimum=1e-6, maximum=1e6, group="optimizer"
    )


def log_ratio(
    x_next: torch.Tensor, mean: torch.Tensor, reference_mean: torch.Tensor, sigma: torch.Tensor | float
) -> torch.Tensor:
    """Returns log pi(x_next) / pi_ref(x_next) of two Gaussians with one deviation: (B,), a mean over dimensions.

    Args:
        x_next: (B, C, h, w) what was sampled.
        mean: (B, C, h, w) of the policy.
        reference_mean: (B, C, h, w) of the reference policy.
        sigma: the deviation, a scalar.
    """
    difference = (x_next - reference_mean).square() - (x_next - mean).square()
    return rearrange(difference, "b c h w -> b (c h w)").mean(1) / (2 * float(sigma) ** 2)


def d3po_loss(winner: torch.Tensor, loser: torch.Tensor, beta: float = BETA, clip: float = CLIP) -> torch.Tensor:
    """Returns Eq. 7 for each pair: (B,).

    Args:
        winner: (B,) log-ratios at one timestep.
        loser: (B,) the same of the other edit.
        beta: how hard a preference pulls.
        clip: how far a ratio counts.
    """
    low, high = math.log1p(-clip), math.log1p(clip)
    return -logsigmoid(beta * (winner.clamp(low, high) - loser.clamp(low, high)))
