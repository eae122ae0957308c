"""Small environment maps, made here: what shiny things mirror, and the light that comes from windows and walls."""

from __future__ import annotations

import functools
import pathlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sapien.render

KINDS = 8
HEIGHT = 32  # pixels; a map is twice as wide
MEAN = 0.12  # radiance; the lamps of a room do the rest


def draw(number: int) -> np.ndarray:
    """One of ``KINDS`` rooms as seen from its middle.

    Linear radiance (HEIGHT, 2 HEIGHT, 3), by longitude and latitude, up is the first row.
    """
    rng = np.random.default_rng(number)
    down, around = np.mgrid[:HEIGHT, : 2 * HEIGHT] / HEIGHT
    tint = np.array([1.0, 0.97, 0.92]) if number % 2 else np.array([0.92, 0.97, 1.05])
    tones = rng.uniform([0.5, 0.3, 0.1], [0.8, 0.6, 0.3])  # of ceiling, walls and floor
    radiance = np.interp(down, [0.3, 0.4, 0.55, 0.65], [tones[0], tones[1], tones[1], tones[2]])[..., None] * tint
    for _ in range(rng.integers(1, 4)):  # windows
        wide, at = rng.uniform(0.1, 0.3), rng.uniform(0, 2)
        window = (np.abs((around - at + 1) % 2 - 1) < wide) & (down > 0.28) & (down < rng.uniform(0.45, 0.55))
        radiance[window] = rng.uniform(3, 7) * np.array([0.9, 1.0, 1.1])
    lamp = (np.abs((around - rng.uniform(0, 2) + 1) % 2 - 1) < 0.15) & (down < rng.uniform(0.15, 0.25))
    radiance[lamp] = rng.uniform(3, 8) * np.array([1.1, 1.0, 0.8])
    return radiance * (MEAN / radiance.mean())


@functools.cache
def cubemap(number: int) -> sapien.render.RenderCubemap:
    """The map as SAPIEN takes it, kept for all scenes to come: it is read from a file when it is first drawn."""
    import sapien
    import sapien.render

    from .rendering import add_camera, render_camera

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "surroundings.hdr")
        path.write_bytes(_hdr(draw(number)))
        cubemap = sapien.render.RenderCubemap(str(path))
        scene = sapien.Scene()
        scene.set_environment_map(cubemap)
        render_camera(scene, add_camera(scene, 8, 8, 1))
    return cubemap


def _hdr(radiance: np.ndarray) -> bytes:
    """A Radiance image: three mantissas and an exponent (RGBE, Ward 1991) a pixel."""
    height, width, _ = radiance.shape
    mantissa, exponent = np.frexp(radiance.max(-1))
    colors = radiance * (256 * mantissa / radiance.max(-1))[..., None]
    pixels = np.concatenate([colors.clip(0, 255), (exponent + 128)[..., None]], -1).astype(np.uint8)
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width) + pixels.tobytes()
