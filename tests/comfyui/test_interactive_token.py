"""Saving, loading and using tokens on the real server and in the real page."""

import json

import pytest
import torch
from safetensors.torch import save_file

from interactive_action.errors import InteractiveActionError
from interactive_action.miniature.weights import EXAMPLE_TOKEN
from interactive_action.tests.comfyui.graphs import drawing, pixels, save_noise_dataset
from interactive_action.tests.comfyui.test_training_methods import shortened
from interactive_action.tokens.noise_gate import EVERYWHERE, NoiseGate
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token
from interactive_action.tools.dev.browser import Browser
from interactive_action.tools.dev.prompts import load_prompt, node
from interactive_action.tools.dev.workflows import NOTES

SAYERS = {f"InteractiveAction{name}Token" for name in ("Save", "Apply", "Import", "Pull")} | {"InteractiveTokenLoader"}
VECTORS = torch.randn(2, 128, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def embeddings(server):
    folder = server.base / "models" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def loading(token_name, text):
    """Teach the CLIP the token and draw one image."""
    graph = drawing(text)
    graph["load"] = {
        "class_type": "InteractiveTokenLoader",
        "inputs": {"model": ["ckpt", 0], "clip": ["ckpt", 1], "token_name": token_name},
    }
    graph["draw"]["inputs"]["model"] = ["load", 0]
    graph["yes"]["inputs"]["clip"] = ["load", 1]
    return graph


def image(client, graph):
    [file] = client.run(graph)["show"]["images"]
    return pixels(client, file)


def listed(client):
    return json.dumps(client.nodes()["InteractiveTokenLoader"]["input"]["required"]["token_name"])


# A ready token


def test_a_ready_token_comes_with_the_pack_and_the_users_folder_stays_as_it_was(client, embeddings):
    assert EXAMPLE_TOKEN.name in listed(client)
    assert not (embeddings / EXAMPLE_TOKEN.name).exists()
    prompt = load_prompt("use-a-token")
    node(prompt, "Empty Latent")[1]["inputs"]["batch_size"] = 2
    log = client.run(prompt)
    shown = [pixels(client, log[node(prompt, f"Save ({kind})")[0]]["images"][0]) for kind in ("token", "plain words")]
    assert shown[0] != shown[1]
    assert log[node(prompt, "Interactive Token Loader")[0]]["text"] == ["Write <lift-overhead> in a prompt."]
    assert not (embeddings / EXAMPLE_TOKEN.name).exists()


def test_the_ready_token_says_how_it_was_made():
    provenance = load_token(EXAMPLE_TOKEN).provenance
    assert provenance["interactive_action.action"] == "lift overhead"
    assert provenance["interactive_action.base_model"] == "interactive-action-miniature.safetensors"
    assert provenance["interactive_action.images"] == "96"
    assert provenance["modelspec.license"] == "Apache-2.0"
    trainer = node(load_prompt("teach-an-action-from-simulation"), "Train Interactive Token")[1]["inputs"]
    hyperparameters = json.loads(provenance["interactive_action.hyperparameters"])
    assert hyperparameters["steps"] == trainer["steps"]
    assert hyperparameters["seed"] == trainer["seed"]


def test_a_users_file_of_the_same_name_comes_first(client, embeddings):
    ready = image(client, loading(EXAMPLE_TOKEN.name, "a panda <lift-overhead> a cup"))
    own = save_token(InteractiveToken(EXAMPLE_TOKEN.stem, VECTORS), embeddings)
    try:
        assert image(client, loading(EXAMPLE_TOKEN.name, "a panda <lift-overhead> a cup")) != ready
    finally:
        own.unlink()


# Words that act at some noise levels alone


def ranged(graph, texts_and_ranges):
    """The same drawing by stock nodes: a CLIPTextEncode with a timestep range for each text, combined."""
    parts = []
    for number, (text, start, end) in enumerate(texts_and_ranges):
        encode, cut = f"text{number}", f"range{number}"
        graph[encode] = {
            "class_type": "CLIPTextEncode",
            "inputs": {"clip": graph["yes"]["inputs"]["clip"], "text": text},
        }
        graph[cut] = {
            "class_type": "ConditioningSetTimestepRange",
            "inputs": {"conditioning": [encode, 0], "start": start, "end": end},
        }
        parts.append([cut, 0])
    graph["yes"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": parts[0], "conditioning_2": parts[1]},
    }
    return graph


def test_a_word_that_acts_early_alone_draws_what_stock_timestep_ranges_draw(client, embeddings):
    gate = NoiseGate(0.0, 0.45, "handling")
    for name, kept in (("gate-open", EVERYWHERE), ("gate-early", gate)):
        save_token(InteractiveToken(name, VECTORS, gate=kept), embeddings, overwrite=True)
    opened = loading("gate-open.safetensors", "a panda <gate-open> a cup")
    by_stock_nodes = ranged(
        loading("gate-open.safetensors", ""),
        [("a panda <gate-open> a cup", 0.0, 0.45), ("a panda handling a cup", 0.45, 1.0)],
    )
    by_file = loading("gate-early.safetensors", "a panda <gate-early> a cup")
    by_widgets = loading("gate-open.safetensors", "a panda <gate-open> a cup")
    by_widgets["load"]["inputs"].update(end_percent=0.45, plain_word="handling")
    ungated = loading("gate-early.safetensors", "a panda <gate-early> a cup")
    ungated["load"]["inputs"]["use_noise_gate"] = False
    always = image(client, opened)
    early = image(client, by_stock_nodes)
    assert early != always
    assert image(client, by_file) == image(client, by_widgets) == early
    assert image(client, ungated) == always


def test_a_range_that_is_none_is_refused_before_anything_runs(client, embeddings):
    save_token(InteractiveToken("gate-open", VECTORS), embeddings, overwrite=True)
    graph = loading("gate-open.safetensors", "a panda <gate-open> a cup")
    graph["load"]["inputs"].update(start_percent=0.5, end_percent=0.2)
    with pytest.raises(InteractiveActionError, match=r"0\.5.*0\.2.*between 0 and 1"):
        client.run(graph)


# Prompts follow the saved word


def test_every_workflow_that_saves_or_loads_a_token_and_draws_with_it_feeds_its_word_into_the_prompt():
    followed, teachers = [], ("InteractiveActionApplyToken", "InteractiveTokenLoader")
    for name in NOTES:
        prompt = load_prompt(name)
        for prompt_node in prompt.values():
            if prompt_node["class_type"] != "CLIPTextEncode":
                continue
            teacher = prompt[prompt_node["inputs"]["clip"][0]]
            text = prompt_node["inputs"]["text"]
            assert "<" not in str(text), f"{name}: {text} names a word that another run may not have"
            if isinstance(text, list) and teacher["class_type"] in teachers:
                source = prompt[text[0]]
                word = source["inputs"].get("replace") or source["inputs"].get("word")
                origin = prompt[word[0]]["class_type"]
                assert origin in SAYERS
                followed.append(name)
    assert set(followed) == {
        "teach-an-action-from-simulation",
        "use-a-token",
        "share-a-token",
        "fetch-a-token",
        "teach-z-image-an-action",
        "teach-flux-an-action",
        "use-a-token-with-z-image",
        "train-with-p-plus",
        "train-with-adi",
        "train-with-custom-diffusion",
        "compare-methods",
    }


def test_after_another_run_the_prompt_says_the_new_files_word(server, client):
    save_noise_dataset(server.base)
    for seed in (1, 2):
        prompt, _ = shortened("train-with-p-plus", "follow", learning_rate=1.0, seed=seed)
        outputs = client.run(prompt)
    assert outputs[node(prompt, "Save Interactive Token")[0]]["text"] == [
        "Saved follow-2.safetensors. Write <follow-2> in a prompt."
    ]
    first = node(prompt, "First images with the new word")[0]
    shown = [pixels(client, file) for file in outputs[first]["images"]]
    for text, equal in (("a panda <follow-2> a strawberry", True), ("a panda <follow> a strawberry", False)):
        node(prompt, "Prompt with the new word")[1]["inputs"]["text"] = text  # what was trained is not trained again
        again = client.run(prompt)
        assert ([pixels(client, file) for file in again[first]["images"]] == shown) is equal


# Words that nobody taught


@pytest.mark.browser
def test_the_page_shows_the_warning_on_the_prompts_node_and_withdraws_it(server, embeddings):
    save_token(InteractiveToken("known", VECTORS), embeddings, overwrite=True)
    with Browser() as browser:
        browser.open_comfyui(server.address)

        def shown(text):
            """What the node of the prompt says after a run with this text."""
            graph = {str(number): value for number, value in enumerate(loading("known.safetensors", text).values(), 1)}
            numbers = {key: str(number) for number, key in enumerate(loading("", ""), 1)}
            for value in graph.values():
                for name, link in value["inputs"].items():
                    if isinstance(link, list):
                        value["inputs"][name] = [numbers[link[0]], link[1]]
            if not browser.evaluate("app.graph._nodes.some(node => node.type === 'InteractiveTokenLoader')"):
                browser.evaluate(f"app.loadApiJson({json.dumps(graph)}, 'warned')")
            prompt = f"app.graph.getNodeById({numbers['yes']})"
            browser.evaluate(f"{prompt}.widgets.find(widget => widget.name === 'text').value = {json.dumps(text)}")
            browser.evaluate("window.ended = 0, app.api.addEventListener('execution_success', () => window.ended++), 0")
            browser.evaluate("app.queuePrompt(0).then(() => 0)")
            browser.wait("window.ended > 0")
            return browser.evaluate(
                f"{prompt}.widgets.find(widget => widget.name.includes('text-preview'))?.value ?? ''"
            )

        assert shown("a panda <known> a cup") == ""
        assert shown("a panda <unknown> a cup").endswith(
            "not taught <unknown> and reads plain letters. It knows <known>."
        )
        assert shown("a red panda <known> a cup") == "This CLIP knows <known>."
    assert server.log().count("was not taught <unknown>") == 1


# Files


def test_embeddings_of_every_kind_are_listed_and_draw_the_same(client, embeddings):
    save_file({"emb_params": VECTORS}, embeddings / "kind-one.SAFETENSORS")
    torch.save({"string_to_param": {"*": torch.nn.Parameter(VECTORS)}, "name": "x"}, embeddings / "kind-two.pt")
    torch.save({"<cat-toy>": VECTORS}, embeddings / "kind-three.bin")
    (embeddings / "kind-three.png").write_bytes(b"")
    names = ["kind-one.SAFETENSORS", "kind-two.pt", "kind-three.bin"]
    assert all(f'"{name}"' in listed(client) for name in names)
    assert "kind-three.png" not in listed(client)
    drawn = [image(client, loading(name, f"a panda <{name.split('.')[0]}> a cup")) for name in names]
    assert drawn[0] == drawn[1] == drawn[2]
    assert image(client, loading(names[0], "a panda <kind-two> a cup")) != drawn[0]


def test_a_file_of_broken_numbers_is_named_and_nothing_is_drawn(client, embeddings):
    save_file({"emb_params": torch.full((1, 128), float("nan"))}, embeddings / "diverged.safetensors")
    with pytest.raises(InteractiveActionError, match=r"diverged\.safetensors cannot be used: 128 of its 128 numbers"):
        client.run(loading("diverged.safetensors", "a panda <diverged> a cup"))


@pytest.mark.parametrize(
    "name", ["gone.safetensors", "interactive_tokens/gone.safetensors", "", "../../secret", None, 5]
)
def test_a_token_that_is_not_there_is_answered_with_a_sentence_that_names_those_that_are(client, name):
    with pytest.raises(InteractiveActionError, match=r"(no token|but is) .*: .*lift-overhead\.safetensors"):
        client.run(loading(name, "a panda"))


def test_where_there_is_no_token_at_all_the_sentence_says_how_to_get_one(monkeypatch, tmp_path):
    import folder_paths

    from interactive_action.nodes.interactive_token import InteractiveTokenLoader

    for folder in ("embeddings", "interactive_tokens"):
        monkeypatch.setitem(folder_paths.folder_names_and_paths, folder, ([str(tmp_path)], {".safetensors"}))
        monkeypatch.delitem(folder_paths.filename_list_cache, folder, raising=False)
    sentence = InteractiveTokenLoader.validate_inputs(token_name="pick-up.safetensors")
    assert sentence.startswith("There is no token 'pick-up.safetensors', nor any other")
    assert "Save Interactive Token" in sentence
    assert InteractiveTokenLoader.validate_inputs(token_name=None) is True  # a link, whose value is not known yet
