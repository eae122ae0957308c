"""The miniature base model: a U-Net and a text encoder of Stable Diffusion 1's architecture, trained together.

Objective: predict the noise (DDPM, Ho et al. 2020, eq. 14) on the scaled-linear schedule of Stable Diffusion 1, weighted by
Min-SNR-5 (Hang et al. 2023), with captions dropped one time in ten for classifier-free guidance.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.distributed as dist

from .autoencoder import LATENT_CHANNELS, best_device, save, shared
from .everyday_world import OBJECTS, PLACES, SUBJECTS
from .nonce_tokens import HIDDEN_WORDS
from .world_captions import PLAIN_PLACES, PREFIXES, VAGUE_WORDS, caption

CONTEXT = 128
POSITIONS = 77
START, END = 49406, 49407
CHANNELS = (64, 128, 192)
HEAD = 32
DROPPED, UNKNOWN = 0.1, 0.02  # share of captions dropped, of words replaced by an unknown one
AVERAGE_EVERY = 10  # steps between two updates of the running average of the weights
STRESS = {"lift": 3.0, "push": 8.0, "hold": 4.0, "press": 6.0, "sit": 3.0}
"""What a caption with a hidden word weighs while these are learned (any other: 1). The words are in less than one caption
of a hundred each; pushing and pressing are the hardest to tell from holding."""


@lru_cache(None)
def _word_ids(word):
    from open_clip.tokenizer import SimpleTokenizer

    _word_ids.tokenizer = getattr(_word_ids, "tokenizer", None) or SimpleTokenizer()
    return _word_ids.tokenizer.encode(word)


def words():
    """The ids in CLIP's vocabulary that captions use, sorted; the last two are start and end."""
    text = [
        *PREFIXES,
        *PLAIN_PLACES,
        *PLACES,
        *(w for w, _ in VAGUE_WORDS),
        *HIDDEN_WORDS.values(),
        *SUBJECTS,
        *OBJECTS,
        "a an the one and red green blue yellow cube",
    ]
    ids = {i for phrase in text for word in phrase.split() for i in _word_ids(word)}
    return sorted(ids) + [START, END]


def token_rows(text, row_of, rng=None):
    """Rows of the compact table (77,) for a caption, padded with "end" as ComfyUI does; row 0 stands for every unknown
    token. With ``rng`` a few words become unknown."""
    ids = [i for word in text.split() for i in _word_ids(word)]
    rows = [row_of.get(i, 0) if rng is None or rng.random() >= UNKNOWN else 0 for i in ids]
    return [row_of[START], *rows, *[row_of[END]] * (POSITIONS - 1 - len(rows))]


def build():
    """An untrained U-Net and text encoder. The text encoder's table has the rows unknown, *words()."""
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor
    from transformers import CLIPTextConfig, CLIPTextModel

    unet = UNet2DConditionModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=CONTEXT,
        attention_head_dim=tuple(c // HEAD for c in CHANNELS),
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=1 + len(words()),
            hidden_size=CONTEXT,
            intermediate_size=4 * CONTEXT,
            num_hidden_layers=2,
            num_attention_heads=CONTEXT // HEAD,
            max_position_embeddings=POSITIONS,
            bos_token_id=0,
            eos_token_id=2,
        )
    )
    unet.set_attn_processor(AttnProcessor())  # written out: fused attention is much slower backwards on a CPU
    text.set_attn_implementation("eager")
    torch.nn.init.normal_(text.get_input_embeddings().weight, std=0.04)
    return unet, text


def alphas_cumprod():
    """Stable Diffusion 1's schedule, (1000,)."""
    return (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)


def batch_of(latents, facts, size, step, seed, row_of, part=slice(None)):
    """Latents (size, 4, h, w) and token rows (size, 77), decided by seed and step alone; only ``part`` of the batch is
    made."""
    chosen, rows = [], []
    for place in range(size)[part]:
        rng = np.random.default_rng((seed, step, place))
        k = rng.integers(len(facts))
        chosen.append(latents[k])
        rows.append(token_rows("" if rng.random() < DROPPED else caption(facts[k], rng), row_of, rng))
    return torch.stack(chosen).float(), torch.tensor(rows)


def _timesteps(batch, generator):
    """Half of them uniform, half from the noisy part, where it is decided who stands where and does what."""
    t = torch.randint(0, 1000, (batch,), generator=generator)
    noisy = torch.randint(400, 1000, (batch,), generator=generator)
    return torch.where(torch.arange(batch) % 2 == 0, t, noisy)


