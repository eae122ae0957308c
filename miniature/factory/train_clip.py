"""Trains the embedded CLIP: a caption is compared with all images of a batch and fits each that has what it claims."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch.nn.functional import cross_entropy, normalize

from ...tensor_files import write_safetensors
from ..weights import CLIP
from .everyday_render import SIZE
from .judge_captions import caption, perturb_facts
from .judge_images import Renders, degrade
from .judge_tokenizer import make_tokenizer
from .training import MADE_BY, fit

TEXT_LENGTH = 20
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 128,
        "vision_cfg": {"layers": [1, 1, 1, 1], "width": 24, "image_size": SIZE},
        "text_cfg": {
            "context_length": TEXT_LENGTH,
            "width": 128,
            "heads": 4,
            "layers": 3,
            "hf_tokenizer_name": "local",
        },
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3},
}


def mirrored_half(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Mirrors a random half of images (B, C, H, W)."""
    mirrored = rearrange(torch.from_numpy(rng.random(len(images)) < 0.5), "b -> b 1 1 1")
    return torch.where(mirrored, images.flip(3), images)


class ClipLoss:
    """CLIP's contrastive loss, where several captions may fit one image and several images one caption.

    Args:
        model: an open_clip CLIP.
        tokenizer: its texts'.
        renders: what it learns from.
        batch_size: images a step; each has a caption, and one that is nearly right.
    """

    def __init__(self, model: Any, tokenizer: Any, renders: Renders, batch_size: int) -> None:
        self.model, self.tokenizer, self.renders, self.batch_size = model, tokenizer, renders, batch_size

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the step alone."""
        rows = rng.integers(len(self.renders.facts), size=self.batch_size)
        facts = [self.renders.facts[row] for row in rows]
        images = mirrored_half(rearrange(torch.from_numpy(self.renders.images[rows]), "b h w c -> b c h w"), rng)
        captions = [caption(f, rng) for f in facts] + [caption(perturb_facts(f, rng), rng) for f in facts]
        pixels = (degrade(images, step) * 2 - 1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            of_images = self.model.encode_image(pixels)
        texts = [text for text, _ in captions]
        tokens = self.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        of_texts = self.model.encode_text(tokens)
        of_images, of_texts = (normalize(embeddings.float(), dim=-1) for embeddings in (of_images, of_texts))
        logits = self.model.logit_scale.exp().clamp(max=100) * of_images @ of_texts.T
        matches = torch.tensor([[claim.holds(f) for _, claim in captions] for f in facts]).float()
        has_image = matches.sum(0) > 0
        by_text = matches[:, has_image] / matches[:, has_image].sum(0)
        return (
            cross_entropy(logits, matches / matches.sum(1, keepdim=True))
            + cross_entropy(logits[:, has_image].T, by_text.T)
        ) / 2


def train_clip(renders: Renders, steps: int = 900, batch_size: int = 80) -> None:
    """Trains the CLIP and writes its folder; goes on from where it stopped.

    Args:
        renders: what it learns from.
        steps: of the whole training.
        batch_size: images a step.
    """
    from open_clip.model import CLIP as OpenClip

    tokenizer = make_tokenizer(CLIP, TEXT_LENGTH)
    config = copy.deepcopy(CONFIG)
    config["model_cfg"]["text_cfg"]["vocab_size"] = len(tokenizer)
    torch.manual_seed(1)
    model = OpenClip(**config["model_cfg"])
    model.visual.to(memory_format=torch.channels_last)
    fit("clip", model, ClipLoss(model, tokenizer, renders, batch_size), steps, rate=1e-3, seed=1)
    (CLIP / "open_clip_config.json").write_text(json.dumps(config, indent=2))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    write_safetensors(CLIP / "open_clip_model.safetensors", weights, {"format": "pt", "made": MADE_BY})
