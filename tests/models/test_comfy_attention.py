"""Where words attend, in ComfyUI's own tokenizer, U-Net and sampler, on the embedded model."""

from types import SimpleNamespace

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models import comfy_attention as attention
from interactive_action.models.comfy_attention import AttentionRun
from interactive_action.models.comfy_layerwise import CHUNK, enable_layerwise_tokens
from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.nodes.capture_attention import PLACES, RESOLUTIONS, CaptureAttention, VisualizeAttention
from interactive_action.scoring.attention_maps import group_maps, word_maps, word_positions
from interactive_action.scoring.attention_overlay import overlay, stretch
from interactive_action.tests.stock_sampling import encode, sample
from interactive_action.tokens.token import InteractiveToken

PROMPT = "a panda <lift> a red ball"
DOWN, UP = (("input", 1), 0), (("output", 3), 0)


@pytest.fixture(scope="module")
def checkpoint():
    import comfy.sd

    from interactive_action.miniature.weights import CHECKPOINT
    from interactive_action.nodes import embedded_models as miniature

    miniature.register()
    with torch.inference_mode():
        return comfy.sd.load_checkpoint_guess_config(str(CHECKPOINT))[:3]


def lift(*shape):
    return InteractiveToken("lift", 0.5 * torch.randn(*shape, 128, generator=torch.Generator().manual_seed(0)))


def draw(model, clip, prompt, negative="", steps=2, batch=1, sampler="ddim", cfg=4.0):
    return sample(model, encode(clip, prompt), encode(clip, negative), steps, cfg, sampler, batch=batch)


def record(model, start=0.0, end=1.0):
    return CaptureAttention.execute(model, start, end).result


def tokenizer(clip):
    return lambda text: clip.tokenize(text, return_word_ids=True)["l"]


def positions(clip, prompt, word):
    return word_positions(tokenizer(clip), prompt, word)[0]


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m", "euler_ancestral"])
def test_recording_changes_no_pixel_and_leaves_the_connected_model_alone(checkpoint, sampler):
    model, clip, _ = checkpoint
    before = draw(model, clip, "a panda and a cup", sampler=sampler)
    recording, recorder = record(model)
    assert torch.equal(draw(recording, clip, "a panda and a cup", sampler=sampler), before)
    assert len(recorder.runs) == 1
    assert torch.equal(draw(model, clip, "a panda and a cup", sampler=sampler), before)
    assert len(recorder.runs) == 1 and not model.wrappers


def test_what_is_recorded_is_the_softmax_of_the_positive_half(checkpoint):
    model, clip, _ = checkpoint
    recording, recorder = record(model)
    layer = next(iter(recorder.attentions))
    attention, seen = recorder.attentions[layer], {}
    hooks = [
        getattr(attention, name).register_forward_hook(
            lambda module, given, out, name=name: seen.__setitem__(name, out)
        )
        for name in ("to_q", "to_k")
    ]
    samples = draw(recording, clip, "a panda and a cup", steps=1)
    for hook in hooks:
        hook.remove()
    q, k = (seen[name].unflatten(-1, (attention.heads, -1)).movedim(2, 1) for name in ("to_q", "to_k"))
    by_hand = torch.softmax(q @ k.movedim(2, 3) / attention.dim_head**0.5, -1).mean(1).unflatten(1, (12, 12))
    recorded = recorder.run_of(samples).layers()[layer]
    assert recorded.shape == (1, 12, 12, CHUNK)
    halves = [torch.allclose(recorded[0], half, atol=1e-5) for half in by_hand]
    assert sum(halves) == 1  # one half of the call, and it is the prompt's:
    negative = draw(recording, clip, "", "a panda and a cup", steps=1)
    assert not torch.allclose(recorder.run_of(negative).layers()[layer], recorded, atol=1e-3)


def test_shares_of_all_tokens_sum_to_one_for_every_layer(checkpoint):
    model, clip, _ = checkpoint
    recording, recorder = record(model)
    layers = recorder.run_of(draw(recording, clip, "a panda and a cup", batch=2)).layers()
    assert set(layers) == set(recorder.attentions)
    for shares in layers.values():
        assert torch.allclose(shares.sum(-1), torch.ones(shares.shape[:3]), atol=1e-4)


