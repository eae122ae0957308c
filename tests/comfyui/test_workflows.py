"""The shipped workflows: offered in the page, the same graphs as the headless prompts, and they run."""

import json

import pytest

from interactive_action.tools.dev.browser import Browser
from interactive_action.tools.dev.prompts import load_prompt, node
from interactive_action.tools.dev.server import ROOT
from interactive_action.tools.dev.workflows import NOTES, WORKFLOWS

NAMES = tuple(NOTES)


@pytest.fixture(scope="module")
def browser(server):
    with Browser() as browser:
        browser.open_comfyui(server.address)
        yield browser


@pytest.fixture(scope="module")
def taught(server):
    """The teaching workflow, run with few images and steps: (its prompt, its outputs, progress by node title)."""
    prompt = load_prompt("teach-an-action-from-simulation")
    node(prompt, "Record Interaction")[1]["inputs"].update(num_episodes=2)
    node(prompt, "Train Interactive Token")[1]["inputs"].update(steps=6, batch_size=2)
    node(prompt, "Save Interactive Token")[1]["inputs"]["name"] = (
        "taught"  # no other test saves it
    )
    seen = {}
    outputs = server.client().run(
        prompt, lambda key, value, maximum: seen.setdefault(prompt[key]["_meta"]["title"], []).append((value, maximum))
    )
    return prompt, outputs, seen


def test_teaching_runs_headless_and_tells_its_progress(server, taught):
    _, _, seen = taught
    steps = seen["Train Interactive Token"]  # the server leaves out messages that follow each other too fast
    assert len(steps) > 1
    assert steps == sorted(set(steps))
    assert steps[-1] == (6, 6)
    value, maximum = seen["Record Interaction"][-1]
    assert value == maximum > 1
    assert (server.base / "models" / "embeddings" / "taught.safetensors").is_file()


def test_the_saved_token_tells_where_it_came_from(server, taught):
    from interactive_action.tokens.token_file import load_token

    token = load_token(server.base / "models" / "embeddings" / "taught.safetensors")
    assert token.trigger_word == "<taught>"
    assert token.provenance["interactive_action.action"] == "pick up"
    assert token.provenance["interactive_action.base_model"] == "interactive-action-miniature.safetensors"
    assert len(token.provenance["interactive_action.dataset_sha256"]) == 64
    assert json.loads(token.provenance["interactive_action.hyperparameters"])["steps"] == 6


def test_the_ready_token_is_used_and_scored(server):
    prompt = load_prompt("use-a-token")
    node(prompt, "Empty Latent")[1]["inputs"]["batch_size"] = 2
    outputs = server.client().run(prompt)
    report = json.loads(outputs[node(prompt, "Report (token)")[0]]["text"][0])
    assert report["scores"]["n"] == 2
    with_token, plain = (
        server.client().view(outputs[node(prompt, f"Save ({kind})")[0]]["images"][0])
        for kind in ("token", "plain words")
    )
    assert with_token != plain


def test_a_data_set_that_was_saved_trains_again(server, taught):
    prompt = load_prompt("train-from-a-saved-dataset")
    node(prompt, "Train Interactive Token")[1]["inputs"].update(steps=3, batch_size=2)
    outputs = server.client().run(prompt)
    assert "Write <" in outputs[node(prompt, "Save Interactive Token")[0]]["text"][0]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_loads_is_what_the_headless_prompt_says(browser, name):
    workflow = (WORKFLOWS / f"{name}.json").read_text(encoding="utf-8")
    loaded = browser.evaluate(
        f"app.loadGraphData({workflow}).then(() => app.graphToPrompt()).then(graph => graph.output)"
    )
    prompt = load_prompt(name)
    assert {key: value["class_type"] for key, value in loaded.items()} == {
        key: value["class_type"] for key, value in prompt.items()
    }
    for key, value in prompt.items():
        assert loaded[key]["inputs"].items() >= value["inputs"].items(), value["_meta"]["title"]


@pytest.mark.parametrize("name", NAMES)
def test_the_template_browser_offers_it_with_an_image(server, name):
    client = server.client()
    assert name in json.loads(client.get("/workflow_templates"))["interactive-action"]
    for suffix in ("json", "jpg"):
        assert client.get(f"/api/workflow_templates/interactive-action/{name}.{suffix}")


def test_every_node_of_the_pack_stands_in_a_shipped_workflow(client):
    ours = {name for name, node in client.nodes().items() if node["category"].startswith("Interactive Action")}
    shipped = {value["class_type"] for name in NAMES for value in load_prompt(name).values()}
    assert ours <= shipped


def test_no_prompt_is_offered_as_a_template_by_mistake():
    assert {path.stem for path in WORKFLOWS.glob("*.json")} == set(NAMES)
    assert not any((ROOT / name).exists() for name in ("example", "examples", "example_workflows", "workflow"))
