"""A folder of images, some of another size, some broken, judged by the embedded models."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature import judges
from interactive_action.miniature.factory.everyday_render import render
from interactive_action.miniature.factory.everyday_world import sample_scene
from interactive_action.miniature.factory.judge_images import CHECK_SEED
from interactive_action.scoring import image_folder
from interactive_action.scoring.image_folder import load_image, read_metadata, score_folder

WORDS = ("panda", "strawberry", "a panda picking up a strawberry")


@pytest.fixture(scope="module")
def models():
    return judges.load_detector(), judges.load_clip_scorer()


@pytest.fixture
def folder(tmp_path):
    for name, relation in (("a", "lift"), ("c", "and"), ("d", "lift")):
        shot = render(sample_scene(CHECK_SEED + 77, "panda", "strawberry", relation, held_out=True)).image
        Image.fromarray(shot).save(tmp_path / f"{name}.png")
    image = Image.open(tmp_path / "d.png")
    image.resize((image.width * 2, image.height * 2)).save(tmp_path / "d.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_a_broken_image_loses_no_other_and_sizes_may_differ(folder, models):
    seen = []
    rows, names, broken = score_folder(folder, *WORDS, *models, progress=lambda *done: seen.append(done))
    assert names == ["a.png", "c.png", "d.png"]
    assert [row.passed for row in rows] == [True, False, True]
    assert list(broken) == ["b.png"] and broken["b.png"].startswith("b.png could not be read as an image")
    assert seen[-1] == (3, 4)


def test_the_result_does_not_depend_on_the_batch(folder, models):
    by_one, by_many = (score_folder(folder, *WORDS, *models, batch_size=size)[0] for size in (1, 16))
    assert [row.iou for row in by_one] == pytest.approx([row.iou for row in by_many], abs=1e-4)
    assert [row.cosine for row in by_one] == pytest.approx([row.cosine for row in by_many], abs=1e-5)


def test_single_images_may_show_something_else(folder, models):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "c.png", "object": "lemon"}))
    rows, _, _ = score_folder(folder, "panda", "strawberry", "a panda <v> a strawberry", *models, phrase="lifting")
    assert [row.object for row in rows] == ["strawberry", "lemon", "strawberry"]
    assert rows[0].text == "a panda lifting a strawberry"
    (folder / "metadata.jsonl").write_text("{}")
    with pytest.raises(InteractiveActionError, match="Line 1 of .*metadata.jsonl has no .file_name."):
        score_folder(folder, *WORDS, *models)


def test_an_image_that_is_only_named_is_said_so(folder, models):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "e.png", "object": "lemon"}))
    _, names, broken = score_folder(folder, *WORDS, *models)
    assert names == ["a.png", "c.png", "d.png"]
    assert set(broken) == {"b.png", "e.png"} and "no such image" in broken["e.png"]


def test_empty_and_unreadable_folders_are_sentences(tmp_path, models):
    with pytest.raises(InteractiveActionError, match="There is no image"):
        score_folder(tmp_path, *WORDS, *models)
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(InteractiveActionError, match="None of the 1 images"):
        score_folder(tmp_path, *WORDS, *models)


def test_a_line_of_the_metadata_that_says_something_else_than_words_is_named(folder, models):
    good = json.dumps({"file_name": "a.png", "subject": "panda"})
    for row, sentence in (
        ({"file_name": "c.png", "subject": 5}, "Line 3 of .*metadata.jsonl has subject = '5'"),
        ({"file_name": "c.png", "subject": None}, "Line 3 of .*metadata.jsonl has subject = 'None'"),
        ({"file_name": "c.png", "text": ["a panda"]}, "Line 3 of .*metadata.jsonl has text = "),
        ({"file_name": "c.png", "object": " "}, "Line 3 of .*metadata.jsonl has object = ' '"),
        ({"file_name": 7}, "Line 3 of .*metadata.jsonl has no .file_name."),
        ({"file_name": ["c.png"]}, "Line 3 of .*metadata.jsonl has no .file_name."),
        (["c.png"], "Line 3 of metadata.jsonl must be one JSON object"),
    ):
        (folder / "metadata.jsonl").write_text(f"{good}\n\n{json.dumps(row)}\n")
        with pytest.raises(InteractiveActionError, match=sentence):
            score_folder(folder, *WORDS, *models)
    (folder / "metadata.jsonl").write_text("[" * 100_000)
    with pytest.raises(InteractiveActionError, match="Line 1 of metadata.jsonl is not JSON"):
        score_folder(folder, *WORDS, *models)
    (folder / "metadata.jsonl").write_bytes(
        json.dumps({"file_name": "W\xfcrfel.png"}, ensure_ascii=False).encode("latin-1")
    )
    with pytest.raises(InteractiveActionError, match="metadata.jsonl is not written in UTF-8"):
        score_folder(folder, *WORDS, *models)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_metadata_of_other_programs_are_read_with_blank_lines_and_rare_line_separators(folder, encoding):
    rows = [{"file_name": "a.png", "text": "a panda\u2028lifts"}, {"file_name": "c.png", "object": "lemon"}]
    text = "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "metadata.jsonl").write_bytes(text.encode(encoding))
    assert read_metadata(folder) == {"a.png": {"text": "a panda\u2028lifts"}, "c.png": {"object": "lemon"}}


class FirstPixel:
    """A judge of texts that notes which images come, and how many at once."""

    name = "first pixel"

    def __init__(self):
        self.batches = []

    def cosine(self, images, texts):
        self.batches.append(len(images))
        return images[:, 0, 0, 0]


class Nothing:
    name, threshold = "nothing", 0.5

    def detect(self, images, labels):
        return [[] for _ in images]


def test_images_come_as_people_see_them(tmp_path):
    turned = Image.new("RGB", (6, 4), "black")
    turned.paste("white", (0, 2, 6, 4))  # once it is turned a quarter to the right, white stands at the left
    exif = Image.Exif()
    exif[274] = 6
    turned.save(tmp_path / "a.png", exif=exif)
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(tmp_path / "b.png")
    Image.new("CMYK", (4, 4), (0, 0, 0, 255)).save(tmp_path / "c.jpg")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "d.png")
    rows, names, broken = score_folder(tmp_path, *WORDS, Nothing(), FirstPixel())
    cosines = {name: row.cosine for name, row in zip(names, rows)}
    assert cosines == {
        "a.png": 1,
        "b.png": pytest.approx(0.5, abs=0.01),
        "c.jpg": pytest.approx(0, abs=0.02),
        "d.png": 1,
    }
    assert not broken and load_image(tmp_path / "a.png").shape == (6, 4, 3)


def bomb(path, side):
    """A PNG of side x side black pixels in one bit each, which is small on disk."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