def test_a_layer_wise_word_that_says_the_same_everywhere_attends_as_the_plain_one_and_in_either_order_of_nodes(
    checkpoint,
):
    model, clip, _ = checkpoint
    plain = lift(2)
    flat = add_tokens(clip, [plain])
    recording, recorder = record(model)
    layers = len(recorder.attentions)
    layered = add_tokens(clip, [InteractiveToken("lift", plain.vectors.repeat(layers, 1, 1))])
    maps = []
    for clip_, (drawing, recorder_) in (
        (flat, (recording, recorder)),
        (layered, record(enable_layerwise_tokens(model))),
        (layered, (enable_layerwise_tokens(recording), recorder)),
    ):
        run = recorder_.run_of(draw(drawing, clip_, PROMPT))
        maps.append(word_maps(run.layers(), *word_positions(tokenizer(clip_), PROMPT, "<lift>")))
    for other in maps[1:]:
        for layer, map in maps[0].items():
            assert torch.allclose(other[layer], map, atol=1e-4)


def test_a_longer_negative_prompt_repeats_the_prompt_and_the_shares_stay(checkpoint):
    model, clip, _ = checkpoint
    recording, recorder = record(model)
    long = "a very long floor, " * 20
    at = word_positions(tokenizer(clip), "a panda and a cup", "panda")
    one, two = (
        word_maps(
            recorder.run_of(draw(recording, clip, "a panda and a cup", negative, cfg=1.001, steps=1)).layers(), *at
        )
        for negative in ("", long)
    )
    for layer, map in one.items():
        assert torch.allclose(two[layer], map, atol=1e-4)


def test_words_are_found_with_weights_in_phrases_and_with_several_vectors(checkpoint):
    clip = add_tokens(checkpoint[1], [lift(2)])
    # start a panda v1 v2 a red ball
    assert positions(clip, PROMPT, "panda") == [2]
    assert positions(clip, PROMPT, "<lift>") == [3, 4]
    assert positions(clip, PROMPT, "red ball") == [6, 7]
    assert positions(clip, PROMPT, "a") == [1, 5]
    assert positions(clip, "a (panda:1.3) (<lift>:0.7), a ball", "<lift>") == [3, 4]
    assert positions(clip, "frog, " * 40 + "panda", "panda") == [CHUNK + 6]  # 75 of 80 tokens before it fill the first
    layered = add_tokens(clip, [lift(7, 3)])
    assert positions(layered, PROMPT, "<lift>") == [3, 4, 5]
    with pytest.raises(InteractiveActionError, match="'frog' does not stand in the prompt"):
        positions(clip, PROMPT, "frog")


def shares(*rows):
    """A (1, 1, len(rows), 77) share from the first tokens of each place."""
    filled = torch.zeros(1, 1, len(rows), CHUNK)
    for place, row in enumerate(rows):
        filled[0, 0, place, : len(row)] = torch.tensor(row)
    return filled


def test_maps_by_hand():
    run = AttentionRun()
    run.add(DOWN, shares([0.2, 0.3], [0.4, 0.1]))
    run.add(DOWN, shares([0.6, 0.1], [0.0, 0.5]))
    run.add(UP, shares([0.5, 0.5], [0.1, 0.9]))
    maps = word_maps(run.layers(), [0], 1)
    assert maps[DOWN].flatten().tolist() == pytest.approx([0.4, 0.2])  # the mean of the steps
    assert word_maps(run.layers(), [0, 1], 1)[DOWN].flatten().tolist() == pytest.approx(
        [0.6, 0.5]
    )  # a word of two vectors has the sum
    assert {name: map.flatten().tolist() for name, map in group_maps(maps, False).items()} == {
        "down": pytest.approx([0.4, 0.2]),
        "up": pytest.approx([0.5, 0.1]),
        "all layers": pytest.approx([0.45, 0.15]),
    }
    assert list(group_maps(maps, True)) == ["2 x 1", "all layers"]
    with pytest.raises(InteractiveActionError, match="2 chunks of 77 tokens, and the samples were drawn with 77"):
        word_maps(run.layers(), [0], 2)


