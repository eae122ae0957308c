"""The dataset, in memory and on disk."""

import json

import pytest
import torch
from PIL import Image

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError


def dataset(count=2):
    images = torch.randint(0, 256, (count, 8, 6, 3), generator=torch.Generator().manual_seed(0)).float() / 255
    return InteractionDataset(
        images, (("a frog <v*> a cup",),) * count, (("a frog and a cup", "frog and cup"),) * count
    )


def test_a_data_set_comes_back_as_it_was_saved(tmp_path):
    dataset().save(tmp_path / "frogs")
    loaded = InteractionDataset.load(tmp_path / "frogs")
    assert torch.equal(loaded.images, dataset().images)
    assert loaded.prompts == dataset().prompts
    assert loaded.prompts_and == dataset().prompts_and
    assert loaded.sha256() == dataset().sha256()


def test_the_folder_is_numbered_images_and_a_line_of_json_for_each(tmp_path):
    dataset().save(tmp_path / "frogs")
    assert sorted(path.name for path in (tmp_path / "frogs").iterdir()) == ["0000.png", "0001.png", "metadata.jsonl"]
    row = json.loads((tmp_path / "frogs" / "metadata.jsonl").read_text().splitlines()[1])
    assert row["file_name"] == "0001.png"


def test_a_folder_written_by_hand_from_photographs_loads(tmp_path):
    Image.new("RGB", (5, 4), "red").save(tmp_path / "photo.jpg")
    row = {"file_name": "photo.jpg", "prompts": ["a man <v*> a box"], "prompts_and": ["a man and a box"]}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n\n")
    assert InteractionDataset.load(tmp_path).images.shape == (1, 4, 5, 3)


def test_an_existing_folder_is_not_touched(tmp_path):
    dataset().save(tmp_path / "frogs")
    with pytest.raises(InteractiveActionError, match="already a dataset called 'frogs'"):
        dataset(3).save(tmp_path / "frogs")
    assert len(InteractionDataset.load(tmp_path / "frogs")) == 2


def test_an_empty_data_set_is_refused(tmp_path):
    (tmp_path / "metadata.jsonl").write_text("")
    with pytest.raises(InteractiveActionError, match="empty"):
        InteractionDataset.load(tmp_path)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("not json", "Line 1"),
        (json.dumps({"file_name": "0000.png"}), "prompts"),
        (json.dumps({"file_name": "missing.png", "prompts": [], "prompts_and": []}), "missing.png"),
        (
            json.dumps({"file_name": "../secret.png", "prompts": ["<v*>"], "prompts_and": ["and"]}),
            "leads out of the folder",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(row, sentence, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "0000.png")
    (tmp_path / "metadata.jsonl").write_text(row)
    with pytest.raises(InteractiveActionError, match=sentence):
        InteractionDataset.load(tmp_path)


def test_prompts_must_hold_the_placeholder_once_and_the_teachers_never():
    images = torch.zeros(1, 4, 4, 3)
    with pytest.raises(InteractiveActionError, match=r"holds <v\*> 0 times"):
        InteractionDataset(images, (("a frog lifting a cup",),), (("a frog and a cup",),))
    with pytest.raises(InteractiveActionError, match="teacher's group"):
        InteractionDataset(images, (("a frog <v*> a cup",),), (("a frog <v*> a cup",),))


def test_the_fingerprint_sees_every_pixel_and_every_word():
    base = dataset()
    pixels = base.images.clone()
    pixels[0, 0, 0, 0] = 1 - pixels[0, 0, 0, 0]
    other_words = InteractionDataset(base.images, (("a frog <v*> the cup",),) * 2, base.prompts_and)
    assert (
        len({base.sha256(), InteractionDataset(pixels, base.prompts, base.prompts_and).sha256(), other_words.sha256()})
        == 3
    )
