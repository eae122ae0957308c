"""Samplers of images on an engine's own noise schedule."""

from __future__ import annotations

import torch

from .protocol import Engine


@torch.no_grad()
def ddim(engine: Engine, noise: torch.Tensor, contexts: torch.Tensor, steps: int, cfg: float) -> torch.Tensor:
    """Returns latents (N, C, h, w) by deterministic DDIM with classifier-free guidance.

    Args:
        engine: predicts noise.
        noise: (N, C, h, w).
        contexts: (2N, ...) of the empty prompts, then of the prompts.
        steps: denoising steps.
        cfg: guidance scale.

    Source: Song et al. 2021, eta = 0; Ho & Salimans 2022.
    """
    abar = engine.alphas_cumprod.clamp(min=1e-7).to(engine.device)  # a schedule may end in nothing but noise
    timesteps = torch.linspace(len(abar) - 1, 0, steps + 1).round().long()[:-1].tolist()
    z = noise.to(engine.device)
    for now, following in zip(timesteps, [*timesteps[1:], None]):
        t = torch.full((2 * len(z),), now, device=engine.device)
        unconditional, conditional = engine.predict_noise(torch.cat([z, z]), t, contexts).chunk(2)
        eps = unconditional + cfg * (conditional - unconditional)
        z_0 = (z - (1 - abar[now]).sqrt() * eps) / abar[now].sqrt()
        z = z_0 if following is None else abar[following].sqrt() * z_0 + (1 - abar[following]).sqrt() * eps
    return z
