"""Trains the embedded detector: a small OWL-ViT, of which each patch speaks for the thing that covers most of it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from einops import rearrange, reduce
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
from torchvision.ops import generalized_box_iou_loss

from ...tensor_files import write_safetensors
from ..weights import DETECTOR
from .everyday_render import SIZE
from .judge_captions import Name, detector_labels
from .judge_images import Renders, degrade, unpack_masks
from .judge_tokenizer import make_tokenizer
from .training import MADE_BY, fit

PATCH = 8
TEXT_LENGTH = 16
PASTE_SHARE = 0.4  # of images into which a third thing is pasted, so that several things are nothing strange
NUM_NONSENSE = 6  # labels a step that are no words
MIN_PIXELS = 24  # a sliver is nothing


class Instances(NamedTuple):
    """Images with what is in them.

    Attributes:
        images: uint8 (B, 3, 96, 96).
        masks: visible pixels of up to three things, bool (B, 3, 96, 96).
        names: what each mask shows; None: nothing.
    """

    images: torch.Tensor
    masks: torch.Tensor
    names: list[list[Name | None]]


def sample_instances(renders: Renders, rows: np.ndarray, rng: np.random.Generator) -> Instances:
    """Takes renders by their rows (B,), pastes a third thing into some of them and mirrors half."""
    facts = [renders.facts[row] for row in rows]
    images, masks = renders.images[rows].copy(), unpack_masks(renders.masks[rows])
    masks = np.concatenate([masks, np.zeros_like(masks[:, :1])], 1)
    names: list[list[Name | None]] = [
        [Name(subject=fact["subject"]), Name(object=fact["object"], color=fact["color"]), None] for fact in facts
    ]
    for i in np.flatnonzero(rng.random(len(rows)) < PASTE_SHARE):
        other, which = rng.integers(len(renders.facts)), rng.integers(2)
        shift = rng.integers(-SIZE // 2, SIZE // 2 + 1, 2)
        stamp = _shift(unpack_masks(renders.masks[other])[which], shift)
        images[i][stamp] = _shift(renders.images[other], shift)[stamp]
        masks[i] &= ~stamp
        masks[i, 2] = stamp
        fact = renders.facts[other]
        names[i][2] = Name(object=fact["object"], color=fact["color"]) if which else Name(subject=fact["subject"])
    mirrored = rng.random(len(rows)) < 0.5
    images[mirrored], masks[mirrored] = images[mirrored, :, ::-1], masks[mirrored, :, :, ::-1]
    masks &= masks.sum((2, 3), keepdims=True) >= MIN_PIXELS
    return Instances(rearrange(torch.from_numpy(images), "b h w c -> b c h w"), torch.from_numpy(masks), names)


def _shift(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Moves an image (H, W, ...) by (rows, columns); what leaves it is lost."""
    moved = np.zeros_like(image)
    (y, x), (h, w) = shift, image.shape[:2]
    moved[max(y, 0) : h + min(y, 0), max(x, 0) : w + min(x, 0)] = image[
        max(-y, 0) : h - max(y, 0), max(-x, 0) : w - max(x, 0)
    ]
    return moved


def boxes_of_masks(masks: torch.Tensor) -> torch.Tensor:
    """Returns tight boxes (B, I, 4), center and size in 0..1, of masks (B, I, S, S); empty ones have none."""
    rows, columns = masks.any(3).byte(), masks.any(2).byte()
    y1, x1 = rows.argmax(2), columns.argmax(2)
    y2, x2 = SIZE - rows.flip(2).argmax(2), SIZE - columns.flip(2).argmax(2)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], -1) / SIZE


