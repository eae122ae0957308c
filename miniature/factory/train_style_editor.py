"""Trains the miniature editor and its judges from nothing: ``python . miniature.factory.train_style_editor``.

It goes on from where it stopped; everything follows from seeds. Autoencoder and noise schedule are the embedded base
model's; text encoder, U-Net and the cross-attention of the style image (``models.style_editor.attention``) are
trained here, on images of the simulator (``edit_pairs``). As in InstructPix2Pix (Brooks et al. 2023), conditions are
dropped, so that each term of the three-condition guidance (Benarous et al. 2025, Eq. 13) is known; v is predicted
(Salimans & Ho 2022), since an image's edit is nearly known where the noise is strongest, and predicted noise would
have to be exact there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...models.compact_vocabulary import TABLE_IDS
from ..weights import STYLE_EDITOR
from . import export
from .autoencoder import LATENT_CHANNELS, LATENT_SCALE, encode_all
from .base_model import alphas_cumprod, build_text_encoder, build_unet
from .cache import CACHE, save_array
from .edit_batches import Pairs, sample_batch, vocabulary
from .edit_pairs import EditPairs, generate, load
from .style_images import make_style_images
from .train_style_judges import train_depth_model, train_encoder, training_material
from .training import fit

FOLDER = CACHE / "edits"
CHANNELS = (64, 64, 64)
REGION_WEIGHT = 4.0  # of the squared error where the edit belongs
STAGES = ("styles", "encoder", "depth", "editor")


def build() -> torch.nn.ModuleList:
    """Builds an untrained ``StyleEditor`` and text encoder."""
    from ...models.style_editor.model import StyleEditor

    unet: Any = build_unet(3 * LATENT_CHANNELS, CHANNELS)
    text_encoder = build_text_encoder(vocabulary())
    with torch.no_grad():
        unet.conv_in.weight[:, 4:] *= LATENT_SCALE  # encodings are not multiplied by it, noisy latents are
    return torch.nn.ModuleList([StyleEditor(unet, velocity=alphas_cumprod()), text_encoder])


class EditorLoss:
    """The editor's squared error of v on a step's pairs; the edited region counts four times.

    Args:
        models: ``StyleEditor`` and text encoder.
        pairs: what it learns from.
        batch_size: pairs a step.
    """

    def __init__(self, models: torch.nn.ModuleList, pairs: Pairs, batch_size: int) -> None:
        self.editor, self.text_encoder = models
        self.pairs, self.batch_size = pairs, batch_size

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the step alone."""
        batch = sample_batch(self.pairs, self.batch_size, rng)
        generator = torch.Generator().manual_seed(step)
        noise = torch.randn(batch.clean.shape, generator=generator)
        t = torch.randint(0, 1000, (self.batch_size,), generator=generator)
        signal = rearrange(alphas_cumprod()[t], "b -> b 1 1 1")
        noisy = signal.sqrt() * batch.clean + (1 - signal).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):  # the style image's attention, too
            context = self.text_encoder(input_ids=batch.tokens).last_hidden_state
            prediction = self.editor(noisy, t, context, batch.image, batch.style)
        # the error of v is that of the predicted noise over the signal
        error = (prediction - noise) ** 2 / signal
        loss: torch.Tensor = (error * (1 + (REGION_WEIGHT - 1) * batch.region)).mean()
        return loss


def make_latents(images: np.ndarray, path: Path) -> torch.Tensor:
    """Encodes images by the embedded base model's autoencoder, keeping the latents on disk.

    Args:
        images: uint8 (N, 96, 96, 3).
        path: of the latents.

    Returns:
        fp16 (N, 4, 12, 12), of unit variance.
    """
    if path.exists() and len(latents := np.load(path)) == len(images):
        return torch.from_numpy(latents)
    encoded = encode_all(export.read_thin_autoencoder(), images)
    save_array(path, encoded.numpy())
    return encoded


def train_editor(pairs: EditPairs, steps: int, batch_size: int = 16, seed: int = 0) -> None:
    """Trains the editor and writes its checkpoint; goes on from where it stopped."""
    torch.manual_seed(seed)
    models = build()
    latents = make_latents(pairs.images, FOLDER / "latents.npy")
    loss = EditorLoss(models, Pairs(latents, pairs.masks, pairs.facts), batch_size)
    fit("edits-editor", models, loss, steps, rate=1e-3, seed=seed)
    metadata = dict(
        license="Apache-2.0",
        made_by="python . miniature.factory.train_style_editor",
        seed=seed,
        steps=steps,
        architecture="SD1.x, 12 channels",
        images=f"{len(pairs.facts)} rendered by sim, all by this project",
    )
    export.write(STYLE_EDITOR, editor_state(*models), metadata)


def editor_state(editor: Any, text_encoder: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Builds one state dict under a checkpoint's names, without the autoencoder, which is the embedded base model's."""
    from ...models.style_editor.extend import ATTENTION

    state = export.unet_and_text_state(editor.unet, text_encoder)
    attention = editor.style_attention.state_dict()
    state |= export.half({f"{ATTENTION}{key}": weight for key, weight in attention.items()})
    ids = torch.tensor(vocabulary().ids, dtype=torch.int32)
    return {**state, TABLE_IDS: ids, "v_pred": torch.zeros(0)}


def run(num_scenes: int, editor_steps: int, judge_steps: int, stages: Sequence[str] = STAGES) -> None:
    """Runs stages, each from where it stopped.

    Args:
        num_scenes: of the simulator.
        editor_steps, judge_steps: of the trainings.
        stages: some of ``STAGES``.
    """
    generate(FOLDER, num_scenes, lambda line: print(line, flush=True))
    pairs = load(FOLDER)
    material = training_material(pairs)
    work = {
        "styles": lambda: make_style_images(pairs),
        "encoder": lambda: train_encoder(material, judge_steps),
        "depth": lambda: train_depth_model(material, judge_steps),
        "editor": lambda: train_editor(pairs, editor_steps),
    }
    for stage in stages:
        work[stage]()


def main() -> None:
    """Reads the command line and runs the stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", choices=[[], *STAGES], help="these stages alone")
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--editor-steps", type=int, default=5100)
    parser.add_argument("--judge-steps", type=int, default=800)
    arguments = parser.parse_args()
    run(arguments.scenes, arguments.editor_steps, arguments.judge_steps, arguments.only or STAGES)


if __name__ == "__main__":
    main()
