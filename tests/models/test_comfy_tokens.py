"""Learned words in ComfyUI's own tokenizer."""

import copy

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.models.comfy_tokens import add_tokens
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
    assert spoken(add_tokens(clip, [UP]), "panda <pick-up> strawberry") == [(a, 1.0), (1.0, 1.0), (2.0, 1.0), (b, 1.0)]


def test_several_tokens_stand_together_and_a_second_loader_keeps_the_first(clip):
    taught = add_tokens(add_tokens(clip, [UP]), [DOWN])
    assert [token for token, _ in spoken(taught, "<pick-up><put-down>, <pick-up>")] == [1.0, 2.0, 3.0, 267, 1.0, 2.0]


def test_prompt_weights_reach_the_vectors(clip):
    weights = [weight for _, weight in spoken(add_tokens(clip, [UP]), "panda (<pick-up>:1.3) cup")]
    assert weights == [1.0, 1.3, 1.3, 1.0]


def test_embedding_files_work_beside_it(clip, tmp_path):
    from safetensors.torch import save_file

    save_file({"emb_params": torch.full((1, 768), 9.0)}, tmp_path / "style.safetensors")
    taught = add_tokens(clip, [UP])
    taught.tokenizer.clip_l.embedding_directory = [str(tmp_path)]
    assert [token for token, _ in spoken(taught, "<pick-up> embedding:style <pick-up>")] == [1.0, 2.0, 9.0, 1.0, 2.0]


def test_the_clip_that_was_given_learns_nothing(clip):
    before = spoken(clip, "a <pick-up> b")
    add_tokens(clip, [UP])
    assert spoken(clip, "a <pick-up> b") == before


def test_a_taught_clip_survives_cloning_and_clip_skip(clip):
    skipped = add_tokens(clip, [UP]).clone()
    skipped.clip_layer(-2)
    assert (1.0, 1.0) in spoken(skipped, "a <pick-up> b")
    cond = skipped.encode_from_tokens(skipped.tokenize("a <pick-up> b"))
    assert cond.shape == (1, 77, 768)


def test_tokenizers_keep_their_kind_and_get_one_class_for_each(clip):
    one, other = add_tokens(clip, [UP]), add_tokens(clip, [DOWN])
    for part in (lambda clip: clip.tokenizer, lambda clip: clip.tokenizer.clip_l):
        assert isinstance(part(one), type(part(clip)))
        assert type(part(one)) is type(part(other)) is type(part(add_tokens(one, [DOWN])))
    assert type(clip.tokenizer).__name__ == "SD1Tokenizer"


def test_a_copied_tokenizer_keeps_its_words_and_its_own_folders(clip):
    with_tokens = add_tokens(clip, [UP])
    copied = copy.deepcopy(with_tokens.tokenizer.clip_l)
    copied.embedding_directory = ["elsewhere"]
    assert with_tokens.tokenizer.clip_l.embedding_directory == []
    assert torch.equal(copied.learned_words["<pick-up>"], UP.vectors)
    assert [len(row) for row in copied.tokenize_with_weights("a <pick-up>")] == [77]


def test_a_token_of_another_width_is_refused(clip):
    with pytest.raises(InteractiveActionError, match="width 128, and this CLIP has width 768"):
        add_tokens(clip, [InteractiveToken("small", torch.zeros(1, 128))])


def test_broken_vectors_are_taught_to_no_clip(clip):
    with pytest.raises(InteractiveActionError, match="<broken> cannot be used: 768 of its 768"):
        add_tokens(clip, [InteractiveToken("broken", torch.full((1, 768), float("nan")))])


def test_the_refusal_of_a_token_of_another_width_names_the_model_it_was_trained_on(clip):
    other = InteractiveToken("small", torch.zeros(1, 128), {"interactive_action.base_model": "small-model.safetensors"})
    with pytest.raises(InteractiveActionError, match=r"trained on: small-model\.safetensors\."):
        add_tokens(clip, [other])


def test_two_versions_of_a_token_stand_in_one_prompt(clip, tmp_path):
    from interactive_action.tokens.token_file import load_token, save_token

    old = save_token(UP, tmp_path / "new").rename(tmp_path / "pick-up-old.safetensors")
    new = save_token(InteractiveToken("pick-up", torch.full((1, 768), 5.0)), tmp_path / "new")
    taught = add_tokens(add_tokens(clip, [load_token(old)]), [load_token(new)])
    assert [token for token, _ in spoken(taught, "<pick-up> <pick-up-old>")] == [5.0, 1.0, 2.0]


# Words that nobody taught


@pytest.fixture
def warnings(caplog):
    """The sentences that were logged so far, as a function."""
    return lambda: [record.getMessage() for record in caplog.records if record.name.endswith("comfy_messages")]


LAYERED = InteractiveToken("layers", torch.ones(3, 1, 768))


@pytest.mark.parametrize("tokens", [[UP], [LAYERED], [UP, LAYERED]], ids=["plain", "layer-wise", "both"])
def test_a_word_that_is_not_taught_is_warned_of_once_and_the_known_ones_are_named(clip, warnings, tokens):
    add_tokens(clip, tokens).tokenize("a panda <pickup> a cup")
    known = ", ".join(token.trigger_word for token in tokens)
    assert warnings() == [f"This CLIP was not taught <pickup> and reads plain letters. It knows {known}."]


def test_a_clip_of_two_encoders_warns_once(warnings):
    import comfy.sd
    import comfy.sdxl_clip
    import comfy.supported_models_base

    target = comfy.supported_models_base.ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
    wide = InteractiveToken("wide", torch.ones(1, 2048), widths=(768, 1280))
    taught = add_tokens(comfy.sd.CLIP(target), [wide])
    taught.tokenize("a <wide> b")
    assert not warnings()
    taught.tokenize("a <narrow> b")
    assert len(warnings()) == 1


def test_loaders_in_a_row_name_the_words_of_all(clip, warnings):
    add_tokens(add_tokens(clip, [UP]), [DOWN]).clone().tokenize("<up>")
    assert len(warnings()) == 1
    assert warnings()[0].endswith("It knows <pick-up>, <put-down>.")


@pytest.mark.parametrize("text", ["a panda <pick-up> a cup", "I <3 cups", "a panda <lora:x:1>, <v*>", "", "no word"])
def test_known_words_and_ordinary_brackets_are_not_warned_of(clip, warnings, text):
    add_tokens(clip, [UP]).tokenize(text)
    assert not warnings()


def test_a_clip_that_was_taught_nothing_warns_of_nothing(clip, warnings):
    add_tokens(clip, [UP])
    clip.tokenize("a panda <pickup> a cup")
    assert not warnings()
