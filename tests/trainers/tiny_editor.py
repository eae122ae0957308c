"""An editor of a few hundred random weights with everything an ``EditingEngine`` has, and judges that count colors."""

import torch
from torch.nn.functional import adaptive_avg_pool2d, interpolate, normalize

from interactive_action.models.style_editor.attention import StyleAttention
from interactive_action.scoring.editing import EditingReward
from interactive_action.trainers.edit_task import EditTask

WIDTH = 8


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.to_q, self.to_k, self.to_v = (torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.to_out = torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH))

    def forward(self, x, context):
        mixed = torch.softmax(self.to_q(x) @ self.to_k(context).movedim(1, 2), -1) @ self.to_v(context)
        return x + self.to_out(mixed)


class TinyEditorNet(torch.nn.Module):
    """12 channels in, one cross-attention, 4 out."""

    def __init__(self):
        super().__init__()
        self.style_attention = StyleAttention.untrained(WIDTH, WIDTH)
        self.conv_in = torch.nn.Conv2d(12, WIDTH, 3, padding=1)
        self.block = torch.nn.ModuleDict({"attn2": Attention()})
        self.conv_out = torch.nn.Conv2d(WIDTH, 4, 3, padding=1)
        with torch.no_grad():
            self.conv_in.weight[:, 8:] = 0  # the style image counts for nothing yet

    def forward(self, z_t, t, context, image, style):
        conditions = self.style_attention(torch.cat([image, style], 1), context)
        x = self.conv_in(torch.cat([z_t, conditions], 1)) + torch.cos(t / 300).view(-1, 1, 1, 1).to(z_t)
        x = (
            self.block["attn2"](torch.tanh(x).flatten(2).movedim(1, 2), context)
            .movedim(1, 2)
            .unflatten(2, z_t.shape[2:])
        )
        return self.conv_out(x)


class TinyEditor:
    device = torch.device("cpu")

    def __init__(self, dtype=torch.float32):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.module = TinyEditorNet().to(dtype).requires_grad_(False)
        self.predict, self.dtype = self.module, dtype
        self.alphas_cumprod = torch.cumprod(1 - torch.linspace(0.03, 0.14, 1000) ** 2, 0)

    def encode_images(self, images):
        small = adaptive_avg_pool2d(images.movedim(-1, 1), (images.shape[1] // 8, images.shape[2] // 8)) * 4 - 2
        return torch.cat([small, small.mean(1, keepdim=True)], 1).to(self.dtype)

    def decode_latents(self, z_0):
        return interpolate((z_0[:, :3].float() + 2) / 4, scale_factor=8).clamp(0, 1).movedim(1, -1)

    def encode_prompts(self, prompts):
        return torch.stack([torch.full((3, WIDTH), len(prompt) / 20).cumsum(0) for prompt in prompts]).to(self.dtype)

    def fingerprint(self):
        return "tiny"


class Brightness:
    name = "brightness"

    def depth(self, images):
        return images.mean(-1)


class MeanColor:
    name = "mean color"

    def encode_image(self, images):
        return normalize(images.mean((1, 2)) + 1e-3, dim=-1)


REWARD = EditingReward(Brightness(), MeanColor())


def noise_task(images=3, styles=2):
    draw = torch.Generator().manual_seed(7)
    masks = torch.zeros(1, 16, 24)
    masks[:, :, 8:] = 1
    return EditTask(
        torch.rand(images, 16, 24, 3, generator=draw),
        torch.rand(styles, 20, 20, 3, generator=draw),
        "make it wood",
        masks,
    )