@pytest.mark.parametrize("side", [13_000, 30_000])
def test_a_small_file_of_a_huge_image_is_named_and_left_out(tmp_path, side):
    Image.new("RGB", (4, 4), "white").save(tmp_path / "a.png")
    bomb(tmp_path / "b.png", side)
    _, names, broken = score_folder(tmp_path, *WORDS, Nothing(), FirstPixel())
    assert names == ["a.png"] and list(broken) == ["b.png"]
    assert "8192 a side are the limit" in broken["b.png"]


def test_images_of_many_sizes_do_not_wait_for_others_without_end(tmp_path, monkeypatch):
    for number in range(6):
        Image.new("RGB", (10 + number % 3, 10), "white").save(tmp_path / f"{number}.png")
    monkeypatch.setattr(image_folder, "MOST_PIXELS", 250)
    judge = FirstPixel()
    rows, names, _ = score_folder(tmp_path, *WORDS, Nothing(), judge)
    assert names == [f"{number}.png" for number in range(6)] and len(rows) == 6
    # 100 + 110 pixels may wait, and the third image makes 330: all three are judged, one by one as their sizes differ
    assert judge.batches == [1] * 6
    monkeypatch.undo()
    judge = FirstPixel()
    score_folder(tmp_path, *WORDS, Nothing(), judge)
    assert judge.batches == [2, 2, 2]