def owners_of_patches(masks: torch.Tensor) -> torch.Tensor:
    """Tells which mask each patch speaks for, -1 for none: the one that covers most of it, at least a fifth.

    Args:
        masks: bool (B, I, S, S).

    Returns:
        int (B, patches).
    """
    cover = reduce(masks.int(), "b i (h y) (w x) -> b i (h w)", "sum", y=PATCH, x=PATCH)
    best, owner = cover.max(1)
    owner = torch.where(best >= PATCH**2 // 5, owner, -1)
    for i in range(masks.shape[1]):  # even the smallest thing has the patch that shows most of it
        most, patch = cover[:, i].max(1)
        owner[most > 0, patch[most > 0]] = i
    return owner


def _corners(boxes: torch.Tensor) -> torch.Tensor:
    """Turns boxes (..., 4) from center and size to two corners."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def build(tokenizer: Any) -> torch.nn.Module:
    """Builds an untrained OwlViTForObjectDetection for the labels of a tokenizer."""
    from transformers import OwlViTConfig, OwlViTForObjectDetection

    model: Any = OwlViTForObjectDetection(
        OwlViTConfig(
            text_config={
                "vocab_size": len(tokenizer),
                "hidden_size": 96,
                "intermediate_size": 192,
                "num_hidden_layers": 2,
                "num_attention_heads": 3,
                "max_position_embeddings": TEXT_LENGTH,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
            },
            vision_config={
                "hidden_size": 128,
                "intermediate_size": 512,
                "num_hidden_layers": 4,
                "num_attention_heads": 4,
                "image_size": SIZE,
                "patch_size": PATCH,
            },
            projection_dim=96,
        )
    )
    for layer in (*model.class_head.children(), *model.box_head.children()):  # the library starts them far too large
        if isinstance(layer, torch.nn.Linear):
            layer.reset_parameters()
    # logits start at 8 (cosine - 0.6): nothing is there
    torch.nn.init.constant_(model.class_head.logit_scale.bias, 7.0)
    torch.nn.init.constant_(model.class_head.logit_shift.bias, -0.6)
    module: torch.nn.Module = model
    return module


class DetectorLoss:
    """The detector's loss on a step's images.

    Args:
        model: an OwlViTForObjectDetection.
        tokenizer: its labels'.
        renders: what it learns from.
        batch_size: images a step.
    """

    def __init__(self, model: torch.nn.Module, tokenizer: Any, renders: Renders, batch_size: int) -> None:
        self.model: Any = model
        self.tokenizer, self.renders, self.batch_size = tokenizer, renders, batch_size
        self.labels = detector_labels()
        self.rows = np.flatnonzero([bool(fact["subject_box"] or fact["object_box"]) for fact in renders.facts])

    def __call__(self, step: int, rng: np.random.Generator) -> torch.Tensor:
        """Computes the loss, a scalar that depends on the step alone."""
        images, masks, names = sample_instances(self.renders, rng.choice(self.rows, self.batch_size), rng)
        article = rng.choice(["", "a ", "a photo of a "])
        nonsense = ["".join(rng.choice(list(string.ascii_lowercase), rng.integers(3, 8))) for _ in range(NUM_NONSENSE)]
        logits, boxes = self._predict(images, [article + label for label in [*self.labels, *nonsense]], step)

        owner = owners_of_patches(masks)
        mine = owner.clamp(min=0)
        foreground = owner >= 0
        answers = self._answers(names)
        target = answers.gather(1, mine[..., None].expand(-1, -1, answers.shape[2])) & foreground[..., None]
        patches = torch.stack([(owner == i).sum(1) for i in range(3)], 1).clamp(min=1)
        weight = (1 / patches.gather(1, mine))[foreground]  # small things count as much as large ones
        truth = boxes_of_masks(masks).gather(1, mine[..., None].expand(-1, -1, 4))[foreground]
        prediction = boxes[foreground]
        overlap = generalized_box_iou_loss(_corners(prediction), _corners(truth))
        distance = l1_loss(prediction, truth, reduction="none").sum(1)
        # Quality focal loss (Li et al. 2020, Eq. 2): a patch is as sure of a name as its box is good; so the best wins.
        quality = torch.zeros_like(owner, dtype=torch.float)
        quality[foreground] = 1 - overlap.detach().clamp(0, 1)
        soft_target = target * quality[..., None]
        focal = (logits.sigmoid() - soft_target) ** 2
        naming = binary_cross_entropy_with_logits(logits, soft_target, reduction="none") * focal
        located = ((2 * overlap + 5 * distance) * weight).sum() / weight.sum()
        loss: torch.Tensor = 4 * naming.sum() / foreground.sum() + located
        return loss

    def _predict(self, images: torch.Tensor, texts: Sequence[str], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Predicts logits (B, patches, texts) and boxes (B, patches, 4) from degraded images."""
        tokens = self.tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):  # the blur, too
            features = self.model.image_embedder(degrade(images, step) * 2 - 1)[0]
        features = features.float()
        patches = rearrange(features, "b h w c -> b (h w) c")
        text = self.model.owlvit.get_text_features(**tokens).pooler_output
        logits = self.model.class_predictor(patches, text.expand(self.batch_size, -1, -1))[0]
        return logits, self.model.box_predictor(patches, features)

    def _answers(self, names: list[list[Name | None]]) -> torch.Tensor:
        """Tells which labels each thing answers to, bool (B, 3, texts); nonsense is nobody's."""
        nobody = [False] * NUM_NONSENSE
        return torch.tensor(
            [
                [
                    [name is not None and any(name) and label.covers(name) for label in self.labels.values()] + nobody
                    for name in of_image
                ]
                for of_image in names
            ]
        )


def train_detector(renders: Renders, steps: int = 2000, batch_size: int = 24) -> None:
    """Trains the detector and writes its folder; goes on from where it stopped.

    Args:
        renders: what it learns from.
        steps: of the whole training.
        batch_size: images a step.
    """
    from transformers import OwlViTImageProcessor, OwlViTProcessor

    tokenizer = make_tokenizer(DETECTOR, TEXT_LENGTH)
    torch.manual_seed(0)
    model: Any = build(tokenizer)
    fit("detector", model, DetectorLoss(model, tokenizer, renders, batch_size), steps, rate=1e-3)
    model.half().save_pretrained(DETECTOR)
    write_safetensors(DETECTOR / "model.safetensors", model.state_dict(), {"format": "pt", "made": MADE_BY})
    processor = OwlViTImageProcessor(size={"height": SIZE, "width": SIZE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    OwlViTProcessor(processor, tokenizer).save_pretrained(DETECTOR)
