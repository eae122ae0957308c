"""The miniature autoencoder: TAESD's topology, thin where pictures are large, so that it trains on a CPU.

ComfyUI loads TAESD at width 64 only. ``padded`` fills a thin model's weights with zeros up to 64: the added
channels stay exactly zero through convolutions, ReLUs and skips, so both compute the same function.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

WIDTHS = (24, 48, 64, 64)  # at full, half, quarter and eighth resolution
LATENT_CHANNELS = 4
LATENT_SCALE = 0.18215  # what Stable Diffusion 1 multiplies latents by before its U-Net
FULL_WIDTH = 64
CROP = 64  # training sees crops: the model is convolutional, and crops cost less than half


def _conv(n_in, n_out, **more):
    return nn.Conv2d(n_in, n_out, 3, padding=1, **more)


class _Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Sequential(_conv(n, n), nn.ReLU(), _conv(n, n), nn.ReLU(), _conv(n, n))

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class _Squash(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def encoder(widths=WIDTHS):
    a, b, c, d = widths
    return nn.Sequential(
        _conv(3, a), _Block(a),
        _conv(a, b, stride=2, bias=False), _Block(b), _Block(b), _Block(b),
        _conv(b, c, stride=2, bias=False), _Block(c), _Block(c), _Block(c),
        _conv(c, d, stride=2, bias=False), _Block(d), _Block(d), _Block(d),
        _conv(d, LATENT_CHANNELS))


def decoder(widths=WIDTHS):
    a, b, c, d = widths
    return nn.Sequential(
        _Squash(), _conv(LATENT_CHANNELS, d), nn.ReLU(),
        _Block(d), _Block(d), _Block(d), nn.Upsample(scale_factor=2), _conv(d, c, bias=False),
        _Block(c), _Block(c), _Block(c), nn.Upsample(scale_factor=2), _conv(c, b, bias=False),
        _Block(b), _Block(b), _Block(b), nn.Upsample(scale_factor=2), _conv(b, a, bias=False),
        _Block(a), _conv(a, 3))


class Autoencoder(nn.Module):
    """Pictures (B, 3, H, W) in 0..1 <-> latents (B, 4, H/8, W/8) of about zero mean and unit variance a channel."""

    def __init__(self, widths=WIDTHS):
        super().__init__()
        self.encoder, self.decoder = encoder(widths), decoder(widths)

    def encode(self, pictures):
        return self.encoder(pictures)

    def decode(self, latents):
        return self.decoder(latents)


def padded(state):
    """A thin model's state dict with every hidden channel count filled up to 64 by zeros."""
    full = Autoencoder((FULL_WIDTH,) * 4).state_dict()
    wide = {}
    for key, weight in state.items():
        wide[key] = torch.zeros_like(full[key], dtype=weight.dtype)
        wide[key][tuple(slice(n) for n in weight.shape)] = weight
    return wide


def loss_of(model, pictures):
    """L1 and squared error of picture and edges; latents held near unit variance and made robust to small noise."""
    latents = model.encode(pictures)
    out = model.decode(latents + 0.06 * torch.randn_like(latents)).float()
    mean, variance = latents.float().mean((0, 2, 3)), latents.float().var((0, 2, 3))
    error = out - pictures
    edges = [error.diff(dim=d).abs().mean() for d in (2, 3)]
    return (error.abs().mean() + 2 * (error**2).mean() + 0.7 * sum(edges)
            + 0.02 * (mean**2 + (variance - 1) ** 2).mean()), (error.detach() ** 2).mean()


def to_tensor(pictures):
    """uint8 (B, H, W, 3) -> float (B, 3, H, W) in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def train(pictures, checkpoint, seconds, batch=16, rate=1.5e-3, seed=0, progress=print):
    """Train for a wall-clock budget (one-cycle in time), resuming from ``checkpoint``; returns the model."""
    torch.manual_seed(seed)
    model = Autoencoder().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-4, betas=(0.9, 0.99))
    step, spent = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["spent"]
    rng = np.random.default_rng(seed + step)
    total, clock = 0.0, time.monotonic()
    while spent < seconds:
        share = spent / seconds
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share)))
        top, left = rng.integers(0, pictures.shape[1] - CROP + 1, 2)
        rows = np.sort(rng.integers(len(pictures), size=batch))
        chosen = to_tensor(pictures[rows, top : top + CROP, left : left + CROP])
        chosen = (chosen if rng.random() < 0.5 else chosen.flip(3)).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            loss, error = loss_of(model, chosen)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, total = step + 1, total + error.item()
        now = time.monotonic()
        spent, clock = spent + now - clock, now
        if step % 100 == 0 or spent >= seconds:
            progress(f"autoencoder step {step}, {spent:.0f} of {seconds:.0f} s, "
                     f"{-10 * np.log10(total / (step % 100 or 100)):.2f} dB")
            total = 0.0
        if step % 400 == 0 or spent >= seconds:
            save(checkpoint, dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=spent))
    return model


def save(path, state):
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


@torch.no_grad()
def encode_all(model, pictures, batch=64):
    """Latents fp16 (N, 4, h, w) of uint8 pictures (N, H, W, 3)."""
    return torch.cat([model.encode(to_tensor(pictures[i : i + batch])).half() for i in range(0, len(pictures), batch)])
