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
            r"names the image '../secret.png'. It must be the name of a file in the folder",
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


def write_by_hand(folder, images, **row):
    """A folder with PIL images and one line of metadata for each."""
    lines = []
    for number, image in enumerate(images):
        image.save(folder / f"{number}.png")
        prompts = {"prompts": ["a man <v*> a box"], "prompts_and": ["a man and a box"]}
        lines.append(json.dumps({"file_name": f"{number}.png", **prompts, **row}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def test_photographs_larger_than_the_model_are_fitted_to_it_and_that_is_said(tmp_path):
    said = []
    folder = write_by_hand(tmp_path, [Image.new("RGB", (2048, 1536), "red")] * 2)
    loaded = InteractionDataset.load(folder, 512, said.append)
    assert loaded.images.shape == (2, 448, 576, 3), "4 : 3 in no more pixels than 512 x 512, in steps of 64"
    assert said == ["Images of 2048 x 1536 were fitted to 576 x 448, for a model of 512 x 512 pixels."]


def test_images_of_the_models_size_and_smaller_ones_stay_as_they_are(tmp_path):
    said = []
    folder = write_by_hand(tmp_path, [Image.new("RGB", (512, 512), "red")])
    assert InteractionDataset.load(folder, 512, said.append).images.shape == (1, 512, 512, 3)
    assert said == []


def test_a_turned_photograph_and_its_mask_are_turned_once(tmp_path):
    """The mask was drawn on the photograph as people see it, so it has no orientation of its own."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64)).save(tmp_path / "portrait.jpg", exif=exif)
    Image.new("L", (64, 96), 255).save(tmp_path / "mask.png")
    row = {"file_name": "portrait.jpg", "mask": "mask.png", "prompts": ["<v*>"], "prompts_and": ["and"]}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    loaded = InteractionDataset.load(tmp_path)
    assert loaded.images.shape == (1, 96, 64, 3)
    assert loaded.masks.shape == (1, 96, 64)


def test_captions_with_the_line_ends_of_web_pages_come_back(tmp_path):
    captions = (("a robot\u2028arm <v*> a\u0085cup\u2029",),)
    data = InteractionDataset(torch.zeros(1, 4, 4, 3), captions, (("a robot\u2028arm and a cup",),))
    data.save(tmp_path / "web")
    assert InteractionDataset.load(tmp_path / "web").prompts == captions


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompts": [1]}, r"Line 1 .* has prompts = \[1\]. It must be a list of texts"),
        ({"prompts": "text"}, "has prompts = 'text'"),
        ({"prompts_and": [None]}, "has prompts_and"),
        ({"file_name": 5}, "names the image 5"),
        ({"file_name": "a\0b"}, "cannot be the name of a file"),
    ],
)
def test_metadata_of_the_wrong_kind_is_answered_with_the_line(tmp_path, row, sentence):
    folder = write_by_hand(tmp_path, [Image.new("RGB", (4, 4))], **row)
    with pytest.raises(InteractiveActionError, match=sentence):
        InteractionDataset.load(folder)