def test_overlays_run_from_dark_to_light():
    maps = stretch(torch.tensor([[[0.1, 0.3]], [[0.2, 0.2]]]), 1, 2)
    assert maps.flatten().tolist() == pytest.approx([0, 1, 0, 0])
    drawn = overlay(torch.full((1, 1, 2, 3), 0.5), maps[:1])
    assert drawn[0, 0, 0].tolist() == pytest.approx([0.5 * 0.35 + 0.65 * c for c in (0.05, 0.03, 0.3)])
    assert drawn[0, 0, 1].tolist() == pytest.approx([0.5 * 0.35 + 0.65 * c for c in (0.98, 0.98, 0.65)])


def test_only_the_steps_between_start_and_end_are_recorded(checkpoint):
    model, clip, _ = checkpoint
    for start, end, steps in ((0, 1, 4), (0, 0.5, 2), (0.7, 1, 1)):
        recording, recorder = record(model, start, end)
        run = recorder.run_of(draw(recording, clip, "a panda", steps=4))
        assert set(run.calls.values()) == {steps}
    recording, recorder = record(model, 0.5, 0.4)
    with pytest.raises(InteractiveActionError, match="No step of this sampling was captured"):
        recorder.run_of(draw(recording, clip, "a panda"))


def test_the_nodes_draw_sheets_for_what_was_sampled_and_for_nothing_else(checkpoint):
    model, clip, _ = checkpoint
    recording, recorder = record(model)
    samples = draw(recording, clip, "a panda and a cup", batch=2)
    draw(recording, clip, "a frog")  # what is drawn in between does not matter
    images = torch.rand(2, 96, 96, 3)
    given = dict(samples={"samples": samples}, images=images, clip=clip, prompt="a panda and a cup")
    sheets, overlays, maps = VisualizeAttention.execute(recorder, words="panda\ncup\n", groups=PLACES, **given).result
    assert sheets.shape[0] == 2 and overlays.shape == (4, 96, 96, 3) and maps.shape == (4, 96, 96)
    assert (maps.amin((1, 2)) == 0).all() and (maps.amax((1, 2)) == 1).all()
    finer, _, _ = VisualizeAttention.execute(recorder, words="panda", groups=RESOLUTIONS, **given).result
    assert finer.shape[1] < sheets.shape[1]  # one row, two rows
    with pytest.raises(InteractiveActionError, match="not known where the words of these samples attended"):
        VisualizeAttention.execute(
            recorder, words="panda", groups=PLACES, **{**given, "samples": {"samples": samples + 1}}
        )
    with pytest.raises(InteractiveActionError, match="3 images, and 2 samples"):
        VisualizeAttention.execute(
            recorder, words="panda", groups=PLACES, **{**given, "images": torch.rand(3, 96, 96, 3)}
        )
    with pytest.raises(InteractiveActionError, match="No word is named"):
        VisualizeAttention.execute(recorder, words=" \n", groups=PLACES, **given)


def test_the_oldest_runs_are_forgotten_when_they_hold_too_much(checkpoint, monkeypatch):
    model, clip, _ = checkpoint
    recording, recorder = record(model)
    drawn = [draw(recording, clip, "a panda", steps=1)]
    monkeypatch.setattr(attention, "MEMORY_LIMIT", 2 * recorder.run_of(drawn[0]).bytes())
    drawn += [draw(recording, clip, name, steps=1) for name in ("a frog", "a cup")]
    assert [recorder.run_of(samples).bytes() for samples in drawn[1:]] == [attention.MEMORY_LIMIT // 2] * 2
    with pytest.raises(InteractiveActionError, match="not known"):
        recorder.run_of(drawn[0])


def test_a_model_without_a_u_net_is_refused_by_name():
    other = SimpleNamespace(model=SimpleNamespace(diffusion_model=torch.nn.Linear(1, 1)))
    with pytest.raises(InteractiveActionError, match="is a Linear"):
        CaptureAttention.execute(other, 0, 1)
