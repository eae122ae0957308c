"""Buckets for images of several sizes."""

import json

import pytest
import torch
from PIL import Image

from interactive_action.captions.buckets import bucket_sizes, fit
from interactive_action.captions.dataset import InteractionDataset
from interactive_action.errors import InteractiveActionError


@pytest.mark.parametrize("resolution", [96, 512, 768, 1024])
def test_no_bucket_has_more_pixels_than_the_models_square_and_all_have_whole_latents(resolution):
    sizes = bucket_sizes(resolution)
    assert (resolution, resolution) in sizes
    for width, height in sizes:
        assert width * height <= resolution**2
        assert width % 8 == height % 8 == 0
        assert resolution / 2 <= width <= 2 * resolution


def test_a_photograph_goes_into_the_bucket_of_its_aspect_ratio():
    assert fit(Image.new("RGB", (3000, 2000)), 512).size == (640, 384)  # 1.67 is nearer 1.5 than 576 x 448, 1.29
    assert fit(Image.new("RGB", (400, 400)), 512).size == (512, 512)
    assert fit(Image.new("RGB", (1080, 1920)), 512).size == (384, 640)


def test_what_is_cropped_is_cropped_on_both_sides_alike():
    image = Image.new("L", (90, 30), 0)
    image.paste(255, (30, 0, 60, 30))
    fitted = fit(image, 96)
    row = torch.tensor([fitted.getpixel((x, fitted.height // 2)) for x in range(fitted.width)])
    assert torch.equal(row, row.flip(0))


def test_images_of_several_sizes_load_with_their_masks_and_come_back_from_disk(tmp_path):
    for number, size in enumerate([(120, 80), (80, 120), (121, 80)]):
        Image.new("RGB", size, "red").save(tmp_path / f"{number}.png")
        Image.new("L", size, 255).save(tmp_path / f"{number}-mask.png")
    rows = [
        {"file_name": f"{n}.png", "mask": f"{n}-mask.png", "prompts": ["a <v*> b"], "prompts_and": ["a and b"]}
        for n in range(3)
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    loaded = InteractionDataset.load(tmp_path, resolution=96)
    assert [tuple(image.shape) for image in loaded.images] == [(80, 112, 3), (112, 80, 3), (80, 112, 3)]
    assert [mask.shape for mask in loaded.masks] == [image.shape[:2] for image in loaded.images]
    assert loaded.batch().shape == (3, *loaded.images[0].shape)
    loaded.save(tmp_path / "again")
    assert InteractionDataset.load(tmp_path / "again", resolution=96).sha256() == loaded.sha256()


def test_masks_of_some_images_alone_are_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    rows = [{"file_name": "0.png", "prompts": ["a <v*> b"], "prompts_and": ["a and b"]}] * 2
    rows[0] = {**rows[0], "mask": "0.png"}
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InteractiveActionError, match="masks for some images alone"):
        InteractionDataset.load(tmp_path)


def test_a_resolution_that_no_model_has_is_refused():
    with pytest.raises(InteractiveActionError, match="512 for SD 1.5"):
        bucket_sizes(1)
