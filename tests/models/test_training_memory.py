"""The memory of a training, counted: hand-worked, and what is kept of a block against real blocks of both families."""

import dataclasses

import pytest
import torch

from interactive_action.models.comfy_engine import engine_for
from interactive_action.models.training_memory import GIGABYTE, SHAPES, Shape, training_memory
from interactive_action.tests.models.tiny_transformers import shared

SMALL = Shape(100, 50, 40, 4, width=10, blocks=3, text_tokens=2, kept=5)


def test_it_is_weights_rows_between_blocks_and_one_block_again():
    """6 tokens of 10 numbers of two bytes are 120 bytes: (100 + 50) 2 + 3 * 120 + 5 * 120 + 4 * 10."""
    assert training_memory(SMALL, 32) == 300 + 360 + 600 + 40
    assert training_memory(SMALL, 32, weight_bytes=1) == 150 + 360 + 600 + 40
    assert training_memory(SMALL, 32, checkpointing=False) == 300 + 360 + 3 * 600 + 160
    assert training_memory(dataclasses.replace(SMALL, text_tokens=5), 32) == 300 + 1.5 * 960 + 40


def test_what_the_help_page_says_of_512_and_1024_pixels():
    said = {
        ("z-image", 512): 21,
        ("z-image", 1024): 22,
        ("flux1", 512): 35,
        ("flux1", 1024): 36,
    }
    for (family, side), gigabytes in said.items():
        assert round(training_memory(SHAPES[family], side) / GIGABYTE) == gigabytes


@pytest.mark.parametrize(("family", "width", "blocks"), [("z-image", 256, 2), ("flux1", 128, 2)])
def test_a_block_keeps_as_much_per_token_as_is_counted(family, width, blocks):
    """Of the tiny family's blocks that see the image, by how much more a larger image keeps."""
    with engine_for(*shared(family)) as engine:
        with torch.no_grad():
            context = engine.encode_prompts(["a frog and a red cup"])
        context.rows[0]["cond"] = context.rows[0]["cond"].clone().requires_grad_()
        kept = [_bytes_kept(engine, context, side) for side in (16, 32)]
    tokens = (32**2 - 16**2) / 4
    per_token = (kept[1] - kept[0]) / 4 / tokens
    assert per_token / (width * blocks) == pytest.approx(SHAPES[family].kept, rel=0.05)


def _bytes_kept(engine, context, side):
    """What autograd keeps for the backward pass, each storage once."""
    storages = {}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    z_t = torch.randn(1, 16, side, side, generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        prediction = engine.predict_noise(z_t, torch.tensor([500]), context)
    assert prediction.requires_grad
    return sum(storages.values())
