"""Training on the real server: progress, Cancel, crashes, bad input, and nothing left changed."""

import os
import signal

import pytest

from interactive_action.client import Cancelled
from interactive_action.errors import InteractiveActionError
from interactive_action.tests.nodes.graphs import drawing, pixels, save_noise_dataset, training
from interactive_action.tools.dev.server import ComfyServer


@pytest.fixture
def base(server):
    save_noise_dataset(server.base)
    return server.base


def token_files(base):
    return sorted(path.name for path in (base / "models" / "embeddings").rglob("*") if path.is_file())


def test_progress_is_told_step_by_step_and_the_token_is_saved(client, base):
    seen = []
    outputs = client.run(training(token="progress"), lambda node, value, maximum: seen.append((node, value, maximum)))
    steps = [value for node, value, maximum in seen if node == "train" and maximum == 6]
    assert steps[0] == 1
    assert steps[-1] == 6
    assert (base / "models" / "embeddings" / "progress.safetensors").is_file()
    assert "<progress>" in outputs["save"]["text"][0]


def test_the_same_seed_gives_the_same_file_byte_for_byte(client, base):
    """The second run is in a graph that ComfyUI has not cached: state files of finished runs must not matter either."""
    files = []
    for every in (5, 4):
        client.run(training(token="twice", save_state_every=every))
        files.append((base / "models" / "embeddings" / "twice.safetensors").read_bytes())
    assert files[0] == files[1]


def test_cancel_stops_within_steps_leaves_no_token_and_the_server_goes_on(client, base):
    before = token_files(base)
    with pytest.raises(Cancelled):
        for kind, data in client.follow(training(token="cancelled", steps=100_000)):
            if kind == "progress" and data["node"] == "train":
                assert data["value"] < 500, "Cancel did not work"
                client.interrupt(data["prompt_id"])
    assert token_files(base) == before
    client.run(training(token="after-cancel", seed=2))
    assert "after-cancel.safetensors" in token_files(base)


def test_a_killed_server_resumes_and_gives_the_very_same_token(client, base, tmp_path):
    settings = {"token": "killed", "steps": 40, "seed": 3}
    client.run(training(**settings))
    whole = (base / "models" / "embeddings" / "killed.safetensors").read_bytes()
    save_noise_dataset(tmp_path)
    with ComfyServer(tmp_path) as doomed, pytest.raises(InteractiveActionError, match="connection"):
        for kind, data in doomed.client().follow(training(**settings)):
            if kind == "progress" and data["node"] == "train" and data["value"] >= 12:
                os.killpg(doomed._process.pid, signal.SIGKILL)
    assert not list((tmp_path / "models" / "embeddings").glob("*"))
    with ComfyServer(tmp_path) as second:
        steps = []
        second.client().run(training(**settings), lambda node, value, _: node == "train" and steps.append(value))
    assert steps[0] > 10, "training began anew"
    assert (tmp_path / "models" / "embeddings" / "killed.safetensors").read_bytes() == whole
    assert not list((tmp_path / "user" / "interactive_action").rglob("*.safetensors")), (
        "a finished run leaves no state file"
    )


def test_stock_sampling_draws_the_same_pixels_before_and_after_training(client, base):
    def draw():
        events = list(client.follow(drawing()))
        assert any(kind == "executing" and data["node"] == "draw" for kind, data in events), (
            "the image came from the cache"
        )
        [image] = next(
            data["output"]["images"] for kind, data in events if kind == "executed" and data["node"] == "show"
        )
        return client.view(image)

    client.run(training(token="other"))  # another graph: ComfyUI forgets cached images but keeps the loaded checkpoint
    before = draw()
    client.run(training(token="pixels", seed=11))
    assert draw() == before


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (training(steps=0), "steps"),
        (training(token="../../evil"), "cannot be called '../../evil'"),
        (training(initializer_token=" "), "initializer token is empty"),
        (training(timestep_sampling="sometimes"), "sometimes"),
        (training(steering_words=""), "no steering words"),
        (training(dataset="nowhere"), "no dataset called 'nowhere'"),
        (training(dataset="../../etc"), r"cannot be called '\.\./\.\./etc'"),
    ],
)
def test_bad_input_is_answered_with_a_sentence_and_leaves_no_file(client, base, graph, sentence):
    before = token_files(base)
    with pytest.raises(InteractiveActionError, match=sentence):
        client.run(graph)
    assert token_files(base) == before


def test_an_empty_data_set_is_answered_with_a_sentence(client, base):
    folder = base / "datasets" / "interactive_action" / "empty"
    folder.mkdir(exist_ok=True)
    (folder / "metadata.jsonl").write_text("")
    with pytest.raises(InteractiveActionError, match="empty"):
        client.run(training(dataset="empty"))


def test_a_template_without_the_placeholder_is_answered_with_a_sentence(client, base):
    graph = training()
    graph["caption"] = {
        "class_type": "InteractiveActionCaptionImages",
        "inputs": {"images": ["data", 1], "subject": "frog", "object": "cup", "templates": "{subject} lifts {object}"},
    }
    graph["train"]["inputs"]["dataset"] = ["caption", 0]
    with pytest.raises(InteractiveActionError, match=r"holds <v\*> 0 times"):
        client.run(graph)


def test_a_token_of_another_width_is_refused_by_the_loader(client, base):
    import torch

    from interactive_action.tokens.token import InteractiveToken
    from interactive_action.tokens.token_file import save_token

    save_token(InteractiveToken("wide", torch.zeros(1, 768)), base / "models" / "embeddings", overwrite=True)
    graph = drawing("a panda <wide> a cup")
    graph["load"] = {
        "class_type": "InteractiveTokenLoader",
        "inputs": {"model": ["ckpt", 0], "clip": ["ckpt", 1], "token_name": "wide.safetensors"},
    }
    graph["yes"]["inputs"]["clip"] = ["load", 1]
    with pytest.raises(InteractiveActionError, match="width 768, and this CLIP has width 128"):
        client.run(graph)


def test_the_loader_notices_a_changed_file(client, base):
    def load():
        graph = drawing("a panda <changing> a cup")
        graph["load"] = {
            "class_type": "InteractiveTokenLoader",
            "inputs": {"model": ["ckpt", 0], "clip": ["ckpt", 1], "token_name": "changing.safetensors"},
        }
        graph["yes"]["inputs"]["clip"] = ["load", 1]
        events = list(client.follow(graph))
        [image] = next(
            data["output"]["images"] for kind, data in events if kind == "executed" and data["node"] == "show"
        )
        return pixels(client, image)

    import torch

    from interactive_action.tokens.token import InteractiveToken
    from interactive_action.tokens.token_file import save_token

    images = []
    for seed in (1, 2):
        vectors = torch.randn(1, 128, generator=torch.Generator().manual_seed(seed))
        save_token(InteractiveToken("changing", vectors), base / "models" / "embeddings", overwrite=True)
        images.append(load())
    assert images[0] != images[1]
