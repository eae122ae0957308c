"""Exported tokens, their cards, and embeddings of other programs that become ours."""

import base64
import io
import json

import pytest
import safetensors.torch
import torch
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.files import LONGEST_NAME, checked_name
from interactive_action.tokens.card import card
from interactive_action.tokens.export_token import export_token
from interactive_action.tokens.import_token import import_token, name_from
from interactive_action.tokens.noise_gate import NoiseGate
from interactive_action.tokens.token import TRIGGER_WORD, InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token

VECTORS = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
KNOWN = {
    "interactive_action.action": "lift overhead",
    "interactive_action.base_model": "sd15.safetensors",
    "interactive_action.method": "interactive-action",
    "interactive_action.step": "400",
    "interactive_action.hyperparameters": '{"learning_rate": 0.0002}',
    "modelspec.license": "apache-2.0",
}
TOKEN = InteractiveToken("lift", VECTORS, KNOWN)
REPORT = {
    "how": {"detector": "owlv2", "clip": "ViT-B-32"},
    "scores": {"n": 64, "iascore_cosine": 0.741, "pass_rate": 0.859, "both_found": 0.9},
    "intervals": {"iascore_cosine": [0.71, 0.77], "pass_rate": None},
}


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "embeddings", tmp_path / "interactive_tokens"


# Out


def test_an_export_is_a_folder_with_token_preview_and_card(tmp_path):
    target = export_token(TOKEN, tmp_path, Image.new("RGB", (2000, 1000), "red"), REPORT, description="Lifts.\nHigh.")
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "lift.preview.png", "lift.safetensors"]
    token = load_token(target / "lift.safetensors")
    assert torch.equal(token.vectors, VECTORS)
    assert token.provenance["modelspec.description"] == "Lifts. High."
    thumbnail = base64.b64decode(token.provenance["modelspec.thumbnail"].partition(",")[2])
    assert Image.open(io.BytesIO(thumbnail)).size == (256, 128)
    assert Image.open(target / "lift.preview.png").size == (768, 384)


def test_a_second_export_leaves_the_first_and_keeps_the_word(tmp_path):
    first, second = (export_token(TOKEN, tmp_path) for _ in range(2))
    assert (first.name, second.name) == ("lift", "lift-2")
    assert load_token(second / "lift.safetensors").trigger_word == "<lift>"
    assert not (second / "lift.preview.png").exists()


def test_a_broken_token_leaves_no_folder(tmp_path):
    with pytest.raises(InteractiveActionError, match="NaN"):
        export_token(InteractiveToken("lift", VECTORS * float("nan")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_card_says_what_it_is_how_it_was_made_and_how_well_it_scores():
    text = card(TOKEN, REPORT, "lift.preview.png")
    for part in (
        "license: apache-2.0",
        'instance_prompt: "<lift>"',
        "![Images with this token](lift.preview.png)",
        "| action | lift overhead |",
        "| base model | sd15.safetensors |",
        "| steps | 400 |",
        '{"learning_rate": 0.0002}',
        "| IAScore (zero-filled cosine) | 0.74 (0.71 to 0.77) |",
        "| images in which subject and object overlap | 0.86 |",
        "Over 64 images",
        "`embedding:lift`",
        'pipeline.load_textual_inversion("lift.safetensors", token="<lift>")',
    ):
        assert part in text, part


def test_the_head_of_the_card_is_yaml_whatever_the_texts_hold():
    import yaml

    token = InteractiveToken("捡起", VECTORS, {"modelspec.license": 'mine: "all" rights\n---'})
    head = yaml.safe_load(card(token).split("---\n")[1])
    assert head["license"] == "other"
    assert head["license_name"] == 'mine: "all" rights\n---'
    assert head["instance_prompt"] == "<捡起>"


def test_texts_of_a_strangers_file_cannot_write_html_or_links_into_the_card():
    known = {"interactive_action.action": "<script>x</script> [a](http://b) | c", "modelspec.description": "![x](y)"}
    text = card(InteractiveToken("lift", VECTORS, known))
    assert "<script>" not in text
    assert "[a](" not in text
    assert "![x](" not in text


def test_an_sdxl_token_and_a_layer_wise_one_say_how_they_are_used():
    pair = card(InteractiveToken("lift", VECTORS, widths=(3, 5)))
    assert 'load_textual_inversion(vectors["clip_g"]' in pair
    layers = card(InteractiveToken("lift", torch.ones(16, 1, 8)))
    assert "models/interactive_tokens" in layers
    assert "diffusers" not in layers


def test_the_code_of_the_card_is_python():
    import ast

    for token in (TOKEN, InteractiveToken("lift", VECTORS, widths=(3, 5))):
        ast.parse(card(token).partition("```python\n")[2].partition("```")[0])


def test_a_gate_stands_in_the_card():
    text = card(InteractiveToken("lift", VECTORS, gate=NoiseGate(0.0, 0.45, "handling")))
    assert "from 0% to 45% of the sampling, elsewhere “handling” is read" in text


# In


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("My style (v2).pt", {"string_to_param": {"*": VECTORS}, "name": "x", "step": 7}, "My-style-v2"),
        ("learned_embeds.bin", {"<cat-toy>": VECTORS[0]}, "cat-toy"),
        ("learned_embeds.safetensors", {"<cat-toy>": VECTORS}, "cat-toy"),
        ("one-trainer.safetensors", {"emb_params": VECTORS, "emb_params_out": VECTORS + 9}, "one-trainer"),
        ("comfy.safetensors", {"clip_l": VECTORS, "clip_g": VECTORS + 9}, "comfy"),
        ("捡起.pt", {"*": VECTORS}, "捡起"),
        ("!!!.pt", {"*": VECTORS}, "token"),
    ],
)
def test_every_programs_embedding_becomes_a_safetensors_file_of_ours(tmp_path, folders, file, content, name):
    write = safetensors.torch.save_file if file.endswith(".safetensors") else torch.save
    write(content, tmp_path / file)
    path = import_token(tmp_path / file, folders)
    assert path == folders[0] / f"{name}.safetensors"
    token = load_token(path)
    assert torch.equal(token.vectors[0, :8], VECTORS[0])
    assert token.provenance["interactive_action.imported_from"] == file


