"""Sharing on the real server: out, up to a stand-in of the hub, down again and in."""

import pytest
import torch

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import EXAMPLE_TOKEN
from interactive_action.tests.tokens.hub_stand_in import HubStandIn
from interactive_action.tokens.token_file import load_token
from interactive_action.tools.dev.prompts import load_prompt, node
from interactive_action.tools.dev.server import ComfyServer


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as hub:
        yield hub


@pytest.fixture(scope="module")
def online(hub, tmp_path_factory):
    """A server whose user is logged in at the stand-in."""
    environment = {"HF_ENDPOINT": hub.address, "HF_TOKEN": "hf_anna"}
    with ComfyServer(tmp_path_factory.mktemp("online"), environment=environment) as running:
        yield running


def share(repository=""):
    prompt = load_prompt("share-a-token")
    node(prompt, "Empty Latent")[1]["inputs"]["batch_size"] = 2
    node(prompt, "Draw with the token")[1]["inputs"]["steps"] = 4
    node(prompt, "Push Token (Hugging Face)")[1]["inputs"]["repository"] = repository
    return prompt


@pytest.mark.server
def test_a_token_is_exported_pushed_pulled_and_drawn_with(online, hub):
    prompt = share("anna/lift")
    shown = online.client().run(prompt)
    assert shown[node(prompt, "Export Token")[0]]["text"] == ["Exported to output/interactive_tokens/lift-overhead."]
    assert shown[node(prompt, "Push Token (Hugging Face)")[0]]["text"] == [f"Uploaded to {hub.address}/anna/lift."]
    files = hub.repositories["anna/lift"]["files"]
    card = files["README.md"].decode()
    assert "Over 2 images" in card
    assert "lift overhead" in card
    assert str(online.base) not in card
    assert files["lift-overhead.preview.png"].startswith(b"\x89PNG")

    prompt = load_prompt("fetch-a-token")
    node(prompt, "Pull Token (Hugging Face)")[1]["inputs"].update(repository="anna/lift", name="举过头顶")
    node(prompt, "Draw with the token")[1]["inputs"]["steps"] = 2
    shown = online.client().run(prompt)
    assert shown[node(prompt, "Save Image")[0]]["images"]
    token = load_token(online.base / "models" / "embeddings" / "举过头顶.safetensors")
    assert token.trigger_word == "<举过头顶>"
    assert torch.equal(token.vectors, load_token(EXAMPLE_TOKEN).vectors)
    assert (online.base / "models" / "embeddings" / "举过头顶.preview.png").is_file()


@pytest.mark.server
def test_nothing_is_uploaded_where_no_repository_is_named(online, hub):
    asked = len(hub.paths)
    prompt = share()
    shown = online.client().run(prompt)
    assert shown[node(prompt, "Push Token (Hugging Face)")[0]]["text"] == [
        "Nothing was uploaded: no repository is named."
    ]
    assert len(hub.paths) == asked


@pytest.mark.server
@pytest.mark.parametrize("folder", ["../../models", "/etc", "gone", ""])
def test_no_folder_but_an_exported_one_goes_up(online, folder):
    graph = {"push": {"class_type": "InteractiveActionPushToken", "inputs": {"folder": folder, "repository": "anna/x"}}}
    graph["push"]["inputs"]["private"] = True
    with pytest.raises(InteractiveActionError, match="leads out|no folder|holds no token"):
        online.client().run(graph)


@pytest.mark.server
def test_an_embedding_in_the_input_folder_is_listed_and_taken_in(online):
    folder = online.base / "input" / "from a friend"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"<cat-toy>": torch.ones(1, 128)}, folder / "learned_embeds.bin")
    client = online.client()
    name = "input/from a friend/learned_embeds.bin"
    assert name in str(client.nodes()["InteractiveActionImportToken"]["input"]["required"]["file"])
    graph = {"in": {"class_type": "InteractiveActionImportToken", "inputs": {"file": name, "name": ""}}}
    assert client.run(graph)["in"]["text"] == [
        "cat-toy.safetensors is in the models folder. Write <cat-toy> in a prompt."
    ]
    assert "cat-toy.safetensors" in str(client.nodes()["InteractiveTokenLoader"]["input"]["required"]["token_name"])


@pytest.mark.server
def test_a_report_that_iascore_did_not_write_is_refused(online):
    prompt = share()
    export = node(prompt, "Export Token")[1]["inputs"]
    prompt["text"] = {"class_type": "PrimitiveString", "inputs": {"value": "0.74"}, "_meta": {"title": "text"}}
    export["report"] = ["text", 0]
    with pytest.raises(InteractiveActionError, match="which IAScore did not write"):
        online.client().run(prompt)
