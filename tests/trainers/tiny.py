"""A latent diffusion model of a few hundred random weights.

Everything an ``Engine`` has, for arithmetic in milliseconds.
"""

import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.captions.templates import PLACEHOLDER
from interactive_action.models.schedules import VariancePreserving

TOKENS = 10


class TinyEngine:
    """A text encoder that mixes earlier words in, and a U-Net of ``layers`` cross-attentions on 3 x 3 latents."""

    device = torch.device("cpu")

    def __init__(self, layers=3, width=12, seed=0, dtype=torch.float32):
        draw = torch.Generator().manual_seed(seed)
        self.layers, self.width, self.widths, self.units, self.dtype = layers, width, (width,), (1.0,), dtype
        self.encoders, self.lora_prefix = ("clip_l",), ""
        self.schedule = VariancePreserving(torch.cumprod(1 - torch.linspace(0.03, 0.14, 1000) ** 2, 0))
        self.table = torch.randn(64, width, generator=draw).to(dtype)
        self.mix, *projections = torch.randn(1 + 2 * layers, width, width, generator=draw).to(dtype) / width**0.5
        self.projections = [_linear(weight) for weight in projections]
        self.unet = torch.nn.ModuleList(self.projections)
        self.enter, self.leave = (
            torch.randn(4, width, generator=draw).to(dtype),
            torch.randn(width, 4, generator=draw).to(dtype) / width,
        )

    def encode_images(self, images):
        mean = torch.nn.functional.adaptive_avg_pool2d(images.movedim(-1, 1), 3)
        mean = torch.cat([mean, mean.mean(1, keepdim=True)], 1) - 0.5
        return mean, 0.1 * mean.abs()

    def decode_latents(self, latents):
        return torch.sigmoid(latents[:, :3].movedim(1, -1)).float()

    def word_vectors(self, words):
        return self.table[[sum(word.encode()) % 63 for word in words.split()]]

    def encode_prompts(self, prompts, vectors=None):
        if vectors is not None and vectors.ndim == 3:
            return torch.stack([self.encode_prompts(prompts, layer) for layer in vectors])
        rows = []
        for prompt in prompts:
            before, marker, after = prompt.partition(PLACEHOLDER)
            middle = [vectors] if marker and vectors is not None else []
            words = torch.cat([self.word_vectors(before), *middle, self.word_vectors(after)])
            rows.append(torch.cat([words, self.table[-1:].repeat(TOKENS - len(words), 1)]))
        x = torch.stack(rows)
        before = x.cumsum(1) / torch.arange(1, TOKENS + 1).view(1, -1, 1)
        return torch.tanh(x + before @ self.mix)

    def predict_noise(self, z_t, t, context):
        contexts = context if context.ndim == 4 else context.expand(self.layers, *context.shape)
        x = z_t.to(self.dtype).flatten(2).movedim(1, 2) @ self.enter + torch.cos(t / 300).view(-1, 1, 1).to(self.dtype)
        for key, value, words in zip(self.projections[::2], self.projections[1::2], contexts, strict=True):
            x = x + torch.softmax(x @ key(words).movedim(1, 2), -1) @ value(words)
        return (torch.tanh(x) @ self.leave).movedim(1, 2).reshape(z_t.shape)

    def attention_projections(self):
        return self.projections

    def unet_names(self):
        kinds = ("to_k", "to_v")
        return {
            f"down_blocks.{i // 2}.attn2.{kinds[i % 2]}.weight": f"{i}.weight" for i in range(len(self.projections))
        }

    def token_metadata(self, prompt):
        return {}

    def fingerprint(self):
        return "tiny"


def _linear(weight):
    layer = torch.nn.Linear(*weight.shape, bias=False)
    layer.weight = torch.nn.Parameter(weight, requires_grad=False)
    return layer


def noise_dataset(images=5, seed=0):
    """Images of noise with two prompts each."""
    drawn = torch.rand(images, 6, 6, 3, generator=torch.Generator().manual_seed(seed))
    prompts = (("a frog <v*> a cup", "a photo of a frog <v*> a red cup"),) * images
    prompts_and = tuple(tuple(prompt.replace("<v*>", "and") for prompt in group) for group in prompts)
    return InteractionDataset(drawn, prompts, prompts_and)


def slow_denoise(engine, dataset, batch, v):
    """Eq. 3, 4 for each image of a batch, one after the other: a list of scalars."""
    losses = []
    for k, image in enumerate(batch.index):
        mean, std = engine.encode_images(dataset.images[image][None])
        z_0 = mean + std * batch.posterior_noise[k]
        z_t = engine.schedule.add_noise(z_0, batch.noise[k][None], batch.t[k : k + 1])
        predicted = engine.predict_noise(z_t, batch.t[k : k + 1], engine.encode_prompts([batch.prompts[k]], v))
        losses.append((predicted - batch.noise[k]).pow(2).mean())
    return losses
