"""Prompts whose words act at some noise levels alone, through ComfyUI's own CLIP."""

import pytest
import torch

from interactive_action.models.comfy_tokens import add_tokens
from interactive_action.tokens.noise_gate import NoiseGate
from interactive_action.tokens.token import InteractiveToken

pytestmark = pytest.mark.slow

LIFT = InteractiveToken("lift", torch.full((1, 768), 0.1), gate=NoiseGate(0.0, 0.45, "handling"))
PUSH = InteractiveToken("push", torch.full((2, 768), -0.1), gate=NoiseGate(0.2, 1.0, "near"))
ALWAYS = InteractiveToken("always", torch.full((1, 768), 0.2))


@pytest.fixture(scope="module")
def clip():
    """ComfyUI's CLIP of SD 1.x, with random weights."""
    import comfy.sd
    import comfy.sd1_clip
    import comfy.supported_models_base

    torch.manual_seed(0)
    target = comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    made = comfy.sd.CLIP(target)
    for weight in made.cond_stage_model.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    return made


def encoded(clip, text):
    """{(start, end): context} as CLIPTextEncode makes it; (None, None) without a range."""
    conditionings = clip.encode_from_tokens_scheduled(clip.tokenize(text))
    return {
        (extra.get("clip_start_percent"), extra.get("clip_end_percent")): context for context, extra in conditionings
    }


def plain(clip, text):
    return encoded(clip, text)[None, None]


def test_outside_of_its_range_the_plain_word_is_read(clip):
    ungated = add_tokens(clip, [InteractiveToken("lift", LIFT.vectors)])
    contexts = encoded(add_tokens(clip, [LIFT]), "a panda <lift> a cup")
    assert [*contexts] == [(0, 0.45), (0.45, 1)]
    assert torch.equal(contexts[0, 0.45], plain(ungated, "a panda <lift> a cup"))
    assert torch.equal(contexts[0.45, 1], plain(clip, "a panda handling a cup"))


def test_a_prompt_without_the_word_is_one_conditioning_as_before(clip):
    assert torch.equal(plain(add_tokens(clip, [LIFT]), "a panda and a cup"), plain(clip, "a panda and a cup"))


def test_two_words_with_ranges_of_their_own_make_three_bands(clip):
    taught = add_tokens(add_tokens(clip, [LIFT]), [PUSH, ALWAYS])
    contexts = encoded(taught, "<lift> <push> <always>")
    assert [*contexts] == [(0, 0.2), (0.2, 0.45), (0.45, 1)]
    everywhere = add_tokens(clip, [InteractiveToken(token.name, token.vectors) for token in (LIFT, PUSH, ALWAYS)])
    for (_, context), text in zip(
        contexts.items(), ["<lift> near <always>", "<lift> <push> <always>", "handling <push> <always>"]
    ):
        assert torch.equal(context, plain(everywhere, text))


def test_the_plain_word_has_the_weight_that_the_word_was_given(clip):
    taught = add_tokens(clip, [LIFT])
    assert torch.equal(
        encoded(taught, "a panda (<lift>:1.4) a cup")[0.45, 1], plain(clip, "a panda (handling:1.4) a cup")
    )


def test_nodes_that_copy_the_clip_behind_it_change_nothing(clip):
    copied = add_tokens(clip, [LIFT]).clone().clone()
    copied.clip_layer(-2)
    assert [*encoded(copied, "a panda <lift> a cup")] == [(0, 0.45), (0.45, 1)]
    skipped = clip.clone()
    skipped.clip_layer(-2)
    assert torch.equal(encoded(copied, "<lift>")[0.45, 1], plain(skipped, "handling"))
    assert type(clip).__name__ == "CLIP"


def test_texts_that_a_node_fills_up_to_one_length_are_filled_up_in_every_band(clip):
    taught = add_tokens(clip, [LIFT])
    tokens = taught.tokenize("a panda <lift> a cup")
    tokens["l"] += clip.tokenize("")["l"]
    filled = clip.tokenize("a panda handling a cup")
    filled["l"] += clip.tokenize("")["l"]
    [_, (below, _)] = taught.encode_from_tokens_scheduled(tokens)
    assert below.shape[1] == 2 * 77
    assert torch.equal(below, clip.encode_from_tokens_scheduled(filled)[0][0])


def test_the_ranges_of_a_clips_own_hooks_are_cut_by_the_words(clip):
    class Scheduled(type(clip)):
        """A CLIP whose hooks change at half of the sampling."""

        def encode_from_tokens_scheduled(self, tokens, *args, **kwargs):
            [(context, extra)] = super().encode_from_tokens_scheduled(tokens, *args, **kwargs)
            ranges = ((0.0, 0.5), (0.5, 1.0))
            return [[context, {**extra, "clip_start_percent": a, "clip_end_percent": b}] for a, b in ranges]

        def clone(self, *args, **kwargs):
            copied = super().clone(*args, **kwargs)
            copied.__class__ = type(self)
            return copied

    hooked = clip.clone()
    hooked.__class__ = Scheduled
    assert [*encoded(add_tokens(hooked, [LIFT]), "a <lift>")] == [(0, 0.45), (0.45, 0.5), (0.5, 1)]
