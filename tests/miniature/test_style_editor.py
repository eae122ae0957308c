"""The embedded editor, its judges and style images, on a recording that none of them has seen."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature import style_editor, weights
from interactive_action.miniature.factory.train_style_judges import relative_depth
from interactive_action.models.sampling import DDIM
from interactive_action.models.single_file import LATENT_SCALE
from interactive_action.models.style_editor.guidance import guided_noise
from interactive_action.models.style_editor.single_file import load_editor
from interactive_action.scoring.semantics import semantic_scores
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import record
from interactive_action.sim.scene import Scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recording():
    scene = Scene(action="open", object="drawer cabinet", object_color="green", seed=77)
    return record(
        scene, Plan(num_episodes=1, cameras=4, key_frames="whole action", frames_per_episode=1, width=96, height=96)
    )


@pytest.fixture(scope="module")
def images(recording):
    return torch.from_numpy(recording.images).float() / 255


@pytest.fixture(scope="module")
def editor():
    return load_editor(weights.STYLE_EDITOR, weights.CHECKPOINT)


def edited(editor, images, text, look, steps=10):
    style, _ = style_editor.load_style_images(look, len(images))
    image, style = editor.encode_images(images), editor.encode_images(style)
    conditional, unconditional = editor.encode_prompts([text, ""]).repeat_interleave(len(images), 0).chunk(2)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        latents = DDIM.leading(editor.alphas_cumprod.double(), steps).sample(
            lambda x, t: guided_noise(editor.model, x, t, image, style, conditional, unconditional, 1.5, 2.0, 2.0),
            torch.randn(image.shape, generator=generator),
        )
    return editor.decode_latents(latents)


def test_everything_embedded_is_small():
    folders = (weights.DEPTH, weights.ENCODER, weights.STYLES)
    files = [weights.STYLE_EDITOR, *(path for folder in folders for path in folder.iterdir())]
    assert sum(path.stat().st_size for path in files) < 12e6
    assert sum(path.stat().st_size for path in weights.MODELS.rglob("*") if path.is_file()) < 44 * 2**20


@pytest.mark.slow
def test_a_thing_takes_the_color_that_text_and_style_say_and_the_rest_stays(editor, recording, images):
    inside = torch.from_numpy(recording.object_masks)
    rest = ~torch.nn.functional.max_pool2d(inside[:, None].float(), 17, 1, 8)[:, 0].bool()
    reconstruction = editor.decode_latents(editor.encode_images(images) * LATENT_SCALE)
    redness = {}
    for color in ("red", "blue"):
        edit = edited(editor, images, f"make the cabinet {color}", color)
        redness[color] = (edit[..., 0] - edit[..., 2])[inside].mean()
        assert (edit - reconstruction).abs()[rest].mean() < 0.08
    assert redness["red"] > redness["blue"] + 0.2


def test_an_editor_without_an_autoencoder_says_what_it_needs():
    with pytest.raises(InteractiveActionError, match="has no autoencoder of its own. Name the checkpoint"):
        load_editor(weights.STYLE_EDITOR)


def test_five_style_images_take_turns():
    five, masks = style_editor.load_style_images("wood")
    seven, _ = style_editor.load_style_images("wood", 7)
    assert five.shape == (5, 96, 96, 3) and masks.shape == (5, 96, 96) and set(masks.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(seven, torch.cat([five, five[:2]]))


def test_depth_is_seen_as_it_is(recording, images):
    prediction = style_editor.load_depth_model().depth(images)
    truth = relative_depth(torch.from_numpy(recording.depth))
    pairs = zip(prediction, truth)
    alike = [torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] for one, other in pairs]
    assert sum(alike) / len(alike) > 0.75


def test_style_images_of_one_look_lie_closer_together_than_to_another():
    encoder = style_editor.load_encoder()
    styles = {name: style_editor.load_style_images(name) for name in style_editor.style_names()}
    for look, (style, mask) in styles.items():
        image_and_edit = style.roll(1, 0), style
        apart = {
            name: semantic_scores(*image_and_edit, other, encoder, mask.roll(1, 0), others, 0).mean()
            for name, (other, others) in styles.items()
        }
        assert min(apart, key=apart.get) == look
