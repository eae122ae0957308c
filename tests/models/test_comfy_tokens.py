"""Learned words in ComfyUI's own tokenizer."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_tokens import teach
from interactive_action.tokens.token import InteractiveToken

UP = InteractiveToken("pick-up", torch.tensor([[1.0] * 768, [2.0] * 768]))
DOWN = InteractiveToken("put-down", torch.tensor([[3.0] * 768]))


@pytest.fixture(scope="module")
def clip():
    """ComfyUI's CLIP of SD 1.x, with random weights."""
    import comfy.sd
    import comfy.sd1_clip
    import comfy.supported_models_base

    return comfy.sd.CLIP(
        comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    )


def spoken(clip, text):
    """The prompt's tokens up to the end mark: ids as they are, vectors as their first number, with weights."""
    row = clip.tokenize(text)["l"][0]
    tokens = [(token[0].item() if torch.is_tensor(token) else token, weight) for token, weight in row]
    return tokens[1 : tokens.index((49407, 1.0))]


def test_a_word_stands_for_its_vectors_in_order(clip):
    a, b = (token for token, _ in spoken(clip, "panda strawberry"))
    assert spoken(teach(clip, [UP]), "panda <pick-up> strawberry") == [(a, 1.0), (1.0, 1.0), (2.0, 1.0), (b, 1.0)]


def test_several_tokens_stand_together_and_a_second_loader_keeps_the_first(clip):
    taught = teach(teach(clip, [UP]), [DOWN])
    assert [token for token, _ in spoken(taught, "<pick-up><put-down>, <pick-up>")] == [1.0, 2.0, 3.0, 267, 1.0, 2.0]


def test_prompt_weights_reach_the_vectors(clip):
    weights = [weight for _, weight in spoken(teach(clip, [UP]), "panda (<pick-up>:1.3) cup")]
    assert weights == [1.0, 1.3, 1.3, 1.0]


def test_embedding_files_work_beside_it(clip, tmp_path):
    from safetensors.torch import save_file

    save_file({"emb_params": torch.full((1, 768), 9.0)}, tmp_path / "style.safetensors")
    taught = teach(clip, [UP])
    taught.tokenizer.clip_l.embedding_directory = [str(tmp_path)]
    assert [token for token, _ in spoken(taught, "<pick-up> embedding:style <pick-up>")] == [1.0, 2.0, 9.0, 1.0, 2.0]


def test_the_clip_that_was_given_learns_nothing(clip):
    before = spoken(clip, "a <pick-up> b")
    teach(clip, [UP])
    assert spoken(clip, "a <pick-up> b") == before


def test_a_taught_clip_survives_cloning_and_clip_skip(clip):
    skipped = teach(clip, [UP]).clone()
    skipped.clip_layer(-2)
    assert (1.0, 1.0) in spoken(skipped, "a <pick-up> b")
    cond = skipped.encode_from_tokens(skipped.tokenize("a <pick-up> b"))
    assert cond.shape == (1, 77, 768)


def test_a_token_of_another_width_is_refused(clip):
    with pytest.raises(InteractiveActionError, match="width 128, and this CLIP has width 768"):
        teach(clip, [InteractiveToken("small", torch.zeros(1, 128))])
