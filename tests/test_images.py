"""The one reader of images: what cameras, scanners and drawing programs write comes out as people see it."""

import logging
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.images import LONGEST_SIDE, read_image


def saved(image, path, **options):
    image.save(path, **options)
    return path


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    """96 wide and 64 high as stored, red above blue; orientation 6 means: turn it clockwise, red to the right."""
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:32, :, 0], stored[32:, :, 2] = 255, 255
    exif = Image.Exif()
    exif[0x0112] = 6
    image = read_image(saved(Image.fromarray(stored), tmp_path / "portrait.jpg", exif=exif, quality=95))
    assert image.size == (64, 96)
    pixels = np.asarray(image).astype(int)
    red, blue = pixels[..., 0] > 200, pixels[..., 2] > 200
    assert red[48, 60] and not blue[48, 60]
    assert blue[48, 4] and not red[48, 4]


def test_a_sixteen_bit_ramp_keeps_its_whole_range(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (4, 1))
    levels = np.asarray(read_image(saved(Image.fromarray(ramp), tmp_path / "ramp.png"), "L"))[0]
    assert (levels == np.round(ramp[0] / 257)).all()


@pytest.mark.parametrize("largest", [1.0, 255.0])
def test_a_float_image_keeps_its_whole_range(tmp_path, largest):
    ramp = np.tile(np.linspace(0, largest, 256).astype(np.float32), (4, 1))
    levels = np.asarray(read_image(saved(Image.fromarray(ramp), tmp_path / "ramp.tif"), "L"))[0]
    assert (levels == np.arange(256)).all()


def test_a_float_image_with_nan_is_refused_by_name(tmp_path):
    path = saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), tmp_path / "depth.tif")
    with pytest.raises(InteractiveActionError, match=r"depth.tif has values that are negative or no numbers"):
        read_image(path)


def test_what_is_transparent_is_paper_in_images_and_nothing_in_masks(tmp_path):
    drawing = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    drawing.putpixel((1, 0), (0, 255, 0, 0))
    path = saved(drawing, tmp_path / "drawing.png")
    assert list(read_image(path).getdata()) == [(255, 0, 0), (255, 255, 255)]
    assert read_image(path, "L").getpixel((1, 0)) == 0


def test_printers_colors_palettes_and_grays_become_red_green_and_blue(tmp_path):
    assert (
        read_image(saved(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), tmp_path / "print.jpg")).getpixel((0, 0))[0] > 200
    )
    assert read_image(saved(Image.new("P", (2, 2)), tmp_path / "palette.png")).mode == "RGB"
    assert read_image(saved(Image.new("L", (2, 2), 7), tmp_path / "gray.png")).getpixel((0, 0)) == (7, 7, 7)


def test_of_an_animation_the_first_frame_is_read_and_that_is_said(tmp_path, caplog):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    path = saved(frames[0], tmp_path / "dance.gif", save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.WARNING):
        assert read_image(path).getpixel((0, 0)) == (255, 0, 0)
    assert "'dance.gif' is an animation of 2 frames; the first is used." in caplog.text


def bomb(path, side):
    """A PNG of ``side`` x ``side`` pixels of one bit, in a few kilobytes."""
    row = b"\0" + bytes(-(-side // 8))
    packer = zlib.compressobj(9)
    data = b"".join([packer.compress(row) for _ in range(side)] + [packer.flush()])

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [LONGEST_SIDE + 1, 30000])
def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_unpacked(tmp_path, side):
    import resource

    path = bomb(tmp_path / "bomb.png", side)
    assert path.stat().st_size < 250_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InteractiveActionError, match=rf"bomb.png .*{LONGEST_SIDE} a side are the limit"):
        read_image(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_image_is_refused_by_name(tmp_path, data):
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(InteractiveActionError, match=r"broken.png could not be read as an image"):
        read_image(path)


def test_an_image_that_is_not_there_is_named_with_its_folder(tmp_path):
    with pytest.raises(InteractiveActionError, match=rf"There is no image 'a.png' in the folder '{tmp_path.name}'"):
        read_image(tmp_path / "a.png")
