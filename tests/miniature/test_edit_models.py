"""The embedded editor, its judges and style images, on a recording that none of them has seen."""

import pytest
import torch

from interactive_action.miniature import style_editor as edits
from interactive_action.miniature.factory.train_style_editor import relative_depth
from interactive_action.models.single_file import LATENT_SCALE
from interactive_action.models.style_editor.guidance import guided_noise
from interactive_action.models.style_editor.single_file import load_editor
from interactive_action.scoring.semantics import semantic_scores
from interactive_action.sim.plan import Plan
from interactive_action.sim.record import record
from interactive_action.sim.scene import Scene
from interactive_action.trainers.d3po import DDIM


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
    return load_editor(edits.EDITOR)


def edited(editor, images, text, look, steps=10):
    style, _ = edits.load_styles(look, len(images))
    image, style = editor.encode_images(images), editor.encode_images(style)
    told, null = editor.encode_prompts([text, ""]).repeat_interleave(len(images), 0).chunk(2)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        trajectory = DDIM(editor.alphas_cumprod, steps, eta=0.0).sample(
            lambda x, t: guided_noise(editor.model, x, t, image, style, told, null, 1.5, 2.0, 2.0),
            torch.randn(image.shape, generator=draw),
            draw,
        )
    return editor.decode_latents(trajectory[-1])


def test_everything_embedded_is_small():
    files = [
        edits.EDITOR,
        *(path for folder in (edits.DEPTH, edits.ENCODER, edits.STYLES) for path in folder.iterdir()),
    ]
    assert sum(path.stat().st_size for path in files) < 12e6
    assert sum(path.stat().st_size for path in edits.MODELS.rglob("*") if path.is_file()) < 40 * 2**20


def test_a_thing_takes_the_color_that_text_and_style_say_and_the_rest_stays(editor, recording, images):
    inside = torch.from_numpy(recording.object_masks)
    rest = ~torch.nn.functional.max_pool2d(inside[:, None].float(), 17, 1, 8)[:, 0].bool()
    kept = editor.decode_latents(editor.encode_images(images) * LATENT_SCALE)
    redness = {}
    for color in ("red", "blue"):
        edit = edited(editor, images, f"make the cabinet {color}", color)
        redness[color] = (edit[..., 0] - edit[..., 2])[inside].mean()
        assert (edit - kept).abs()[rest].mean() < 0.08
    assert redness["red"] > redness["blue"] + 0.2


def test_depth_is_seen_as_it_is(recording, images):
    found = edits.load_depth_model().depth(images)
    known = relative_depth(torch.from_numpy(recording.depth))
    alike = [torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] for one, other in zip(found, known)]
    assert sum(alike) / len(alike) > 0.75


def test_style_images_of_one_look_lie_closer_together_than_to_another():
    encoder, known = edits.load_encoder(), {look: edits.load_styles(look) for look in edits.looks()}
    for look, (style, mask) in known.items():
        given = style.roll(1, 0), style
        apart = {
            name: semantic_scores(*given, other, encoder, mask.roll(1, 0), others, 0).mean()
            for name, (other, others) in known.items()
        }
        assert min(apart, key=apart.get) == look
