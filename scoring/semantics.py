"""Does the edited region look like the style image, and is the rest as it was?

    L_sem = D(m_in I_gen, m_sty I_sty, f) + lambda mean((1 - m_in) (I_in - I_gen)^2)

D is the cosine distance of two embeddings f of masked images. As printed, the first term has I_in in the place of I_gen
and would be the same for every edit; the text says "patches in the generated image", which is followed here. The
squared norm is a mean over all pixels and channels of the image. Lower is better.

Source: Benarous et al. 2025, Eq. 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange, reduce

from ..errors import InteractiveActionError

if TYPE_CHECKING:
    from .encoders import Encoder

LAMBDA = 0.5


def semantic_scores(
    generated: torch.Tensor,
    original: torch.Tensor,
    style: torch.Tensor,
    encoder: Encoder,
    mask: torch.Tensor | None = None,
    style_mask: torch.Tensor | None = None,
    lambda_: float = LAMBDA,
) -> torch.Tensor:
    """Returns Eq. 9 of each image, float (B,).

    Args:
        generated: the edits (B, H, W, 3) in 0..1.
        original: what was edited (B, H, W, 3) in 0..1.
        style: (B, h, w, 3) in 0..1.
        encoder: of masked images.
        mask: where the edit belongs (B, H, W), 0 or 1; None for the full frame.
        style_mask: where the style is (B, h, w), 0 or 1; None for the full frame.
        lambda_: weight of the change outside of the mask, 0.5.
    """
    edit = encoder.encode_image(_masked(generated, mask))
    region = 1 - (edit * encoder.encode_image(_masked(style, style_mask))).sum(-1)
    return region + lambda_ * change_outside(generated, original, mask)


def change_outside(generated: torch.Tensor, original: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Returns the second term of Eq. 9 without its lambda, (B,); 0 for the full frame."""
    if mask is None:
        return torch.zeros(len(generated))
    outside = rearrange(1 - mask, "b h w -> b h w 1") * (original - generated).square()
    return reduce(outside, "b h w c -> b", "mean")


def checked_mask(mask: torch.Tensor, images: torch.Tensor, what: str) -> torch.Tensor:
    """Returns a mask as 0 and 1 for each image.

    Args:
        mask: (M, H, W); one serves all images.
        images: (B, H, W, 3).
        what: what a sentence calls the mask.

    Returns:
        (B, H, W), 1 where the mask is above 0.5.

    Raises:
        InteractiveActionError: it has another size, is empty or holds values that are not numbers.
    """
    if mask.shape[1:] != images.shape[1:3]:
        raise InteractiveActionError(
            f"The {what} is {mask.shape[2]} x {mask.shape[1]} and the image {images.shape[2]} x {images.shape[1]}. "
            "Make the mask of this image, or scale it to the same size."
        )
    if len(mask) not in (1, len(images)):
        raise InteractiveActionError(
            f"There are {len(mask)} of the {what} for {len(images)} images. Give one for all, or one for each."
        )
    if not torch.isfinite(mask).all():
        raise InteractiveActionError(f"The {what} holds values that are not numbers. Check the node that made it.")
    inside = (mask > 0.5).float()
    if empty := [number for number, one in enumerate(inside, 1) if not one.any()]:
        raise InteractiveActionError(
            f"The {what} of image {empty[0]} is empty. Mark the thing that is edited, or leave the mask out."
        )
    return inside.expand(len(images), -1, -1)


def _masked(images: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return images if mask is None else images * rearrange(mask, "b h w -> b h w 1")
