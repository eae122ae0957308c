"""The miniature autoencoder: TAESD's topology, thin and shallow where images are large, so that it trains on a CPU.

ComfyUI loads TAESD at width 64 and full depth only. ``padded`` fills a small model's weights with zeros: added channels
stay exactly zero through convolutions, ReLUs and skips, and a block of zeros is the ReLU that stands in for it here,
so both compute the same function.
"""

import math

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

WIDTHS = (16, 32, 64, 64)  # at full, half, quarter and eighth resolution
BLOCKS = (1, 2, 2, 3)
LATENT_CHANNELS = 4
LATENT_SCALE = 0.18215  # what Stable Diffusion 1 multiplies latents by before its U-Net
CROP = 48  # training sees crops: the model is convolutional, and a crop about a face teaches more than a wall


def _conv(n_in, n_out, **more):
    return nn.Conv2d(n_in, n_out, 3, padding=1, **more)


class _Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Sequential(_conv(n, n), nn.ReLU(), _conv(n, n), nn.ReLU(), _conv(n, n))
        nn.init.zeros_(self.conv[4].weight)  # starts as the identity

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class _Squash(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def _stage(n, blocks, of=3):
    """``of`` places, the first ``blocks`` of them real."""
    return [_Block(n) if k < blocks else nn.ReLU() for k in range(of)]


def encoder(widths=WIDTHS, blocks=BLOCKS):
    a, b, c, d = widths
    return nn.Sequential(
        _conv(3, a),
        *_stage(a, blocks[0], 1),
        _conv(a, b, stride=2, bias=False),
        *_stage(b, blocks[1]),
        _conv(b, c, stride=2, bias=False),
        *_stage(c, blocks[2]),
        _conv(c, d, stride=2, bias=False),
        *_stage(d, blocks[3]),
        _conv(d, LATENT_CHANNELS),
    )


def decoder(widths=WIDTHS, blocks=BLOCKS):
    a, b, c, d = widths
    return nn.Sequential(
        _Squash(),
        _conv(LATENT_CHANNELS, d),
        nn.ReLU(),
        *_stage(d, blocks[3]),
        nn.Upsample(scale_factor=2),
        _conv(d, c, bias=False),
        *_stage(c, blocks[2]),
        nn.Upsample(scale_factor=2),
        _conv(c, b, bias=False),
        *_stage(b, blocks[1]),
        nn.Upsample(scale_factor=2),
        _conv(b, a, bias=False),
        *_stage(a, blocks[0], 1),
        _conv(a, 3),
    )


class Autoencoder(nn.Module):
    """Images (B, 3, H, W) in 0..1 <-> latents (B, 4, H/8, W/8) of about zero mean and unit variance a channel."""

    def __init__(self, widths=WIDTHS, blocks=BLOCKS):
        super().__init__()
        self.encoder, self.decoder = encoder(widths, blocks), decoder(widths, blocks)

    def encode(self, images):
        return self.encoder(images)

    def decode(self, latents):
        return self.decoder(latents)


def padded(state):
    """A small model's state dict, filled up by zeros to TAESD's 64 channels and three blocks a stage."""
    full = {key: torch.zeros_like(weight) for key, weight in Autoencoder((64,) * 4, (3,) * 4).state_dict().items()}
    for key, weight in state.items():
        full[key][tuple(slice(n) for n in weight.shape)] = weight
    return full


def loss_of(model, images):
    """L1 and squared error, more where there is detail, and of edges; latents held near unit variance and made robust to
    small noise."""
    latents = model.encode(images)
    out = model.decode(latents + 0.04 * torch.randn_like(latents)).float()
    mean, variance = latents.float().mean((0, 2, 3)), latents.float().var((0, 2, 3))
    error = out - images
    detail = (images - F.avg_pool2d(images, 7, 1, 3)).abs().mean(1, keepdim=True)  # an eye is few pixels, and a face
    weight = 1 + 8 * detail
    edges = [error.diff(dim=d).abs().mean() for d in (2, 3)]
    return (
        (weight * (error.abs() + 2 * error**2)).mean()
        + 0.7 * sum(edges)
        + 0.02 * (mean**2 + (variance - 1) ** 2).mean()
    ), (error.detach() ** 2).mean()


def to_tensor(images):
    """uint8 (B, H, W, 3) -> float (B, 3, H, W) in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def _optimizers(model, rate):
    """Muon (Jordan et al. 2024) for the inner convolutions as matrices, AdamW for the rest. Returns the optimizers and
    a function that hands Muon its gradients (its matrices are views of the kernels)."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    kernels = [p for p in parameters if p.dim() == 4 and min(p.shape[:2]) > LATENT_CHANNELS]
    others = [p for p in parameters if not any(p is kernel for kernel in kernels)]
    matrices = [nn.Parameter(p.data.permute(0, 2, 3, 1).view(len(p), -1)) for p in kernels]

    def hand_over():
        for matrix, kernel in zip(matrices, kernels):
            matrix.grad = kernel.grad.permute(0, 2, 3, 1).reshape(matrix.shape)

    return [
        torch.optim.Muon(matrices, rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, rate, betas=(0.9, 0.99), weight_decay=0.0),
    ], hand_over


def _crop(image, facts, rng):
    """A crop about a random point of the subject's or the object's box: details matter more than walls."""
    boxes = [box for box in (facts.get("subject_box"), facts.get("object_box")) if box]
    size = len(image)
    if boxes and rng.random() < 0.85:
        x, y, width, height = boxes[rng.integers(len(boxes))]
        middle = x + rng.random() * width, y + rng.random() * height
    else:
        middle = rng.random(2) * size
    left, top = (int(np.clip(round(m - CROP / 2 + rng.normal() * 4), 0, size - CROP)) for m in middle)
    return image[top : top + CROP, left : left + CROP]


def shared(parameters, numbers):
    """Average gradients, and a few numbers beside them, over all processes. Returns the averaged numbers."""
    if not dist.is_initialized():
        return numbers
    flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor(numbers, device=parameters[0].device)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for p in parameters:
        p.grad.copy_(flat[at : at + p.numel()].view_as(p))
        at += p.numel()
    return flat[at:].tolist()


def train(images, facts, checkpoint, steps, batch=32, rate=1.5e-3, seed=0, start=None, progress=print):
    """Train for ``steps`` (cosine), resuming from ``checkpoint``; returns the model on the CPU.

    With a model to ``start`` from only its decoder is trained on, so that its latents stay what they are.
    Under torch.distributed every process takes its part of each batch.
    """
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    torch.manual_seed(seed)
    device = best_device()
    model = Autoencoder().to(device, memory_format=torch.channels_last)
    if start is not None:
        model.load_state_dict(start.state_dict())
        model.encoder.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizers, hand_over = _optimizers(model, rate)
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        step = saved["step"]
    total = 0.0
    while step < steps:
        rng = np.random.default_rng((seed, step, rank))
        torch.manual_seed(rng.integers(2**31))
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        rows = rng.integers(len(images), size=batch // processes)
        chosen = to_tensor(np.stack([_crop(images[k], facts[k], rng) for k in rows])).to(device)
        chosen = (chosen if rng.random() < 0.5 else chosen.flip(3)).to(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            loss, error = loss_of(model, chosen)
        model.zero_grad(set_to_none=True)
        loss.backward()
        [error] = shared(trained, [error.item()])
        total += error
        nn.utils.clip_grad_norm_(trained, 1.0)
        hand_over()
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        if step % 100 == 0 and rank == 0:
            progress(f"{checkpoint.stem}: step {step} of {steps}, {-10 * math.log10(total / 100):.2f} dB")
        if step % 100 == 0:
            total = 0.0
        if (step % 400 == 0 or step == steps) and rank == 0:
            save(checkpoint, dict(model=model.state_dict(), optimizers=[o.state_dict() for o in optimizers], step=step))
    return model.cpu()


def best_device():
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def save(path, state):
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


@torch.no_grad()
def encode_all(model, images, batch=64):
    """Latents fp16 (N, 4, h, w) of uint8 images (N, H, W, 3)."""
    parts = []
    for start in range(0, len(images), batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(model.encode(to_tensor(images[start : start + batch])).float())
    return torch.cat(parts).half()
