"""How good an edit is: structure and semantics on one scale (paper 004, section 3.2).

    L_total = A_struct + alpha A_sem,   A = (L - mean) / sqrt(variance + epsilon) over the batch

Lower wins. The mean of L_total over its own batch is 0, so that it ranks edits and does not measure progress: for that
look at the two scores themselves.
"""

import json
from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError
from .encoders import Encoder
from .semantics import LAMBDA, checked_mask, semantic_scores
from .structure import DepthModel, structure_scores

EPSILON = 1e-8


@dataclass(frozen=True)
class EditingReward:
    """The two judges, lambda of Eq. 9 and alpha."""

    depth_model: DepthModel
    encoder: Encoder
    lambda_: float = LAMBDA
    alpha: float = 1.0

    @property
    def name(self):
        """Everything that decides the scores, as JSON."""
        return json.dumps(
            {"depth": self.depth_model.name, "encoder": self.encoder.name, "lambda": self.lambda_, "alpha": self.alpha}
        )

    def to(self, device):
        self.depth_model.to(device)
        self.encoder.to(device)

    def scores(self, generated, original, style, mask=None, style_mask=None, depths=None):
        """Eq. 8 and Eq. 9 of each edit: two float tensors (B,).

        generated (B, H, W, 3) in 0..1; original, style, mask, style_mask: as many, or one for all; masks may be None.
        depths: (B, H, W) and (B, H, W) of original and generated if they are known, else both are looked at here.
        """
        if original.shape[1:3] != generated.shape[1:3]:
            raise InteractiveActionError(
                f"The edits are {generated.shape[2]} x {generated.shape[1]} and the images they come from {original.shape[2]} x "
                f"{original.shape[1]}. Scale them to the same size."
            )
        if not torch.isfinite(generated).all():
            raise InteractiveActionError(
                "An edit holds values that are not numbers. Lower the scales or the strength, or use float32."
            )
        original, style = (
            _for_each(original, generated, "images that were edited"),
            _for_each(style, generated, "style images"),
        )
        if mask is not None:
            mask = checked_mask(mask, original, "mask")
        if style_mask is not None:
            style_mask = checked_mask(style_mask, style, "style mask")
        structure = structure_scores(*(depths or (self.depth_model.depth(original), self.depth_model.depth(generated))))
        semantics = semantic_scores(generated, original, style, self.encoder, mask, style_mask, self.lambda_)
        for judge, found in ((self.depth_model, structure), (self.encoder, semantics)):
            if not torch.isfinite(found).all():
                raise InteractiveActionError(
                    f"{judge.name} gave a score that is not a number. Use another model, or float32."
                )
        return structure, semantics

    def total(self, structure, semantics):
        """L_total (B,) of the scores of one batch."""
        return advantage(structure) + self.alpha * advantage(semantics)


def advantage(scores):
    """(L - mean) / sqrt(variance + epsilon) over the batch (B,)."""
    return (scores - scores.mean()) / (scores.var(unbiased=False) + EPSILON).sqrt()


def _for_each(images, generated, what):
    if len(images) not in (1, len(generated)):
        raise InteractiveActionError(
            f"There are {len(images)} {what} for {len(generated)} edits. Give one for all, or one for each."
        )
    return images.expand(len(generated), *images.shape[1:])
