"""Style images of another size, and as many of them as there may be."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.style_editor.images import checked_images, fit_style, pair_batches


def test_a_style_image_of_another_size_is_cut_and_resized_without_being_stretched():
    wide = torch.zeros(1, 32, 96, 3)
    wide[:, :, 32:64] = 1  # its middle third is all that has the image's shape
    fitted = fit_style(wide, 16, 16)
    assert fitted.shape == (1, 16, 16, 3)
    assert fitted[:, :, 1:-1].min() > 0.99
    tall = fit_style(torch.rand(2, 300, 40, 3, generator=torch.Generator().manual_seed(0)), 8, 24)
    assert tall.shape == (2, 8, 24, 3)
    assert 0 <= tall.min() <= tall.max() <= 1


def test_one_of_the_right_size_stays_as_it_is():
    style = torch.rand(2, 24, 16, 3)
    assert torch.equal(fit_style(style, 24, 16), style)


def test_images_and_styles_are_paired():
    images, styles = torch.arange(5).view(5, 1, 1, 1), torch.arange(2).view(2, 1, 1, 1)
    assert [len(batch) for batch in pair_batches(images, styles[:1])] == [5, 5]
    one, five = pair_batches(images[:1], images)
    assert (one.flatten().tolist(), five.flatten().tolist()) == ([0] * 5, [0, 1, 2, 3, 4])
    assert pair_batches(images[:4], styles)[1].flatten().tolist() == [0, 1, 0, 1]
    with pytest.raises(InteractiveActionError, match="5 images and 2 style images"):
        pair_batches(images, styles)


def test_a_image_that_is_none_is_told():
    with pytest.raises(InteractiveActionError, match="style image holds values that are not numbers"):
        checked_images(torch.full((1, 16, 16, 3), float("nan")), "style image")
    with pytest.raises(InteractiveActionError, match="4 x 16 pixels"):
        checked_images(torch.zeros(1, 16, 4, 3), "image")
    assert checked_images(torch.zeros(1, 16, 16, 4), "image").shape[-1] == 3
