"""How the embedded editor's learning material is made."""

import numpy as np
import pytest
import torch

from interactive_action.miniature.factory import edit_batches, edit_pairs, train_style_editor
from interactive_action.miniature.factory.style_images import save_style_images
from interactive_action.miniature.factory.train_style_judges import relative_depth, training_material
from interactive_action.miniature.weights import CHECKPOINT


@pytest.fixture(scope="module")
def facts():
    """Two lights and three materials of six scenes with two views each."""
    looks = [("wood", "day"), ("wood", "night"), ("red", "day"), ("brick", "day")]
    return [
        dict(view=view, scene=view // 2, object="cabinet", material=material, light=light)
        for view in range(12)
        for material, light in looks
    ]


@pytest.fixture(scope="module")
def pairs(facts):
    """Latents are numbered by their row."""
    latents = torch.arange(len(facts)).view(-1, 1, 1, 1).expand(-1, 4, 12, 12).half()
    return edit_batches.Pairs(latents, np.zeros((12, 96, 96), bool), facts, lambda scene: scene != 3)


def test_a_pair_shows_one_view_in_two_looks_and_its_style_image_another_scene(pairs):
    rng = np.random.default_rng(0)
    for _ in range(200):
        image, edit, style, instruction, is_global = pairs.sample(rng)
        before, after, like = (pairs.facts[row] for row in (image, edit, style))
        assert before["view"] == after["view"] and like["scene"] != after["scene"]
        assert (before["material"] == after["material"]) != (before["light"] == after["light"])
        assert like["light"] == after["light"] if is_global else like["material"] == after["material"]
        assert instruction.endswith(("like this", after["light" if is_global else "material"]))
        assert 3 not in (before["scene"], like["scene"])


def test_a_batch_drops_conditions_and_knows_where_an_edit_belongs(pairs):
    batch = edit_batches.sample_batch(pairs, 400, np.random.default_rng(0))
    has_image, has_style = ((part != 0).flatten(1).any(1) for part in (batch.image, batch.style))
    has_text = batch.tokens.ne(torch.tensor(edit_batches.vocabulary().rows(""))).any(1)
    shares = edit_batches.CONDITION_DROPOUT
    nothing = ~has_image & ~has_style & ~has_text
    assert nothing.float().mean() == pytest.approx(shares["nothing"], abs=0.05)
    assert (has_image & has_style & ~has_text).float().mean() == pytest.approx(shares["image and style"], abs=0.05)
    assert (has_image & ~has_style & has_text).float().mean() == pytest.approx(shares["image and text"], abs=0.05)
    assert set(batch.region.flatten(1).mean(1).tolist()) == {0.0, 1.0}  # these masks are empty


def test_every_word_of_an_instruction_is_known():
    rng = np.random.default_rng(0)
    changes = [edit_batches.Change(material, None) for material in edit_pairs.MATERIALS]
    changes += [edit_batches.Change(None, light) for light in edit_pairs.LIGHTS]
    for _, name in edit_pairs.SCENES:
        for change in changes:
            text = edit_batches.instruction(edit_pairs.noun(name), change, rng)
            assert 0 not in edit_batches.vocabulary().rows(text)


def test_scenes_that_are_held_out_teach_neither_editor_nor_judges(facts):
    held_out = [scene for scene in range(128) if not edit_batches.is_training_scene(scene)]
    assert held_out == [*range(56, 64), *range(120, 128)]
    images, masks = np.zeros((48, 96, 96, 3), np.uint8), np.zeros((12, 96, 96), bool)
    later = [{**fact, "scene": fact["scene"] + 52} for fact in facts]  # scenes 52 to 57, of which two are held out
    material = training_material(edit_pairs.EditPairs(images, masks, masks.astype(float), later))
    assert material.views.tolist() == [fact["view"] for fact in later if fact["scene"] < 56]
    assert material.looks[:4].tolist() == [0, 1, 2, 3]


def test_relative_depth_is_1_at_the_nearest_and_0_at_the_farthest_and_where_nothing_is():
    depth = torch.tensor([[[1.0, 2.0], [4.0, 0.0]]])
    assert torch.allclose(relative_depth(depth), torch.tensor([[[1.0, 1 / 3], [0.0, 0.0]]]))


def test_materials_follow_from_a_seed_and_are_colors():
    for material in edit_pairs.MATERIALS:
        first, again = (edit_pairs.texture(material, np.random.default_rng(5)) for _ in range(2))
        assert first.shape == (64, 64, 3) and np.array_equal(first, again)
        assert 0 <= first.min() and first.max() <= 1


def test_style_images_stand_side_by_side_and_are_opaque_where_the_style_is(tmp_path):
    from PIL import Image

    images = np.stack([np.full((4, 4, 3), 10 * (n + 1), np.uint8) for n in range(3)])
    masks = np.zeros((3, 4, 4), bool)
    masks[1, 0, 0] = True
    save_style_images(tmp_path / "red.png", images, masks)
    rgba = np.asarray(Image.open(tmp_path / "red.png"))
    assert rgba.shape == (4, 12, 4) and rgba[0, ::4, 0].tolist() == [10, 20, 30]
    assert np.argwhere(rgba[..., 3] == 255).tolist() == [[0, 4]]


def test_the_editor_learns_from_pairs_and_becomes_a_file_under_the_names_of_a_checkpoint(pairs, tmp_path):
    from safetensors.torch import save_file

    from interactive_action.models.style_editor.single_file import load_editor

    torch.manual_seed(0)
    models = train_style_editor.build()
    loss = train_style_editor.EditorLoss(models, pairs, 2)(0, np.random.default_rng(0))
    loss.backward()
    assert torch.isfinite(loss) and all(
        part.grad is not None for name, part in models.named_parameters() if "text" not in name and name[0] == "0"
    )
    save_file(train_style_editor.editor_state(*models), tmp_path / "editor.safetensors")
    editor = load_editor(tmp_path / "editor.safetensors", CHECKPOINT)
    latents = torch.randn(1, 4, 12, 12)
    context = editor.encode_prompts(["make the cabinet out of wood"])
    tokens = torch.tensor([edit_batches.vocabulary().rows("make the cabinet out of wood")])
    ours = models[1](input_ids=tokens).last_hidden_state
    assert torch.allclose(context, ours, atol=0.02)
    with torch.no_grad():
        noise = [model(latents, torch.tensor([500]), context, latents, latents) for model in (editor.model, models[0])]
    assert torch.allclose(*noise, atol=0.05)
