"""The diffusion of layouts: noise schedule, what the network predicts, and the loss.

Source: Yang et al. 2024 (PhyScene), Eq. 1 and appendix A.1; the schedule is that of Ho et al. 2020. The paper predicts
noise ("eps"). The embedded model predicts the layout ("x0"), which guidance needs and which is learned faster, with
min-SNR weights (Hang et al. 2023, Eq. 8).
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch.nn.functional import cross_entropy

from .network import LayoutNetwork
from .representation import CLASS, NOTHING, Condition

TIMESTEPS = 1000
PREDICTIONS = ("x0", "eps")
CLASS_WEIGHT, CROSS_ENTROPY = 0.1, 0.1  # of the class's channels beside those of place, size and turn
LEAST_SNR = 0.25  # a room is arranged at high noise, which min-SNR weights alone would hardly train


def linear_schedule(timesteps: int = TIMESTEPS) -> torch.Tensor:
    """Returns (T,) alphas_cumprod of betas that rise evenly from 1e-4 to 0.02."""
    return (1 - torch.linspace(1e-4, 0.02, timesteps, dtype=torch.float64)).cumprod(0).float()


def noisy(x0: torch.Tensor, noise: torch.Tensor, abar: torch.Tensor) -> torch.Tensor:
    """Returns (B, S, C) objects at noise levels abar (B,)."""
    return abar[:, None, None].sqrt() * x0 + (1 - abar[:, None, None]).sqrt() * noise


def to_x0(output: torch.Tensor, x: torch.Tensor, abar: torch.Tensor, prediction: str) -> torch.Tensor:
    """Returns the predicted objects (B, S, C) for a network's output at x (B, S, C) and noise levels abar (B,)."""
    if prediction == "x0":
        return output
    return (x - (1 - abar[:, None, None]).sqrt() * output) / abar[:, None, None].sqrt()


def to_noise(x0: torch.Tensor, x: torch.Tensor, abar: torch.Tensor) -> torch.Tensor:
    """Returns the noise (B, S, C) that makes x of x0."""
    return (x - abar[:, None, None].sqrt() * x0) / (1 - abar[:, None, None]).sqrt()


def training_loss(
    network: LayoutNetwork,
    x0: torch.Tensor,
    condition: Condition,
    alphas_cumprod: torch.Tensor,
    generator: torch.Generator,
    prediction: str = "x0",
    gamma: float = 5.0,
) -> dict[str, torch.Tensor]:
    """Returns the losses by name on a batch, and their ``total``: scalars.

    Args:
        network: of layouts.
        x0: (B, S, C) objects.
        condition: of the rooms.
        alphas_cumprod: (T,).
        generator: of timesteps and noise, on the CPU.
        prediction: "eps" is Eq. 1; "x0" weighs squared errors by min(SNR, gamma).
        gamma: the largest weight.
    """
    t = torch.randint(len(alphas_cumprod), (len(x0),), generator=generator).to(x0.device)
    noise = torch.randn(x0.shape, generator=generator).to(x0)
    abar = alphas_cumprod.to(x0.device)[t]
    x = noisy(x0, noise, abar)
    output = network(x, t / len(alphas_cumprod), condition)
    if prediction == "eps":
        loss = (output - noise).square().mean()
        return {"noise": loss, "total": loss}
    weight = (abar / (1 - abar)).clamp(LEAST_SNR, gamma)[:, None] / gamma
    there = (x0[..., CLASS].argmax(-1) != NOTHING)[..., None]
    error = (output - x0).square()
    # where nothing stands, place, size and turn mean nothing
    geometry = (error[..., : CLASS.start] * there).mean(-1)
    classes = error[..., CLASS].mean(-1)
    logits = rearrange(2 * output[..., CLASS], "b s c -> b c s")
    entropy = cross_entropy(logits, x0[..., CLASS].argmax(-1), reduction="none")
    terms = {
        "geometry": (weight * geometry).mean(),
        "classes": (weight * classes).mean(),
        "entropy": (weight * entropy).mean(),
    }
    total = terms["geometry"] + CLASS_WEIGHT * terms["classes"] + CROSS_ENTROPY * terms["entropy"]
    return {**terms, "total": total}
