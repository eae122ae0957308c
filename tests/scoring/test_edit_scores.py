"""Structure, semantics and their total: hand-worked numbers, slow obvious versions, and the real architectures."""

import json
import sys

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.scoring.detectors import load_detector
from interactive_action.scoring.editing import EditingReward, advantage
from interactive_action.scoring.encoders import DreamSimEncoder, load_encoder
from interactive_action.scoring.masks import load_segmenter
from interactive_action.scoring.semantics import change_outside, checked_mask, semantic_scores
from interactive_action.scoring.structure import load_depth_model, structure_scores
from interactive_action.tests.scoring.tiny_judges import clip, depth_anything, dinov2, grounding_dino, sam2


class Brightness:
    """A depth that can be worked out by hand: how bright a pixel is."""

    name = "brightness"

    def to(self, device):
        pass

    def depth(self, images):
        return images.mean(-1)


class MeanColor:
    """An embedding that can be worked out by hand: the direction of the mean color."""

    name = "mean color"

    def to(self, device):
        pass

    def encode_image(self, images):
        return torch.nn.functional.normalize(images.mean((1, 2)), dim=-1)


def of_color(*colors, size=(4, 4)):
    return torch.tensor(colors, dtype=torch.float32)[:, None, None].expand(-1, *size, -1)


RED, GREEN, BOTH = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 0.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judges")
    make = {"depth": depth_anything, "DINOv2": dinov2, "CLIP": clip, "sam2": sam2, "dino": grounding_dino}
    return {name: make(folder / name) for name, make in make.items()}


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 40, 56, 3, generator=torch.Generator().manual_seed(0))


def test_structure_is_the_mean_difference_of_two_depths():
    before = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    after = torch.tensor([[[1.0, 4.0], [2.0, 3.0]]])
    assert structure_scores(before, after).tolist() == [(0 + 2 + 1 + 1) / 4]


def test_structure_is_the_double_loop_that_eq_8_spells(models, images):
    model = load_depth_model(models["depth"])
    before, after = model.depth(images), model.depth(images.flip(2))
    slow = [
        sum(abs(before[b, i, j] - after[b, i, j]) for i in range(40) for j in range(56)) / (40 * 56) for b in range(2)
    ]
    assert structure_scores(before, after).tolist() == pytest.approx([float(score) for score in slow], rel=1e-4)
    assert structure_scores(before, after).min() > 0.01
    assert structure_scores(before, before).tolist() == [0, 0]


def test_depth_has_the_images_size_and_does_not_depend_on_the_batch(models, images):
    model = load_depth_model(models["depth"])
    depth = model.depth(images)
    assert depth.shape == (2, 40, 56) and depth.std() > 0.1
    assert torch.allclose(depth, torch.cat([model.depth(images[i : i + 1]) for i in range(2)]), atol=1e-5)


def test_semantics_by_hand():
    # A red image is edited: the left half becomes green, and the right half half as red. The style is yellow.
    original, style = of_color(RED), of_color(BOTH)
    generated, mask = original.clone(), torch.zeros(1, 4, 4)
    generated[:, :, :2], generated[:, :, 2:], mask[:, :, :2] = torch.tensor(GREEN), torch.tensor([0.5, 0.0, 0.0]), 1
    region = 1 - 0.5**0.5  # cosine of green and yellow
    outside = 8 * 0.25 / (16 * 3)  # eight pixels, one channel of three, by a half
    assert change_outside(generated, original, mask).tolist() == pytest.approx([outside])
    assert semantic_scores(generated, original, style, MeanColor(), mask).tolist() == pytest.approx(
        [region + 0.5 * outside]
    )
    assert semantic_scores(generated, original, style, MeanColor(), mask, lambda_=2).tolist() == pytest.approx(
        [region + 2 * outside]
    )


