"""Does the edited region look like the style image, and is the rest as it was (paper 004, Eq. 9)?

    L_sem = D(m_in I_gen, m_sty I_sty, f) + lambda mean((1 - m_in) (I_in - I_gen)^2)

D is the cosine distance of two embeddings f of masked images. As printed, the first term has I_in in the place of I_gen
and would be the same for every edit; the text says "patches in the generated image", which is followed here. The squared
norm is a mean over all pixels and channels of the image. Lower is better.
"""

import torch

from ..errors import InteractiveActionError

LAMBDA = 0.5


def semantic_scores(generated, original, style, encoder, mask=None, style_mask=None, lambda_=LAMBDA):
    """Eq. 9 for each image, float (B,).

    generated, original: (B, H, W, 3) in 0..1; style: (B, h, w, 3). mask (B, H, W) and style_mask (B, h, w): 0 or 1, None
    for the full frame. encoder: see ``encoders.Encoder``.
    """
    region = 1 - (encoder.see(_within(generated, mask)) * encoder.see(_within(style, style_mask))).sum(-1)
    return region + lambda_ * changed_outside(generated, original, mask)


def changed_outside(generated, original, mask=None):
    """The second term of Eq. 9 without its lambda, (B,); 0 for the full frame."""
    if mask is None:
        return torch.zeros(len(generated))
    return ((1 - mask)[..., None] * (original - generated).square()).mean((1, 2, 3))


def checked_mask(mask, images, what):
    """A mask (M, H, W) as 0 and 1 for images (B, H, W, 3); one serves all. Raises on another size, none inside, NaN."""
    if mask.shape[1:] != images.shape[1:3]:
        raise InteractiveActionError(
            f"The {what} is {mask.shape[2]} x {mask.shape[1]} and the image {images.shape[2]} x {images.shape[1]}. Make the mask "
            "of this image, or scale it to the same size."
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


def _within(images, mask):
    return images if mask is None else images * mask[..., None]
