"""Classifier-free guidance with three conditions: image, style image and text.

    e~ = e(0, 0, 0) + s_in  (e(I_in, 0, 0)         - e(0, 0, 0))
                    + s_sty (e(I_in, I_sty, 0)     - e(I_in, 0, 0))
                    + s_T   (e(I_in, I_sty, c_T)   - e(I_in, I_sty, 0))

is a weighted sum of four predictions. Those of weight zero are not needed: the first with s_in = 1, the second with
s_in = s_sty, the third with s_sty = s_T, the last with s_T = 0. The weights add up to one, so the sum may be taken of
noise or of denoised latents alike. With a mask, style and text act inside of it, and the image alone guides outside.
Source: Benarous et al. 2025, Eq. 13 and appendix 6.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from einops import rearrange, repeat

from ...errors import InteractiveActionError

S_IN, S_STY, S_T = 1.5, 3.0, 7.5  # section 4: InstructPix2Pix's defaults for image and text, and s_sty = 3
Weight = float | torch.Tensor
EditPredictor = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(z_t, t, context, image, style) -> noise (B, 4, h, w)."""


def check_scale(name: str, scale: float) -> None:
    """Raises a sentence unless ``scale`` is a number from zero on."""
    if not math.isfinite(scale):
        raise InteractiveActionError(f"{name} is {scale}, which is not a number. Give one from 0 on.")
    if scale < 0:
        raise InteractiveActionError(
            f"{name} is {scale:g}: a negative scale would push away from what it should follow. Give one from 0 on."
        )


def check_mask(mask: torch.Tensor) -> None:
    """Raises a sentence unless every mask of (B, H, W) marks something, in numbers."""
    if not torch.isfinite(mask).all():
        raise InteractiveActionError("The mask holds values that are not numbers. Check the node that made it.")
    empty = [str(number) for number, one in enumerate(mask, 1) if not one.any()]
    if empty:
        which = "The mask is" if len(mask) == 1 else f"Mask {', '.join(empty)} of {len(mask)} is"
        raise InteractiveActionError(
            f"{which} empty, so nothing would be edited. Mark what is to change, or disconnect the mask."
        )


def fit_mask(mask: torch.Tensor, batch: int, height: int, width: int) -> torch.Tensor:
    """Returns masks (batch, 1, height, width) in 0..1 as latents have it.

    Args:
        mask: (B, H, W) in 0..1; a shorter batch begins again.
        batch: of the latents.
        height: of the latents.
        width: of the latents.
    """
    one_channel = rearrange(mask, "b h w -> b 1 h w").float()
    small = torch.nn.functional.interpolate(one_channel, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
    return repeat(small, "b 1 h w -> (times b) 1 h w", times=-(-batch // len(mask)))[:batch]


def prediction_weights(
    s_in: float = S_IN, s_sty: float = S_STY, s_T: float = S_T, mask: torch.Tensor | None = None
) -> tuple[Weight | None, ...]:
    """Returns Eq. 13's weights of the predictions without condition, with image, with style, with text; None for zero.

    Args:
        s_in: how much to follow the image.
        s_sty: how much to follow the style image.
        s_T: how much to follow the text.
        mask: (B, 1, h, w) in 0..1, where style and text act; None: everywhere.

    Raises:
        InteractiveActionError: a scale is negative or no number.
    """
    for name, scale in (("s_in", s_in), ("s_sty", s_sty), ("s_T", s_T)):
        check_scale(name, scale)
    where = 1 if mask is None else mask
    factors = (1 - s_in, s_in - where * s_sty, where * (s_sty - s_T), where * s_T)
    return tuple(weight if (weight.any() if torch.is_tensor(weight) else weight) else None for weight in factors)


def combine(weights: Sequence[Weight | None], predictions: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """Returns the guided prediction.

    Args:
        weights: four, as ``prediction_weights`` gives them.
        predictions: four in their order; what stands for unneeded ones is not looked at.
    """
    terms = [
        weight * prediction
        for weight, prediction in zip(weights, predictions)
        if weight is not None and prediction is not None
    ]
    total: torch.Tensor = sum(terms[1:], start=0 + terms[0])
    return total


def guided_noise(
    predict: EditPredictor,
    z_t: torch.Tensor,
    t: torch.Tensor,
    image: torch.Tensor,
    style: torch.Tensor,
    text: torch.Tensor,
    null: torch.Tensor,
    s_in: float = S_IN,
    s_sty: float = S_STY,
    s_T: float = S_T,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Returns the guided noise (B, 4, h, w) by one call of ``predict``, without the rows that are not needed.

    Args:
        predict: a ``StyleEditor`` or an engine's ``predict``.
        z_t: (B, 4, h, w) noisy latents.
        t: (B,) timesteps.
        image: (B, 4, h, w) encoding.
        style: (B, 4, h, w) encoding.
        text: (B, tokens, width) the encoded instruction.
        null: (B, tokens, width) the encoded empty one.
        s_in: how much to follow the image.
        s_sty: how much to follow the style image.
        s_T: how much to follow the text.
        mask: (B, 1, h, w) or None.
    """
    weights = prediction_weights(s_in, s_sty, s_T, mask)
    nothing = torch.zeros_like(image)
    rows = ((null, nothing, nothing), (null, image, nothing), (null, image, style), (text, image, style))
    needed = [row for row, weight in zip(rows, weights) if weight is not None]
    context, images, styles = (torch.cat(column) for column in zip(*needed))
    z = repeat(z_t, "b c h w -> (rows b) c h w", rows=len(needed))
    predictions = iter(predict(z, t.repeat(len(needed)), context, images, styles).chunk(len(needed)))
    return combine(weights, [None if weight is None else next(predictions) for weight in weights])
