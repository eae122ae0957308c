"""Trains the style editor's judges: a depth model and an encoder of looks.

The depth model has Depth Anything's architecture; the encoder has DINOv2's, and is trained so that images of one look
lie close together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch.nn.functional import l1_loss, normalize

from ..weights import DEPTH, ENCODER
from .autoencoder import to_tensor
from .edit_batches import is_training_scene
from .edit_pairs import SIZE, EditPairs, Look
from .training import fit

WHOLE_IMAGE_SHARE = 0.3  # of the encoder's images; of the others it sees the object alone
TEMPERATURE = 0.1
BACKBONE: dict[str, Any] = dict(
    hidden_size=64, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=SIZE, patch_size=12
)


class Material(NamedTuple):
    """The images to train on.

    Attributes:
        images: uint8 (N, 96, 96, 3).
        masks: of the object, bool (V, 96, 96).
        depths: meters, (V, 96, 96), 0 where there is nothing.
        views: row of mask and depth of each image, int (N,).
        looks: number of each image's look, int (N,).
    """

    images: np.ndarray
    masks: np.ndarray
    depths: np.ndarray
    views: np.ndarray
    looks: np.ndarray


def training_material(pairs: EditPairs) -> Material:
    """Selects the images of the scenes that are trained on."""
    rows = [row for row, fact in enumerate(pairs.facts) if is_training_scene(fact["scene"])]
    facts = [pairs.facts[row] for row in rows]
    looks = [Look(fact["material"], fact["light"]) for fact in facts]
    numbers = {look: number for number, look in enumerate(dict.fromkeys(looks))}
    return Material(
        pairs.images[rows],
        pairs.masks,
        pairs.depths,
        np.array([fact["view"] for fact in facts]),
        np.array([numbers[look] for look in looks]),
    )


def relative_depth(depth: torch.Tensor) -> torch.Tensor:
    """Turns meters (B, H, W) into inverse depth from 0, each image's farthest, to 1, its nearest; nothing is 0."""
    inverse = torch.where(depth > 0, 1 / depth.float().clamp(min=0.1), 0.0)
    low = torch.where(depth > 0, inverse, torch.inf).amin((1, 2), keepdim=True)
    return ((inverse - low) / (inverse.amax((1, 2), keepdim=True) - low).clamp(min=1e-6)).clamp(min=0)


def build_depth_model() -> torch.nn.Module:
    """Builds an untrained DepthAnythingForDepthEstimation."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    stages: dict[str, Any] = {"out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False}
    backbone = Dinov2Config(**BACKBONE, **stages)
    model: torch.nn.Module = DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone,
            patch_size=12,
            reassemble_hidden_size=64,
            neck_hidden_sizes=[16, 24, 32, 48],
            fusion_hidden_size=24,
            head_hidden_size=16,
        )
    )
    return model


class DepthLoss:
    """The depth model's loss on a step's images: the error of relative depth and of its edges.

    Args:
        model: the depth model.
        material: what it learns from.
        batch_size: images a step.
    """

    def __init__(self, model: torch.nn.Module, material: Material, batch_size: int) -> None:
        self.model, self.material, self.batch_size = model, material, batch_size
        self.depths = torch.from_numpy(material.depths)

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the generator alone."""
        rows = torch.from_numpy(rng.choice(len(self.material.images), self.batch_size))
        pixels = to_tensor(self.material.images[rows]) * 2 - 1
        truth = relative_depth(self.depths[self.material.views[rows]])
        if rng.random() < 0.5:
            pixels, truth = pixels.flip(3), truth.flip(2)
        with torch.autocast("cpu", torch.bfloat16):
            prediction = self.model(pixel_values=pixels).predicted_depth
        edges = sum(l1_loss(prediction.float().diff(dim=axis), truth.diff(dim=axis)) for axis in (1, 2))
        return l1_loss(prediction.float(), truth) + edges


def build_encoder() -> torch.nn.Module:
    """Builds an untrained Dinov2Model."""
    from transformers import Dinov2Config, Dinov2Model

    model: torch.nn.Module = Dinov2Model(Dinov2Config(**BACKBONE))
    return model


class EncoderLoss:
    """The encoder's loss on a step's images: supervised contrast of looks.

    The object alone is shown, as the semantic score compares images (Benarous et al. 2025, Eq. 9), or three times in
    ten the whole image.

    Args:
        model: the encoder.
        material: what it learns from.
        batch_size: images a step.

    Source:
        Khosla et al. 2020.
    """

    def __init__(self, model: torch.nn.Module, material: Material, batch_size: int) -> None:
        self.model, self.material, self.batch_size = model, material, batch_size

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the generator alone."""
        images, masks, _, views, looks = self.material
        size = self.batch_size
        rows = rng.choice(len(images), size)
        region = torch.from_numpy(masks[views[rows]] | (rng.random(size) < WHOLE_IMAGE_SHARE)[:, None, None])
        pixels = to_tensor(images[rows]) * rearrange(region, "b h w -> b 1 h w")
        pixels = (pixels if rng.random() < 0.5 else pixels.flip(3)) * 2 - 1
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = self.model(pixel_values=pixels).pooler_output
        embeddings = normalize(embeddings.float(), dim=-1)
        itself = torch.eye(size, dtype=torch.bool)
        alike = torch.from_numpy(looks[rows][:, None] == looks[rows][None]) & ~itself
        similarity = (embeddings @ embeddings.T / TEMPERATURE).masked_fill(itself, -1e4)
        logs = similarity.log_softmax(1)
        return -((logs * alike).sum(1) / alike.sum(1).clamp(min=1))[alike.any(1)].mean()


def write_folder(folder: Path, model: Any, processor: Any) -> None:
    """Writes a model and its processor as transformers reads them, the weights in fp16."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)


def train_depth_model(material: Material, steps: int, batch_size: int = 24) -> None:
    """Trains the depth model and writes its folder; goes on from where it stopped."""
    from transformers import DPTImageProcessor

    torch.manual_seed(1)
    model = build_depth_model()
    fit("edits-depth", model, DepthLoss(model, material, batch_size), steps, rate=1e-3, seed=1)
    processor = DPTImageProcessor(
        size={"height": SIZE, "width": SIZE},
        keep_aspect_ratio=True,
        ensure_multiple_of=12,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    write_folder(DEPTH, model, processor)


def train_encoder(material: Material, steps: int, batch_size: int = 64) -> None:
    """Trains the encoder and writes its folder; goes on from where it stopped."""
    from transformers import BitImageProcessor

    torch.manual_seed(2)
    model = build_encoder()
    fit("edits-encoder", model, EncoderLoss(model, material, batch_size), steps, rate=1e-3, seed=2)
    processor = BitImageProcessor(
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        crop_size=None,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    write_folder(ENCODER, model, processor)
