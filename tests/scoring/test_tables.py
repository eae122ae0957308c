"""Rows for other programs, and a plot."""

import csv
import io
import json

from PIL import Image

from interactive_action.scoring.iascore import ImageScore
from interactive_action.scoring.tables import csv_text, jsonl_text, save

BOX = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "label": "panda", "score": 0.5}
ROWS = [
    ImageScore("panda", "lemon", 'a "panda", a lemon', BOX, BOX, 1.0, 0.25),
    ImageScore("panda", "lemon", "a panda", BOX, None, 0.0, 0.5),
]


def test_the_table_has_one_line_an_image_and_empty_fields_where_nothing_was_found():
    first, second = csv.DictReader(io.StringIO(csv_text(ROWS, ["a.png", "b.png"])))
    assert (first["image"], first["text"], first["passed"], first["iou"]) == ("a.png", ROWS[0].text, "True", "1.0")
    assert [second[f"subject_box_{part}"] for part in ("x", "y", "width", "height", "score")] == [
        "1.0",
        "2.0",
        "3.0",
        "4.0",
        "0.5",
    ]
    assert second["object_box_x"] == ""


def test_each_line_is_an_object_with_the_boxes():
    first, second = map(json.loads, jsonl_text(ROWS, [0, 1]).splitlines())
    assert first["subject_box"] == BOX
    assert (second["image"], second["passed"], second["object_box"]) == (1, False, None)


def test_saving_writes_both_and_a_plot_even_if_nothing_passed(tmp_path):
    for rows in (ROWS, ROWS[1:]):
        paths = save(rows, range(len(rows)), tmp_path / "scores" / "v1.5")
        assert [path.name for path in paths] == ["v1.5.csv", "v1.5.jsonl", "v1.5.png"]
        assert Image.open(paths[2]).size == (1000, 400)
    assert len(list((tmp_path / "scores").iterdir())) == 3


def test_a_name_that_is_not_utf_8_is_written_as_its_code(tmp_path):
    csv_path, jsonl_path, _ = save(ROWS, ["W\udcfcrfel.png", "b.png"], tmp_path / "scores")
    assert "W\\udcfcrfel.png" in csv_path.read_text(encoding="utf-8")
    assert json.loads(jsonl_path.read_text().splitlines()[0])["image"] == "W\udcfcrfel.png"
