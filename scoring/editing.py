"""How good an edit is: structure and semantics on one scale.

    L_total = A_struct + alpha A_sem,   A = (L - mean) / sqrt(variance + epsilon) over the batch

Lower wins. The mean of L_total over its own batch is 0, so that it ranks edits and does not measure progress: for that
look at the two scores themselves.

Source: Benarous et al. 2025, section 3.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import InteractiveActionError
from .encoders import Encoder
from .semantics import LAMBDA, checked_mask, semantic_scores
from .structure import DepthModel, structure_scores

EPSILON = 1e-8


@dataclass(frozen=True)
class EditingReward:
    """The two judges of an edit.

    Args:
        depth_model: of Eq. 8.
        encoder: of Eq. 9.
        lambda_: weight of the change outside of the mask in Eq. 9, 0.5.
        alpha: weight of semantics beside structure, 1.
    """

    depth_model: DepthModel
    encoder: Encoder
    lambda_: float = LAMBDA
    alpha: float = 1.0

    @property
    def name(self) -> str:
        """Everything that decides the scores, as JSON."""
        return json.dumps(
            {"depth": self.depth_model.name, "encoder": self.encoder.name, "lambda": self.lambda_, "alpha": self.alpha}
        )

    def to(self, device: torch.device | str) -> None:
        """Moves both models."""
        self.depth_model.to(device)
        self.encoder.to(device)

    def scores(
        self,
        generated: torch.Tensor,
        original: torch.Tensor,
        style: torch.Tensor,
        mask: torch.Tensor | None = None,
        style_mask: torch.Tensor | None = None,
        depths: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores each edit.

        Args:
            generated: the edits (B, H, W, 3) in 0..1.
            original: what was edited (B or 1, H, W, 3) in 0..1.
            style: (B or 1, h, w, 3) in 0..1.
            mask: where the edit belongs (B or 1, H, W); None for the full frame.
            style_mask: where the style is (B or 1, h, w); None for the full frame.
            depths: (B or 1, H, W) and (B, H, W) of original and generated, if they are known.

        Returns:
            Eq. 8 and Eq. 9 of each edit, two float tensors (B,).

        Raises:
            InteractiveActionError: sizes or counts do not fit, or a value is not a number.
        """
        if original.shape[1:3] != generated.shape[1:3]:
            raise InteractiveActionError(
                f"The edits are {generated.shape[2]} x {generated.shape[1]} and the images they come from "
                f"{original.shape[2]} x {original.shape[1]}. Scale them to the same size."
            )
        if not torch.isfinite(generated).all():
            raise InteractiveActionError(
                "An edit holds values that are not numbers. Lower the scales or the strength, or use float32."
            )
        original = _expand(original, generated, "images that were edited")
        style = _expand(style, generated, "style images")
        if mask is not None:
            mask = checked_mask(mask, original, "mask")
        if style_mask is not None:
            style_mask = checked_mask(style_mask, style, "style mask")
        structure = structure_scores(*(depths or (self.depth_model.depth(original), self.depth_model.depth(generated))))
        semantics = semantic_scores(generated, original, style, self.encoder, mask, style_mask, self.lambda_)
        for name, scores in ((self.depth_model.name, structure), (self.encoder.name, semantics)):
            if not torch.isfinite(scores).all():
                raise InteractiveActionError(
                    f"{name} gave a score that is not a number. Use another model, or float32."
                )
        return structure, semantics

    def total(self, structure: torch.Tensor, semantics: torch.Tensor) -> torch.Tensor:
        """Returns L_total (B,) of the scores of one batch."""
        return advantage(structure) + self.alpha * advantage(semantics)


@dataclass(frozen=True)
class EditScores:
    """What a reward says of N edits.

    Args:
        structure, semantics, total: float (N,), of which less is better.
        depth_change: (N, H, W) in 0..1, where 1 is the largest difference of all.
    """

    structure: torch.Tensor
    semantics: torch.Tensor
    total: torch.Tensor
    depth_change: torch.Tensor

    @property
    def best(self) -> int:
        """The index of the edit with the lowest total."""
        return int(self.total.argmin())

    def report(self) -> dict[str, Any]:
        """Returns everything as plain data for JSON; edits are numbered from 1."""
        columns = (self.structure.tolist(), self.semantics.tolist(), self.total.tolist())
        return {
            "structure": self.structure.mean().item(),
            "semantics": self.semantics.mean().item(),
            "best": self.best + 1,
            "edits": [dict(zip(("structure", "semantics", "total"), row)) for row in zip(*columns)],
        }


def score_batches(
    reward: EditingReward,
    generated: torch.Tensor,
    original: torch.Tensor,
    style: torch.Tensor,
    mask: torch.Tensor | None = None,
    style_mask: torch.Tensor | None = None,
    batch_size: int = 16,
    progress: Callable[[int, int], object] | None = None,
) -> EditScores:
    """Scores N edits, some at a time; see ``EditingReward.scores``.

    Args:
        reward: the judges.
        generated: the edits (N, H, W, 3) in 0..1.
        original: what was edited (N or 1, H, W, 3) in 0..1.
        style: (N or 1, h, w, 3) in 0..1.
        mask: where the edit belongs (N or 1, H, W); None for the full frame.
        style_mask: where the style is (N or 1, h, w); None for the full frame.
        batch_size: how many edits the judges see at once; the result is the same.
        progress: called as ``progress(done, N)``; may raise to stop.
    """
    count, scores, depths = len(generated), [], []
    original_depth = reward.depth_model.depth(original)
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        before, image, look = (part[rows] if len(part) == count else part for part in (original_depth, original, style))
        inside, style_inside = (
            part[rows] if part is not None and len(part) == count else part for part in (mask, style_mask)
        )
        depths.append(reward.depth_model.depth(generated[rows]))
        scores.append(reward.scores(generated[rows], image, look, inside, style_inside, (before, depths[-1])))
        if progress:
            progress(min(rows.stop, count), count)
    structure, semantics = (torch.cat(column) for column in zip(*scores))
    change = (original_depth - torch.cat(depths)).abs()
    change = change / change.max().clamp(min=1e-8)
    return EditScores(structure, semantics, reward.total(structure, semantics), change)


def advantage(scores: torch.Tensor) -> torch.Tensor:
    """Returns (L - mean) / sqrt(variance + epsilon) over the batch (B,)."""
    return (scores - scores.mean()) / (scores.var(unbiased=False) + EPSILON).sqrt()


def _expand(images: torch.Tensor, generated: torch.Tensor, what: str) -> torch.Tensor:
    """As many images as there are edits; one serves all."""
    if len(images) not in (1, len(generated)):
        raise InteractiveActionError(
            f"There are {len(images)} {what} for {len(generated)} edits. Give one for all, or one for each."
        )
    return images.expand(len(generated), *images.shape[1:])
