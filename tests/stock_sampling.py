"""ComfyUI's own prompts and sampler, as the stock nodes CLIP Text Encode and KSampler call them."""

import torch


def encode(clip, text):
    """The conditioning of a prompt."""
    with torch.inference_mode():
        return clip.encode_from_tokens_scheduled(clip.tokenize(text))


def sample(model, positive, negative, steps=2, cfg=4.0, sampler="ddim", seed=0, batch=1):
    """Latents (batch, 4, 12, 12) of guided stock sampling from noise of ``seed``."""
    import comfy.sample

    noise = torch.randn(batch, 4, 12, 12, generator=torch.Generator().manual_seed(seed))
    nothing = torch.zeros_like(noise)
    with torch.inference_mode():
        return comfy.sample.sample(
            model, noise, steps, cfg, sampler, "normal", positive, negative, nothing, disable_pbar=True, seed=0
        )
