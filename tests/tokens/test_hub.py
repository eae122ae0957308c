"""Tokens up to and down from a hub: a real HTTP server that answers as Hugging Face's does."""

import pathlib

import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.tokens.hub_stand_in import HubStandIn
from interactive_action.tokens.export_token import export_token
from interactive_action.tokens.hub import pull_token, push_token
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token

TOKEN = InteractiveToken("pick-up", torch.randn(2, 8, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def hub(monkeypatch):
    with HubStandIn() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setenv("HF_TOKEN", "hf_anna")
        yield hub


@pytest.fixture
def exported(tmp_path):
    return export_token(TOKEN, tmp_path / "exports", Image.new("RGB", (64, 64), "red"), license="mit")


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "embeddings", tmp_path / "interactive_tokens"


def test_what_goes_up_comes_down_the_same_with_its_preview(hub, exported, folders):
    assert push_token(exported, "anna/pick-up", private=False) == f"{hub.address}/anna/pick-up"
    files = hub.repositories["anna/pick-up"]["files"]
    assert files == {path.name: path.read_bytes() for path in exported.iterdir()}
    assert set(files) == {"README.md", "pick-up.preview.png", "pick-up.safetensors"}
    path = pull_token("anna/pick-up", folders)
    assert path == folders[0] / "pick-up.safetensors"
    assert torch.equal(load_token(path).vectors, TOKEN.vectors)
    assert path.with_name("pick-up.preview.png").read_bytes() == files["pick-up.preview.png"]
    assert pull_token("anna/pick-up", folders) == path  # another run adds no second copy
    assert pull_token("anna/pick-up", folders, name="lift").name == "lift.safetensors"


def test_a_new_repository_is_private_unless_the_user_says_otherwise(hub, exported, folders, monkeypatch):
    push_token(exported, "anna/secret")
    assert hub.repositories["anna/secret"]["private"]
    monkeypatch.setenv("HF_TOKEN", "hf_bert")
    with pytest.raises(InteractiveActionError, match="no repository anna/secret .* or it is private"):
        pull_token("anna/secret", folders)


def test_only_the_token_its_preview_and_card_go_up(hub, exported):
    (exported / "private-notes.txt").write_text("mine", encoding="utf-8")
    push_token(exported, "anna/pick-up")
    assert "private-notes.txt" not in hub.repositories["anna/pick-up"]["files"]


def test_nobody_logged_in_is_told_how_and_nothing_is_asked_of_the_hub(hub, exported, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with pytest.raises(InteractiveActionError, match="`hf auth login` once in a terminal"):
        push_token(exported, "anna/pick-up")
    assert hub.paths == []


def test_a_repository_of_somebody_else_is_refused_with_the_hubs_own_words(hub, exported):
    with pytest.raises(InteractiveActionError, match=r"refuses this for bert/pick-up \(403\).*rights"):
        push_token(exported, "bert/pick-up")


@pytest.mark.parametrize("name", ["pick-up", "a/b/c", "", "anna/..", "anna/a b"])
def test_a_repository_is_written_as_user_and_name(hub, folders, name):
    with pytest.raises(InteractiveActionError, match=r"user/name|cannot be a repository"):
        pull_token(name, folders)
    assert hub.paths == []


def test_an_embedding_of_the_concepts_library_comes_in_under_the_word_in_it(hub, folders, tmp_path):
    torch.save({"<cat-toy>": TOKEN.vectors[0]}, tmp_path / "learned_embeds.bin")
    files = {"learned_embeds.bin": (tmp_path / "learned_embeds.bin").read_bytes(), "README.md": b"x"}
    hub.repositories["sd-concepts/cat-toy"] = {"private": False, "files": files}
    path = pull_token("sd-concepts/cat-toy", folders)
    assert path.name == "cat-toy.safetensors"
    assert load_token(path).provenance["interactive_action.imported_from"] == "learned_embeds.bin"


@pytest.mark.parametrize(
    ("files", "file", "sentence"),
    [
        ({"a.safetensors": b"1", "b/c.pt": b"2"}, "", r"has 2 files that can be tokens: a\.safetensors, b/c\.pt"),
        ({"notes.md": b"1"}, "", "has no token"),
        ({"a.safetensors": b"1"}, "b.pt", r"has no file 'b\.pt'. Files that can be tokens: a\.safetensors"),
        ({"a.safetensors": b"no tensors"}, "", r"a\.safetensors could not be read"),
    ],
)
def test_a_repository_without_one_token_is_answered_with_what_it_has(hub, folders, files, file, sentence):
    hub.repositories["anna/mixed"] = {"private": False, "files": files}
    with pytest.raises(InteractiveActionError, match=sentence):
        pull_token("anna/mixed", folders, file)
    assert not any(map(pathlib.Path.exists, folders))


def test_a_file_of_gigabytes_is_refused_before_it_is_fetched(hub, folders, monkeypatch):
    hub.repositories["anna/model"] = {"private": False, "files": {"model.safetensors": b"x" * 2000}}
    monkeypatch.setattr("interactive_action.tokens.hub.LARGEST", 1000)
    with pytest.raises(InteractiveActionError, match=r"model\.safetensors of anna/model is not a token"):
        pull_token("anna/model", folders)
    assert not any("resolve" in path for path in hub.paths)


def test_what_the_hub_does_not_have_or_show_is_a_sentence(hub, folders):
    with pytest.raises(InteractiveActionError, match="no repository anna/gone"):
        pull_token("anna/gone", folders)
    hub.repositories["anna/there"] = {"private": False, "files": {"a.safetensors": b"1"}}
    with pytest.raises(InteractiveActionError, match="has no such revision"):
        pull_token("anna/there", folders, revision="v9")
    hub.repositories["anna/gated"] = {"private": False, "gated": True, "files": {}}
    with pytest.raises(InteractiveActionError, match="agreed to its terms"):
        pull_token("anna/gated", folders)


def test_no_network_is_a_sentence(folders, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    with pytest.raises(InteractiveActionError, match="could not be reached"):
        pull_token("anna/pick-up", folders)