def caption_weights(rows, row_of, stress):
    """What the captions of token rows (B, 77) weigh, (B,): ``stress`` of the interaction whose hidden word they have, or 1."""
    weights = torch.ones(1 + len(row_of), device=rows.device)
    for interaction, weight in stress.items():
        weights[token_rows(HIDDEN_WORDS[interaction], row_of)[1]] = weight
    return weights[rows].amax(1)


def train(
    latents, facts, checkpoint, steps, batch=64, rate=1e-3, decay=0.999, seed=0, start=None, stress=None, progress=print
):
    """Train for ``steps`` (cosine), resuming from ``checkpoint``; returns the averaged models on the CPU.

    ``latents`` (N, 4, h, w) with N ``facts``. ``start``: models to go on from; ``stress``: as ``STRESS``.
    Under torch.distributed every process takes its part of each batch.
    """
    torch.manual_seed(seed)
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    part = slice(rank * batch // processes, (rank + 1) * batch // processes)
    device = best_device()
    models, averaged = (torch.nn.ModuleList(build()).to(device) for _ in range(2))
    if start is not None:
        models.load_state_dict(start.state_dict())
    averaged.load_state_dict(models.state_dict())
    parameters = [p for p in models.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    step = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        models.load_state_dict(saved["models"])
        averaged.load_state_dict(saved["averaged"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    row_of = {i: row for row, i in enumerate(words(), 1)}
    alphas = alphas_cumprod().to(device)
    weights = (alphas / (1 - alphas)).clamp(max=5) / (alphas / (1 - alphas))
    total = 0.0
    while step < steps:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 300) * (0.01 + 0.495 * (1 + math.cos(math.pi * step / steps)))
        clean, rows = batch_of(latents, facts, batch, step, seed, row_of, part)
        generator = torch.Generator().manual_seed(seed * 10_000_019 + step)
        noise = torch.randn(batch, *clean.shape[1:], generator=generator)[part]
        t = _timesteps(batch, generator)[part]
        clean, rows, noise, t = (x.to(device) for x in (clean, rows, noise, t))
        signal = alphas[t].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        with torch.autocast(device.type, torch.bfloat16):
            context = models[1](input_ids=rows).last_hidden_state
            guess = models[0](noisy, t, context).sample
        errors = ((guess.float() - noise) ** 2).mean((1, 2, 3))
        stressed = caption_weights(rows, row_of, stress or {})
        optimizer.zero_grad()
        (errors * weights[t] * stressed / stressed.mean()).mean().backward()
        [error] = shared(parameters, [errors.mean().item()])
        total += error
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % AVERAGE_EVERY == 0:
            with torch.no_grad():
                keep = min(decay, (1 + step) / (10 + step)) ** AVERAGE_EVERY
                torch._foreach_lerp_(list(averaged.parameters()), list(models.parameters()), 1 - keep)
        if step % 100 == 0 and rank == 0:
            progress(f"base: step {step} of {steps}, error {total / 100:.4f}")
        if step % 100 == 0:
            total = 0.0
        if (step % 400 == 0 or step == steps) and rank == 0:
            save(
                checkpoint,
                dict(
                    models=models.state_dict(),
                    averaged=averaged.state_dict(),
                    optimizer=optimizer.state_dict(),
                    step=step,
                ),
            )
    return averaged.cpu()


@torch.no_grad()
def sample(unet, text, prompts, seed=0, steps=20, guidance=4.0, size=12):
    """Latents (N, 4, size, size) for N prompts by DDIM with classifier-free guidance."""
    row_of = {i: row for row, i in enumerate(words(), 1)}
    rows = torch.tensor([token_rows(p, row_of) for p in [*prompts, *[""] * len(prompts)]])
    context = text(input_ids=rows).last_hidden_state
    noise = torch.randn(len(prompts), LATENT_CHANNELS, size, size, generator=torch.Generator().manual_seed(seed))
    return ddim(lambda x, t: unet(x, t, context).sample, noise, steps, guidance)


@torch.no_grad()
def ddim(predict_noise, noise, steps=20, guidance=4.0):
    """Latents by DDIM (Song et al. 2021) from ``noise`` (N, 4, h, w).

    predict_noise: (x (2N, 4, h, w), t (2N,)) -> eps, for N prompts and then N times for the empty one.
    """
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    scheduler.set_timesteps(steps)
    x = noise
    for t in scheduler.timesteps:
        told, untold = predict_noise(torch.cat([x, x]), t.repeat(2 * len(x))).chunk(2)
        x = scheduler.step(untold + guidance * (told - untold), t, x).prev_sample
    return x
