"""Classifier-free guidance with three conditions: image, style image and text (paper 004, Eq. 13; App. 6.1).

    e~ = e(0, 0, 0) + s_in  (e(I_in, 0, 0)         - e(0, 0, 0))
                    + s_sty (e(I_in, I_sty, 0)     - e(I_in, 0, 0))
                    + s_T   (e(I_in, I_sty, c_T)   - e(I_in, I_sty, 0))

is a weighted sum of four predictions. Those of weight zero are not needed: the first with s_in = 1, the second with
s_in = s_sty, the third with s_sty = s_T, the last with s_T = 0. The weights add up to one, so the sum may be taken of noise
or of denoised latents alike. With a mask, style and text act inside of it, and the image alone guides outside.
"""

import math

import torch

from ...errors import InteractiveActionError

S_IN, S_STY, S_T = 1.5, 3.0, 7.5  # Sec. 4: InstructPix2Pix's defaults for image and text, and s_sty = 3


def check_scale(name, scale):
    """Raise a sentence unless ``scale`` is a number from zero on."""
    if not math.isfinite(scale):
        raise InteractiveActionError(f"{name} is {scale}, which is not a number. Give one from 0 on.")
    if scale < 0:
        raise InteractiveActionError(
            f"{name} is {scale:g}: a negative scale would push away from what it should follow. Give one from 0 on."
        )


def check_mask(mask):
    """Raise a sentence unless every mask of (B, H, W) marks something, in numbers."""
    if not torch.isfinite(mask).all():
        raise InteractiveActionError("The mask holds values that are not numbers. Check the node that made it.")
    empty = [str(number) for number, one in enumerate(mask, 1) if not one.any()]
    if empty:
        which = "The mask is" if len(mask) == 1 else f"Mask {', '.join(empty)} of {len(mask)} is"
        raise InteractiveActionError(
            f"{which} empty, so nothing would be edited. Mark what is to change, or disconnect the mask."
        )


def fitted_mask(mask, batch, height, width):
    """Masks (B, H, W) in 0..1 -> (batch, 1, height, width) as latents have it; a shorter batch begins again."""
    mask = torch.nn.functional.interpolate(
        mask[:, None].float(), (height, width), mode="bilinear", antialias=True
    ).clamp(0, 1)
    return mask.repeat(-(-batch // len(mask)), 1, 1, 1)[:batch]


def weights(s_in=S_IN, s_sty=S_STY, s_T=S_T, mask=None):
    """Eq. 13's weights of the predictions without condition, with image, with style, with text; None where it is zero.

    mask: (B, 1, h, w) in 0..1, or None for everywhere.
    """
    for name, scale in (("s_in", s_in), ("s_sty", s_sty), ("s_T", s_T)):
        check_scale(name, scale)
    where = 1 if mask is None else mask
    found = (1 - s_in, s_in - where * s_sty, where * (s_sty - s_T), where * s_T)
    return tuple(weight if (weight.any() if torch.is_tensor(weight) else weight) else None for weight in found)


def combine(weights, predictions):
    """The guided prediction. ``predictions``: four in the order of ``weights``; what stands for unneeded ones is not looked at."""
    return sum(weight * prediction for weight, prediction in zip(weights, predictions) if weight is not None)


def guided_noise(predict, z_t, t, image, style, text, null, s_in=S_IN, s_sty=S_STY, s_T=S_T, mask=None):
    """Eq. 13 in one call of ``predict``, a ``StyleEditor``.

    z_t (B, 4, h, w), t (B,). image, style: encodings (B, 4, h, w). text, null: the encoded instruction and the empty one
    (B, tokens, width). mask: (B, 1, h, w) or None. Rows of predictions that are not needed are left out.
    """
    factors = weights(s_in, s_sty, s_T, mask)
    nothing = torch.zeros_like(image)
    rows = ((null, nothing, nothing), (null, image, nothing), (null, image, style), (text, image, style))
    needed = [row for row, weight in zip(rows, factors) if weight is not None]
    context, images, styles = (torch.cat(column) for column in zip(*needed))
    predicted = iter(
        predict(z_t.repeat(len(needed), 1, 1, 1), t.repeat(len(needed)), context, images, styles).chunk(len(needed))
    )
    return combine(factors, [None if weight is None else next(predicted) for weight in factors])
