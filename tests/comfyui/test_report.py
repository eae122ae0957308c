"""A report in a real Chromium: on a phone, at a desk, and on paper."""

import pytest
import torch

from interactive_action.scoring.report import Cell, File, Grid, Score, Table, write_report
from interactive_action.tools.dev.browser import Browser

METHODS = ("base", "textual_inversion", "reversion", "p_plus", "adi", "dreambooth", "interactive_action")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    rows = [
        {"method": name, **{column: Score(0.1 * place, (0.05 * place, 0.12 * place)) for column in "abcdef"}}
        for place, name in enumerate(METHODS)
    ]
    cells = [Cell(name, [torch.rand(96, 96, 3)], "boxes overlap") for name in METHODS]
    write_report(
        path,
        "A_very_long_title_without_a_space_" * 4,
        "lead",
        [Table("Scores", rows), Grid("Images", [("a panda", cells)])],
        {"Sampler": {"name": "x" * 300}},
        [File("y" * 90 + ".safetensors", b"123")],
    )
    return path.as_uri()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_screen_shows_its_images_and_enlarges_them(page, width):
    with Browser(width=width, height=800) as browser:
        browser.call("Page.navigate", url=page)
        browser.wait("location.protocol === 'file:' && document.readyState === 'complete'")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("Array.from(document.querySelectorAll('.cells img'), image => image.naturalWidth)") == [
            96
        ] * len(METHODS)
        heads = browser.evaluate("getComputedStyle(document.querySelector('thead')).display")
        assert (heads == "none") == (width == 360)  # on a phone each row is a card with names before its numbers
        browser.evaluate("document.querySelector('.cells img').click()")
        assert browser.evaluate("dialog.open && dialog.firstElementChild.naturalWidth") == 96
        browser.evaluate("dialog.click()")
        browser.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert browser.evaluate("Array.from(document.querySelectorAll('details'), details => details.open)") == [True]
