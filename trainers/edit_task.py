"""What an editor is to learn, and the edits that it learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ..errors import InteractiveActionError
from ..models.style_editor.images import checked_images
from ..scoring.semantics import checked_mask


@dataclass(frozen=True)
class EditTask:
    """What is to be learned.

    Args:
        images: (N, H, W, 3) in 0..1, H and W multiples of 8.
        style_images: (S, h, w, 3) in 0..1; five in the paper.
        instruction: what to do.
        masks: (N or 1, H, W), where the edit belongs; None: the full frame.
        style_masks: (S or 1, h, w), where the style is; None: the full frame.

    Raises:
        InteractiveActionError: images or masks do not fit, or the instruction is empty.
    """

    images: torch.Tensor
    style_images: torch.Tensor
    instruction: str
    masks: torch.Tensor | None = None
    style_masks: torch.Tensor | None = None

    def __post_init__(self) -> None:
        def put(name: str, value: torch.Tensor) -> None:
            object.__setattr__(self, name, value)

        put("images", checked_images(self.images, "image to edit"))
        put("style_images", checked_images(self.style_images, "style image"))
        height, width = self.images.shape[1:3]
        if height % 8 or width % 8:
            raise InteractiveActionError(
                f"The images are {width} x {height}. Scale or crop them to multiples of 8, such as 256 x 256."
            )
        if not self.instruction.strip():
            raise InteractiveActionError(
                "The instruction is empty. Say what to do, such as 'make the cabinet out of wood'."
            )
        if self.masks is not None:
            put("masks", checked_mask(self.masks, self.images, "mask"))
        if self.style_masks is not None:
            put("style_masks", checked_mask(self.style_masks, self.style_images, "style mask"))

    def sha256(self) -> str:
        """Returns a key of everything that decides what is learned."""
        digest = hashlib.sha256(self.instruction.encode())
        for tensor in (self.images, self.style_images, self.masks, self.style_masks):
            digest.update(b"none" if tensor is None else tensor.float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class RatedEdit(NamedTuple):
    """An edit (H, W, 3) with its scores; lower is better."""

    image: torch.Tensor
    structure: float
    semantics: float
    total: float


@dataclass(frozen=True)
class Pair:
    """One pair of a step. original, style: (H, W, 3). better, worse: of a tie, either."""

    original: torch.Tensor
    style: torch.Tensor
    better: RatedEdit
    worse: RatedEdit


@dataclass(frozen=True)
class EditBatch:
    """The edits of one step, P pairs.

    Args:
        trajectories: in chunks of pairs, each (steps + 1, 2, P', 4, h, w).
        images: (2, P, H, W, 3), the last of each trajectory.
        structure: (2, P).
        semantics: (2, P).
        total: (2, P), of which less is better.
    """

    trajectories: Sequence[torch.Tensor]
    images: torch.Tensor
    structure: torch.Tensor
    semantics: torch.Tensor
    total: torch.Tensor

    def rated(self, which: int, pair: int) -> RatedEdit:
        """Returns an edit with its scores: ``which`` of the two of ``pair``."""
        scores = (float(score[which, pair]) for score in (self.structure, self.semantics, self.total))
        return RatedEdit(self.images[which, pair], *scores)
