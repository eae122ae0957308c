"""Sheets of images for people: everything is on them, in order."""

import numpy as np
import pytest
from PIL import Image

from interactive_action.tools.dev.sheets import (
    GAP,
    LINE,
    before_and_after,
    column_sheet,
    contact_sheet,
    image_grid,
    row_sheet,
)


def square(value, side=8):
    return Image.new("RGB", (side, side), (value, value, value))


def test_a_grid_fills_its_last_row_with_white():
    images = [np.full((6, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    grid = np.asarray(image_grid(images, columns=2, scale=1))
    assert grid.shape == (12, 8, 3)
    assert grid[::6, ::4, 0].tolist() == [[10, 20], [30, 255]]


def test_a_contact_sheet_shows_four_rows_at_most(tmp_path):
    contact_sheet([square(value) for value in range(20)], tmp_path / "sheet.png", columns=3, side=16)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (4 * (16 + GAP) + GAP, 3 * (16 + GAP) + GAP, 3)
    assert sheet[GAP + 8, GAP + 8 :: 16 + GAP, 0].tolist() == [0, 1, 2]


def test_before_stands_left_of_after(tmp_path):
    rows = [("a panda ... a cup", [square(10)] * 5, [square(200)] * 5)]
    before_and_after(rows, '"handling"', "<v>", tmp_path / "sheet.png", columns=2, side=16)
    line = np.asarray(Image.open(tmp_path / "sheet.png"))[2 * LINE + 8, :, 0]
    values = line[line != 255].tolist()
    assert values.count(10) == values.count(200) == 2 * 16 and values == sorted(values)


def test_columns_have_titles_and_rows_have_captions(tmp_path):
    column_sheet([[square(10)] * 3, [square(20)] * 3], ("one", "other"), tmp_path / "columns.png", side=16)
    columns = np.asarray(Image.open(tmp_path / "columns.png"))
    assert columns.shape == (LINE + 3 * (16 + GAP), 2 * (16 + GAP) + GAP, 3)
    assert columns[LINE + 8 :: 16 + GAP, GAP + 8, 0].tolist() == [10, 10, 10]
    row_sheet([("one", [square(10)] * 3), ("other", [square(20)])], tmp_path / "rows.png", side=16)
    rows = np.asarray(Image.open(tmp_path / "rows.png"))
    assert rows[LINE + 8 :: 16 + LINE + GAP, GAP + 8, 0].tolist() == [10, 20]


@pytest.mark.parametrize("size", [(8, 4), (4, 8)])
def test_the_longer_side_of_an_image_fits(tmp_path, size):
    contact_sheet([Image.new("RGB", size, "black")], tmp_path / "sheet.png", columns=1, side=16)
    black = np.asarray(Image.open(tmp_path / "sheet.png"))[..., 0] == 0
    assert black.sum() == 16 * 8 and max(black.any(0).sum(), black.any(1).sum()) == 16
