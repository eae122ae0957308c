"""Train the miniature editor and its judges from nothing: ``python . miniature.factory.train_style_editor``; resumes where it stopped.

Everything follows from seeds. Autoencoder and noise schedule are the embedded base model's; text encoder, U-Net and the
cross-attention of the style image (``models.style_editor.attention``) are trained here, on drawings of the simulator (``edits_data``).
As in InstructPix2Pix (Brooks et al. 2023), conditions are dropped, so that each term of the three-condition guidance (paper
004, Eq. 13) is known; v is predicted (Salimans & Ho 2022), since an image's edit is nearly known where the noise is
strongest, and predicted noise would have to be exact there. The depth model is one of Depth Anything's architecture, the encoder
one of DINOv2's, trained so that drawings of one look lie close together (supervised contrast, Khosla et al. 2020).
"""

import argparse
import functools
import os

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import interpolate, l1_loss, normalize

from ..style_editor import DEPTH, EDITOR, ENCODER, STYLES, STYLES_EACH
from . import base_model as base
from . import export
from .autoencoder import LATENT_SCALE, Autoencoder, encode_all, to_tensor
from .edit_pairs import LIGHTS, MATERIALS, SCENES, SHARD, SIZE, generate, load, word
from .train_judges import fit
from .world_images import CACHE, save_array

FOLDER = CACHE / "edits"
CHANNELS = (64, 64, 64)
HELD_OUT = 8  # every so many shards of scenes one is kept for checks and for style images
NOTE = "Trained from nothing by the Interactive Action project on its own simulator's drawings (miniature/factory/train_style_editor.py)."
UNTOLD = {"nothing": 0.06, "image": 0.08, "image and style": 0.10, "image and text": 0.10}
VAGUE = 0.3  # share of instructions that leave the look to the style image


def words():
    """CLIP's ids that instructions use, sorted, then start and end."""
    text = " ".join(["make the it out of like this", *MATERIALS, *LIGHTS, *(word(thing) for _, thing in SCENES)])
    return sorted({i for one in text.split() for i in base._word_ids(one)}) + [base.START, base.END]


def instruction(thing, look, rng):
    """What to say for a look, (material, None) or (None, light)."""
    material, light = look
    if rng.random() < VAGUE:
        return f"make the {thing} like this" if material else "make it like this"
    if light:
        return f"make it {light}"
    return f"make the {thing} {'out of ' if rng.random() < 0.5 else ''}{material}"


