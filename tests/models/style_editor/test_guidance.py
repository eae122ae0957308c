"""Eq. 13 of paper 004 in one call, against the equation written out with a call for each prediction."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.style_editor.guidance import check_mask, fit_mask, guided_noise, prediction_weights


class Editor:
    """A small nonlinear stand-in for the U-Net.

    Arithmetic of three conditions in microseconds. It counts the rows it is asked for.
    """

    def __init__(self):
        self.mix = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.rows = []

    def __call__(self, z_t, t, context, image, style):
        self.rows.append(len(z_t))
        mixed = (torch.einsum("oc,bchw->bohw", weight, x) for weight, x in zip(self.mix, (z_t, image, style)))
        return torch.tanh(sum(mixed) + context.mean((1, 2)).view(-1, 1, 1, 1)) * t.view(-1, 1, 1, 1)


def drawn():
    """z_t, t, image, style, text, null of two images."""
    draw = torch.Generator().manual_seed(1)
    z_t, image, style = torch.randn(3, 2, 4, 5, 6, generator=draw, dtype=torch.float64)
    text, null = torch.randn(2, 2, 7, 8, generator=draw, dtype=torch.float64)
    return z_t, torch.tensor([3, 8]), image, style, text, null


def slow(editor, z_t, t, image, style, text, null, s_in, s_sty, s_T, mask=1):
    """Eq. 13 as it is printed; inside of a mask."""
    nothing = torch.zeros_like(image)
    none = editor(z_t, t, null, nothing, nothing)
    with_image = editor(z_t, t, null, image, nothing)
    with_style = editor(z_t, t, null, image, style)
    with_text = editor(z_t, t, text, image, style)
    return (
        none + s_in * (with_image - none) + mask * (s_sty * (with_style - with_image) + s_T * (with_text - with_style))
    )


@pytest.mark.parametrize(
    ("s_in", "s_sty", "s_T", "needed"),
    [
        (1.5, 3, 7.5, 4),  # the paper's
        (1, 3, 7.5, 3),  # without the unconditional prediction
        (3, 3, 7.5, 3),  # without the image's
        (1.5, 7.5, 7.5, 3),  # without the style's
        (1.5, 3, 0, 3),  # without the text's
        (1, 1, 7.5, 2),
        (1, 1, 1, 1),  # the full condition alone
        (1.5, 0, 0, 2),  # the image alone
        (0, 0, 0, 1),  # nothing: the unconditional prediction
    ],
)
def test_one_call_gives_what_four_give_and_computes_no_row_of_weight_zero(s_in, s_sty, s_T, needed):
    editor, slow_editor = Editor(), Editor()
    expected = slow(slow_editor, *drawn(), s_in, s_sty, s_T)
    assert torch.allclose(guided_noise(editor, *drawn(), s_in, s_sty, s_T), expected)
    assert editor.rows == [2 * needed]
    assert slow_editor.rows == [2] * 4


@pytest.mark.parametrize(
    ("s_in", "s_sty", "s_T", "needed"), [(1.5, 3, 7.5, 4), (3, 3, 7.5, 4), (1, 3, 3, 2), (2, 0, 0, 2)]
)
def test_a_mask_limits_style_and_text_to_a_region(s_in, s_sty, s_T, needed):
    mask = torch.zeros(2, 1, 5, 6, dtype=torch.float64)
    mask[0, :, :3, :2], mask[1, :, 2:, 4] = 1, 0.5
    editor = Editor()
    found = guided_noise(editor, *drawn(), s_in, s_sty, s_T, mask)
    assert torch.allclose(found, slow(Editor(), *drawn(), s_in, s_sty, s_T, mask))
    assert editor.rows == [2 * needed]
    outside = (mask == 0).expand_as(found)
    assert torch.allclose(found[outside], slow(Editor(), *drawn(), s_in, 0, 0)[outside])


def test_the_weights_add_up_to_one_with_a_mask_or_without():
    assert sum(prediction_weights(1.5, 3, 7.5)) == 1
    mask = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(sum(prediction_weights(1.5, 3, 7.5, mask)), torch.ones(1, 1, 4, 4))
    assert prediction_weights() == (-0.5, -1.5, -4.5, 7.5)


@pytest.mark.parametrize(
    ("scales", "sentence"),
    [
        ({"s_in": -1}, "s_in is -1: a negative scale"),
        ({"s_sty": float("nan")}, "s_sty is nan, which is not a number"),
        ({"s_T": float("inf")}, "s_T is inf, which is not a number"),
    ],
)
def test_a_scale_that_means_nothing_is_told(scales, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        prediction_weights(**scales)


def test_an_empty_mask_is_told():
    with pytest.raises(InteractiveActionError, match="The mask is empty"):
        check_mask(torch.zeros(1, 8, 8))
    with pytest.raises(InteractiveActionError, match="Mask 2 of 3 is empty"):
        check_mask(torch.stack([torch.ones(8, 8), torch.zeros(8, 8), torch.ones(8, 8)]))
    with pytest.raises(InteractiveActionError, match="not numbers"):
        check_mask(torch.full((1, 8, 8), float("nan")))


def test_masks_are_fitted_to_latents_and_begin_again_where_there_are_fewer():
    left, all = torch.zeros(16, 24), torch.ones(16, 24)
    left[:, :12] = 1
    fitted = fit_mask(torch.stack([left, all]), 3, 2, 4)
    assert fitted.shape == (3, 1, 2, 4)
    assert fitted[0, 0, :, 0].min() > 0.999
    assert fitted[0, 0, :, 3].max() < 0.001
    assert torch.equal(fitted[2], fitted[0])
    assert fitted[1].min() > 0.999
