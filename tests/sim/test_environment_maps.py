"""Rooms mirror small surroundings of their own, which cost nothing once they are there."""

from itertools import pairwise

import numpy as np

from interactive_action.sim.environment_maps import HEIGHT, KINDS, MEAN, _hdr, draw
from interactive_action.sim.interiors import ROOMS
from interactive_action.sim.scene import Scene
from interactive_action.sim.world import World


def test_all_surroundings_are_small_differ_and_are_equally_bright():
    drawn = [draw(number) for number in range(KINDS)]
    for first, second in pairwise(drawn):
        assert first.shape == (HEIGHT, 2 * HEIGHT, 3) and np.abs(first - second).mean() > 0.02
        assert np.isclose(first.mean(), MEAN) and first.max() > 4 * MEAN  # windows and lamps


def test_a_radiance_image_says_what_was_drawn():
    radiance = draw(3)
    pixels = (
        np.frombuffer(_hdr(radiance).partition(b"+X 64\n")[2], np.uint8).reshape(HEIGHT, 2 * HEIGHT, 4).astype(float)
    )
    read = pixels[..., :3] * 2 ** (pixels[..., 3:] - 136)
    assert np.allclose(read, radiance, atol=radiance.max(-1, keepdims=True) / 100)


def test_every_furnished_room_draws_its_surroundings_by_the_seed_and_the_plain_one_has_none():
    for name, room in ROOMS.items():
        maps = {World(Scene(room=name), np.random.default_rng(seed)).environment_map for seed in range(6)}
        assert maps == {None} if not room.furnish else len(maps) > 1