def test_the_first_term_is_about_the_edit_and_not_constant_as_printed():
    original, style = of_color(RED, RED), of_color(GREEN, GREEN)
    generated = of_color(GREEN, RED)
    assert semantic_scores(generated, original, style, MeanColor()).tolist() == pytest.approx([0, 1], abs=1e-6)


def test_masks_of_image_and_style_choose_what_is_compared():
    half = torch.zeros(1, 4, 4)
    half[:, :, :2] = 1
    style = of_color(RED).clone()
    style[:, :, :2] = torch.tensor(GREEN)
    generated = style.flip(2)  # green where the style is red
    assert semantic_scores(generated, generated, style, MeanColor(), 1 - half, half).tolist() == pytest.approx(
        [0], abs=1e-6
    )
    assert semantic_scores(generated, generated, style, MeanColor(), half, half).tolist() == pytest.approx(
        [1], abs=1e-6
    )


@pytest.mark.parametrize("kind", ["DINOv2", "CLIP"])
def test_encoders_give_directions_that_depend_on_the_whole_image(models, images, kind):
    encoder = load_encoder(kind, models[kind])
    embeddings = encoder.encode_image(images)
    assert embeddings.norm(dim=-1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert torch.allclose(embeddings, torch.cat([encoder.encode_image(images[i : i + 1]) for i in range(2)]), atol=1e-5)
    margin = images.clone()
    margin[:, :, :4] = 0  # a center crop would not see it
    assert (encoder.encode_image(margin) - embeddings).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["DINOv2", "CLIP"])
def test_encoders_give_what_the_library_gives(models, kind):
    import transformers

    square = (torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(1)) * 255).round() / 255
    class_name = {"DINOv2": "Dinov2Model", "CLIP": "CLIPVisionModelWithProjection"}[kind]
    model = getattr(transformers, class_name).from_pretrained(models[kind]).eval()
    encoder = load_encoder(kind, models[kind])
    processor = transformers.AutoImageProcessor.from_pretrained(
        models[kind], do_center_crop=False, size=dict(zip(("height", "width"), encoder.size))
    )
    with torch.no_grad():
        outputs = model(**processor(images=[(square[0] * 255).byte().movedim(-1, 0)], return_tensors="pt"))
    expected = outputs.image_embeds if kind == "CLIP" else outputs.pooler_output
    assert torch.cosine_similarity(encoder.encode_image(square), expected) > 0.999


def test_dreamsim_is_asked_for_images_of_its_size_and_made_one_long(images):
    class Embedder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(2.0))
            self.device = "cuda"

        def embed(self, pixels):
            assert pixels.shape == (2, 3, 224, 224) and 0 <= pixels.min() <= pixels.max() <= 1
            return self.scale * pixels.mean((2, 3))

    encoder = DreamSimEncoder(Embedder(), "DreamSim")
    assert torch.allclose(encoder.encode_image(images), MeanColor().encode_image(images), atol=1e-3)
    encoder.to(torch.device("cpu"))
    assert encoder.model.device == "cpu"


def test_without_dreamsim_the_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "dreamsim", None)
    with pytest.raises(
        InteractiveActionError, match="DreamSim is not installed.*pip install dreamsim.*Or choose DINOv2"
    ):
        load_encoder("DreamSim", "models")
    with pytest.raises(InteractiveActionError, match="no encoder called 'LPIPS'"):
        load_encoder("LPIPS", "")


def test_grounded_masks_cover_what_the_boxes_hold(models, images):
    segmenter = load_segmenter(load_detector(models["dino"], 0.0), models["sam2"])
    masks = segmenter.segment(images, ["cabinet"])
    assert masks.shape == (2, 40, 56) and set(masks.unique().tolist()) <= {0, 1}
    assert torch.equal(masks[1:], segmenter.segment(images[1:], ["cabinet"]))