def build():
    """An untrained ``StyleEditor`` and text encoder."""
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor
    from transformers import CLIPTextConfig, CLIPTextModel

    from ...models.style_editor.model import StyleEditor

    unet = UNet2DConditionModel(
        in_channels=12, out_channels=4, block_out_channels=CHANNELS, layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=base.CONTEXT, attention_head_dim=tuple(c // base.HEAD for c in CHANNELS))  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=1 + len(words()), hidden_size=base.CONTEXT, intermediate_size=4 * base.CONTEXT, num_hidden_layers=2,
        num_attention_heads=base.CONTEXT // base.HEAD, max_position_embeddings=base.POSITIONS, bos_token_id=0, eos_token_id=2))  # fmt: skip
    unet.set_attn_processor(AttnProcessor())  # written out: fused attention is much slower backwards on a CPU
    text.set_attn_implementation("eager")
    torch.nn.init.normal_(text.get_input_embeddings().weight, std=0.04)
    with torch.no_grad():
        unet.conv_in.weight[:, 4:] *= LATENT_SCALE  # encodings are not multiplied by it, noisy latents are
    return torch.nn.ModuleList([StyleEditor(unet, velocity=base.alphas_cumprod()), text])


class Pairs:
    """Drawings as latents, and which of them are edits of which. ``scenes``: a function of the number of a scene."""

    def __init__(self, latents, masks, facts, scenes):
        self.latents, self.facts = latents, facts
        self.masks = interpolate(torch.from_numpy(masks)[:, None].float(), latents.shape[2:], mode="area")
        self.rows = [n for n, fact in enumerate(facts) if scenes(fact["scene"])]
        self.views, self.looks = {}, {}
        for n in self.rows:
            fact = facts[n]
            self.views.setdefault(fact["view"], []).append(n)
            for look in ((fact["material"] if fact["light"] == "day" else None, None), (None, fact["light"])):
                self.looks.setdefault(look, []).append(n)

    def draw(self, rng):
        """(row of the image, of its edit, of the style image, instruction, whether the whole image changes)."""
        while True:
            edit = self.rows[rng.integers(len(self.rows))]
            wanted = self.facts[edit]
            image = int(rng.choice(self.views[wanted["view"]]))
            given = self.facts[image]
            changes = given["material"] != wanted["material"], given["light"] != wanted["light"]
            if changes == (True, False) and wanted["light"] == "day":
                look = wanted["material"], None
            elif changes == (False, True):
                look = None, wanted["light"]
            else:
                continue
            style = int(rng.choice(self.looks[look]))
            if self.facts[style]["scene"] != wanted["scene"]:
                return image, edit, style, instruction(wanted["thing"], look, rng), look[0] is None


def editor_loss(models, pairs, row_of, size, step, rng):
    """Squared error of v; the edited region counts four times."""
    editor, text = models
    drawn = [pairs.draw(rng) for _ in range(size)]
    image, edit, style = (torch.tensor([one[k] for one in drawn]) for k in range(3))
    untold = rng.choice([*UNTOLD, "no"], size=size, p=[*UNTOLD.values(), 1 - sum(UNTOLD.values())])
    rows = [
        base.token_rows(one[3] if kind in ("no", "image and text") else "", row_of, rng)
        for one, kind in zip(drawn, untold)
    ]
    seen = torch.tensor([[kind != "nothing", kind in ("no", "image and style")] for kind in untold]).float()[
        ..., None, None, None
    ]
    generator = torch.Generator().manual_seed(step)
    clean = pairs.latents[edit].float()
    noise = torch.randn(clean.shape, generator=generator)
    t = torch.randint(0, 1000, (size,), generator=generator)
    signal = base.alphas_cumprod()[t].view(-1, 1, 1, 1)
    noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
    given, wanted = (pairs.latents[rows].float() / LATENT_SCALE * seen[:, k] for k, rows in enumerate((image, style)))
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):  # the style image's attention, too
        context = text(input_ids=torch.tensor(rows)).last_hidden_state
        guess = editor(noisy, t, context, given, wanted)
    everywhere = torch.tensor([one[4] for one in drawn]).view(-1, 1, 1, 1)
    region = torch.where(everywhere, 1.0, pairs.masks[[pairs.facts[row]["view"] for row in edit]])
    return ((guess - noise) ** 2 / signal * (1 + 3 * region)).mean()


def relative_depth(depth):
    """Inverse depth (B, H, W) from 0, the farthest, to 1, the nearest, in each image; where there is nothing it is 0."""
    inverse = torch.where(depth > 0, 1 / depth.float().clamp(min=0.1), 0.0)
    low = torch.where(depth > 0, inverse, torch.inf).amin((1, 2), keepdim=True)
    return ((inverse - low) / (inverse.amax((1, 2), keepdim=True) - low).clamp(min=1e-6)).clamp(min=0)


def build_depth():
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(hidden_size=64, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=SIZE, patch_size=12,
                            out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False)  # fmt: skip
    return DepthAnythingForDepthEstimation(DepthAnythingConfig(
        backbone_config=backbone, patch_size=12, reassemble_hidden_size=64, neck_hidden_sizes=[16, 24, 32, 48], fusion_hidden_size=24,
        head_hidden_size=16))  # fmt: skip


def depth_loss(model, images, depths, views, size, step, rng):
    rows = torch.from_numpy(rng.choice(len(images), size))
    seen, wanted = to_tensor(images[rows]) * 2 - 1, relative_depth(depths[views[rows]])
    if rng.random() < 0.5:
        seen, wanted = seen.flip(3), wanted.flip(2)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(pixel_values=seen).predicted_depth
    edges = sum(l1_loss(found.float().diff(dim=k), wanted.diff(dim=k)) for k in (1, 2))
    return l1_loss(found.float(), wanted) + edges


def build_encoder():
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(
        Dinov2Config(
            hidden_size=64, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=SIZE, patch_size=12
        )
    )


def encoder_loss(model, images, masks, views, looks, size, step, rng, temperature=0.1):
    """Supervised contrast of looks; the thing alone is shown, as Eq. 9 does, or three times in ten the whole image."""
    rows = rng.choice(len(images), size)
    shown = torch.from_numpy(masks[views[rows]] | (rng.random(size) < 0.3)[:, None, None])[:, None]
    seen = to_tensor(images[rows]) * shown
    with torch.autocast("cpu", torch.bfloat16):
        found = model(pixel_values=(seen if rng.random() < 0.5 else seen.flip(3)) * 2 - 1).pooler_output
    found = normalize(found.float(), dim=-1)
    alike = torch.from_numpy(looks[rows][:, None] == looks[rows][None]) & ~torch.eye(size, dtype=bool)
    others = (found @ found.T / temperature).masked_fill(torch.eye(size, dtype=bool), -1e4)
    logs = others.log_softmax(1)
    return -((logs * alike).sum(1) / alike.sum(1).clamp(min=1))[alike.any(1)].mean()


def write_folder(folder, model, processor):
    """A model and its processor as transformers reads them, the weights in fp16."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)


def make_depth(material, steps):
    from transformers import DPTImageProcessor

    torch.manual_seed(1)
    images, _, depths, views, _ = material
    loss = functools.partial(depth_loss, model := build_depth(), images, torch.from_numpy(depths), views, 24)
    fit("edits-depth", model, loss, steps, 1e-3, seed=1)
    write_folder(DEPTH, model, DPTImageProcessor(size={"height": SIZE, "width": SIZE}, keep_aspect_ratio=True, ensure_multiple_of=12,
                                                 image_mean=[0.5] * 3, image_std=[0.5] * 3))  # fmt: skip


def make_encoder(material, steps):
    from transformers import BitImageProcessor

    torch.manual_seed(2)
    images, masks, _, views, looks = material
    loss = functools.partial(encoder_loss, model := build_encoder(), images, masks, views, looks, 64)
    fit("edits-encoder", model, loss, steps, 1e-3, seed=2)
    write_folder(ENCODER, model, BitImageProcessor(size={"height": SIZE, "width": SIZE}, do_center_crop=False, crop_size=None,
                                                   image_mean=[0.5] * 3, image_std=[0.5] * 3))  # fmt: skip


def make_latents(images, path):
    """fp16 (N, 4, 12, 12) of uint8 images by the embedded base model's autoencoder, of unit variance; kept in ``path``."""
    from safetensors.torch import load_file

    if path.exists() and len(known := np.load(path)) == len(images):
        return torch.from_numpy(known)
    model, state = Autoencoder(), load_file(export.FILE)
    thin = {
        key: state[f"first_stage_model.taesd_{key}"][tuple(slice(n) for n in own.shape)]
        for key, own in model.state_dict().items()
    }
    model.load_state_dict(thin)  # without the zeros of ``padded``: many times faster
    latents = encode_all(model.eval(), images)
    save_array(path, latents.numpy())
    return latents


def make_editor(latents, masks, facts, steps, seed=0):
    torch.manual_seed(seed)
    models = build()
    row_of = {i: row for row, i in enumerate(words(), 1)}
    pairs = Pairs(latents, masks, facts, learned)
    fit("edits-editor", models, functools.partial(editor_loss, models, pairs, row_of, 16), steps, 1e-3, seed)
    export.write(EDITOR, editor_state(*models), dict(
        license="Apache-2.0", made_by="python . miniature.factory.train_style_editor", seed=seed, steps=steps, architecture="SD1.x, 12 channels",
        images=f"{len(facts)} drawn by sim, all by this project"))  # fmt: skip


def editor_state(editor, text):
    """One state dict under a checkpoint's names, without the autoencoder, which is the embedded base model's."""
    from ...models.style_editor.extend import ATTENTION, UNET

    state = {f"{UNET}{export.ldm_key(key)}": value for key, value in editor.unet.state_dict().items()}
    state |= {f"{ATTENTION}{key}": value for key, value in editor.style_attention.state_dict().items()}
    prefix = "cond_stage_model.transformer.text_model."
    state |= {prefix + key.removeprefix("text_model."): value for key, value in text.state_dict().items()}
    state = {key: value.detach().half().contiguous().clone() for key, value in state.items()}
    return state | {export.TABLE_IDS: torch.tensor(words(), dtype=torch.int32), "v_pred": torch.zeros(0)}


def learned(scene):
    """Whether a scene is for learning."""
    return scene // SHARD % HELD_OUT != HELD_OUT - 1


def make_styles(images, masks, facts):
    """Some drawings of each material that nothing was trained on, with their masks, for the embedded style images."""
    seen, chosen = {}, {material: [] for material in MATERIALS}
    for n, fact in enumerate(facts):
        mask = masks[fact["view"]]
        if (
            fact["light"] != "day"
            or learned(fact["scene"])
            or mask.mean() < 0.05
            or (fact["material"], fact["scene"]) in seen
        ):
            continue
        seen[fact["material"], fact["scene"]] = True
        chosen[fact["material"]].append(n)
    STYLES.mkdir(parents=True, exist_ok=True)
    for material, rows in chosen.items():
        save_style(
            STYLES / f"{material}.png",
            images[rows[:STYLES_EACH]],
            masks[[facts[n]["view"] for n in rows[:STYLES_EACH]]],
        )


def save_style(path, images, masks):
    """Images side by side, where their masks are opaque."""
    from PIL import Image

    rgba = np.concatenate([images, np.where(masks, 255, 128).astype(np.uint8)[..., None]], 3)
    Image.fromarray(np.concatenate(rgba, 1)).save(f"{path}.part", "PNG", optimize=True)
    os.replace(f"{path}.part", path)


def run(scenes, editor_steps, judge_steps, only):
    """All stages, each from where it stopped."""
    generate(FOLDER, scenes, functools.partial(print, flush=True))
    images, masks, depths, facts = load(FOLDER)
    (CACHE / "judges").mkdir(exist_ok=True)
    rows = [n for n, fact in enumerate(facts) if learned(fact["scene"])]
    names = {look: k for k, look in enumerate(dict.fromkeys((facts[n]["material"], facts[n]["light"]) for n in rows))}
    views, looks = (
        np.array([of(facts[n]) for n in rows])
        for of in (lambda fact: fact["view"], lambda fact: names[fact["material"], fact["light"]])
    )
    material = images[rows], masks, depths, views, looks
    stages = {
        "styles": lambda: make_styles(images, masks, facts),
        "encoder": lambda: make_encoder(material, judge_steps),
        "depth": lambda: make_depth(material, judge_steps),
        "editor": lambda: make_editor(make_latents(images, FOLDER / "latents.npy"), masks, facts, editor_steps),
    }
    for name in only or stages:
        stages[name]()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", choices=["styles", "encoder", "depth", "editor"], help="these stages alone")
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--editor-steps", type=int, default=5100)
    parser.add_argument("--judge-steps", type=int, default=800)
    run(**vars(parser.parse_args()))