def test_what_a1111_wrote_beside_the_vectors_is_kept(tmp_path, folders):
    content = {"string_to_param": {"*": VECTORS}, "name": "x", "step": 7, "sd_checkpoint_name": "v1-5"}
    torch.save(content, tmp_path / "style.pt")
    provenance = load_token(import_token(tmp_path / "style.pt", folders)).provenance
    assert provenance["interactive_action.base_model"] == "v1-5"
    assert provenance["interactive_action.step"] == "7"


def test_a_layer_wise_token_goes_where_embedding_does_not_search(tmp_path, folders):
    source = save_token(InteractiveToken("layers", torch.ones(3, 1, 8)), tmp_path)
    assert import_token(source, folders).parent == folders[1]


def test_the_same_token_is_written_once_and_another_of_its_name_gets_a_number(tmp_path, folders):
    source = save_token(TOKEN, tmp_path)
    assert import_token(source, folders) == import_token(source, folders)
    other = save_token(InteractiveToken("lift", VECTORS + 1), tmp_path / "other")
    assert import_token(other, folders).name == "lift-2.safetensors"
    assert load_token(folders[0] / "lift-2.safetensors").provenance["interactive_action.imported_from"]


def test_a_file_that_needs_code_is_refused_and_nothing_is_written(tmp_path, folders):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"*": VECTORS, "more": Hostile()}, tmp_path / "hostile.pt")
    with pytest.raises(InteractiveActionError, match="never run"):
        import_token(tmp_path / "hostile.pt", folders)
    assert not (tmp_path / "ran").exists()
    assert not folders[0].exists()


# Names


@pytest.mark.parametrize("name", ["捡起", "持ち上げる", "ドア", "उठाना", "ยกขึ้น", "들어올리기", "رفع", "поднять", "θ"])
def test_words_of_any_script_are_names_and_trigger_words(tmp_path, name):
    token = InteractiveToken(checked_name(name, "token"), VECTORS)
    assert TRIGGER_WORD.fullmatch(token.trigger_word)
    assert load_token(save_token(token, tmp_path)).trigger_word == token.trigger_word
    assert json.loads(json.dumps(token.trigger_word)) == f"<{name}>"


@pytest.mark.parametrize(
    "text", ["con", "a/b\\c", "...", "x" * 500, "捡" * 100, "a..b", " -x- ", "nul.txt", "\u0301x", "🤖"]
)
def test_any_text_gives_a_name_that_every_system_takes(text):
    name = name_from(text, "token")
    assert checked_name(name, "token") == name
    assert len(name.encode()) <= LONGEST_NAME
