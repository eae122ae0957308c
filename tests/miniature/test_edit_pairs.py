"""How the embedded editor's learning material is made."""

import numpy as np
import pytest
import torch

from interactive_action.miniature.factory import base_model as base
from interactive_action.miniature.factory import edit_pairs as edits_data
from interactive_action.miniature.factory import train_style_editor as edits_train


@pytest.fixture(scope="module")
def pairs():
    """Two lights and three materials of six scenes with two views each, latents numbered by their row."""
    looks = [("wood", "day"), ("wood", "night"), ("red", "day"), ("brick", "day")]
    facts = [
        dict(view=view, scene=view // 2, thing="cabinet", material=m, light=light)
        for view in range(12)
        for m, light in looks
    ]
    latents = torch.arange(len(facts)).view(-1, 1, 1, 1).expand(-1, 4, 12, 12).half()
    return edits_train.Pairs(latents, np.zeros((12, 96, 96), bool), facts, lambda scene: scene != 3)


def test_a_pair_shows_one_view_in_two_looks_and_its_style_image_another_scene(pairs):
    rng = np.random.default_rng(0)
    for _ in range(200):
        image, edit, style, told, everywhere = pairs.draw(rng)
        given, wanted, like = (pairs.facts[row] for row in (image, edit, style))
        assert given["view"] == wanted["view"] and like["scene"] != wanted["scene"]
        assert (given["material"] == wanted["material"]) != (given["light"] == wanted["light"])
        assert like["light"] == wanted["light"] if everywhere else like["material"] == wanted["material"]
        assert told.endswith(("like this", wanted["light" if everywhere else "material"]))
        assert 3 not in (given["scene"], like["scene"])


def test_every_word_of_an_instruction_is_known():
    row_of = {number: row for row, number in enumerate(edits_train.words(), 1)}
    rng = np.random.default_rng(0)
    looks = [*((material, None) for material in edits_data.MATERIALS), *((None, light) for light in edits_data.LIGHTS)]
    for _, thing in edits_data.SCENES:
        for look in looks:
            assert 0 not in base.token_rows(edits_train.instruction(edits_data.word(thing), look, rng), row_of)


def test_relative_depth_is_1_at_the_nearest_and_0_at_the_farthest_and_where_nothing_is():
    depth = torch.tensor([[[1.0, 2.0], [4.0, 0.0]]])
    assert torch.allclose(edits_train.relative_depth(depth), torch.tensor([[[1.0, 1 / 3], [0.0, 0.0]]]))


def test_materials_are_drawn_from_a_seed_and_are_colors():
    for material in edits_data.MATERIALS:
        first, again = (edits_data.texture(material, np.random.default_rng(5)) for _ in range(2))
        assert first.shape == (64, 64, 3) and np.array_equal(first, again)
        assert 0 <= first.min() and first.max() <= 1


def test_the_editor_learns_from_pairs_and_becomes_a_file_under_the_names_of_a_checkpoint(pairs, tmp_path):
    from safetensors.torch import save_file

    from interactive_action.models.style_editor.single_file import load_editor

    torch.manual_seed(0)
    models = edits_train.build()
    row_of = {number: row for row, number in enumerate(edits_train.words(), 1)}
    loss = edits_train.editor_loss(models, pairs, row_of, 2, 0, np.random.default_rng(0))
    loss.backward()
    assert torch.isfinite(loss) and all(
        part.grad is not None for name, part in models.named_parameters() if "text" not in name and name[0] == "0"
    )
    save_file(edits_train.editor_state(*models), tmp_path / "editor.safetensors")
    editor = load_editor(tmp_path / "editor.safetensors")
    latents = torch.randn(1, 4, 12, 12)
    context = editor.encode_prompts(["make the cabinet out of wood"])
    ours = models[1](
        input_ids=torch.tensor([base.token_rows("make the cabinet out of wood", row_of)])
    ).last_hidden_state
    assert torch.allclose(context, ours, atol=0.02)
    with torch.no_grad():
        told = [model(latents, torch.tensor([500]), context, latents, latents) for model in (editor.model, models[0])]
    assert torch.allclose(*told, atol=0.05)