def test_a_thing_that_is_not_found_is_a_sentence(models, images):
    segmenter = load_segmenter(load_detector(models["dino"], 1.0), models["sam2"])
    with pytest.raises(InteractiveActionError, match='finds no "road" in image 1 of 2.*Lower its threshold'):
        segmenter.segment(images, ["road"])


def test_each_score_is_brought_to_one_scale_by_its_batch():
    assert advantage(torch.tensor([1.0, 3.0])).tolist() == pytest.approx([-1, 1])
    assert advantage(torch.tensor([2.0, 2.0])).tolist() == [0, 0]
    reward = EditingReward(Brightness(), MeanColor(), alpha=2.0)
    # mean 2, deviation sqrt(2/3) for both; the third is best in semantics, which counts twice
    total = reward.total(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.3, 0.2, 0.1]))
    assert total.tolist() == pytest.approx([1.5**0.5, 0, -(1.5**0.5)], abs=1e-3)


def test_the_reward_joins_both_scores(models, images):
    depth, encoder = load_depth_model(models["depth"]), load_encoder("DINOv2", models["DINOv2"])
    generated, style, mask = images.flip(0), images[:1, :30, :30], torch.ones(1, 40, 56)
    structure, semantics = EditingReward(depth, encoder, 0.5, 1.0).scores(generated, images, style, mask)
    assert torch.allclose(structure, structure_scores(depth.depth(images), depth.depth(generated)))
    assert torch.allclose(
        semantics, semantic_scores(generated, images, style.expand(2, -1, -1, -1), encoder), atol=1e-6
    )
    known = EditingReward(depth, encoder).scores(
        generated, images, style, depths=(torch.zeros(2, 1, 1), torch.ones(2, 1, 1))
    )
    assert known[0].tolist() == [1, 1]
    assert json.loads(EditingReward(depth, encoder).name)["lambda"] == 0.5


def test_bad_input_is_a_sentence():
    reward, red, half = EditingReward(Brightness(), MeanColor()), of_color(RED, RED), torch.zeros(1, 4, 4)
    half[:, 0] = 1
    for arguments, sentence in (
        ((red[:, :2], red, red[:1]), "edits are 4 x 2 and the images they come from 4 x 4"),
        ((red * float("nan"), red, red[:1]), "edit holds values that are not numbers"),
        ((red, red, of_color(RED, RED, RED)), "3 style images for 2 edits"),
        ((red, red, red[:1], half[:, :2]), "mask is 4 x 2 and the image 4 x 4"),
        ((red, red, red[:1], torch.zeros(1, 4, 4)), "mask of image 1 is empty"),
        ((red, red, red[:1], half, half * 0), "style mask of image 1 is empty"),
        ((red, red, red[:1], half * float("nan")), "mask holds values that are not numbers"),
        ((red, red, red[:1], half.expand(3, -1, -1)), "3 of the mask for 2 images"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            reward.scores(*arguments)

    class Broken(MeanColor):
        def encode_image(self, images):
            return super().encode_image(images) * float("nan")

    with pytest.raises(InteractiveActionError, match="mean color gave a score that is not a number"):
        EditingReward(Brightness(), Broken()).scores(red, red, red[:1])


def test_a_soft_mask_is_cut_at_a_half():
    soft = torch.tensor([[[0.2, 0.6], [0.5, 1.0]]])
    assert checked_mask(soft, torch.zeros(1, 2, 2, 3), "mask").tolist() == [[[0, 1], [0, 1]]]


def test_models_that_cannot_be_loaded_are_sentences(models, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    for load in (
        load_depth_model,
        lambda name: load_encoder("DINOv2", name),
        lambda name: load_encoder("CLIP", name),
        lambda name: load_segmenter(load_detector(models["dino"], 0.3), name),
    ):
        with pytest.raises(InteractiveActionError, match="could not be loaded.*Give a folder"):
            load(str(tmp_path / "nothing"))
    with pytest.raises(InteractiveActionError, match="could not be loaded"):
        load_depth_model(str(tmp_path))
