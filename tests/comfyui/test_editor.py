"""Editing with text and style on the real server, from a small InstructPix2Pix of random weights."""

import io

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from interactive_action.errors import InteractiveActionError
from interactive_action.models.style_editor.extend import CONV_IN, PLAIN_CHANNELS, widen
from interactive_action.tools.dev.prompts import load_prompt, node


def small_instruct_pix2pix():
    """The embedded model with input channels for an image."""
    from interactive_action.miniature.weights import CHECKPOINT

    state = load_file(CHECKPOINT)
    state[CONV_IN] = widen(state[CONV_IN], PLAIN_CHANNELS)
    state[CONV_IN][:, 4:] = 0.02 * torch.randn(64, 4, 3, 3, generator=torch.Generator().manual_seed(0)).half()
    return state


REPLACED = ("Interaction Scene", "Record Interaction", "Style Samples", "Load Checkpoint")


@pytest.fixture(scope="module")
def prompt(server):
    """The shipped workflow with a checkpoint that is extended first and images of one's own; two steps."""
    prompt = load_prompt("edit-with-text-and-style")
    extend = load_prompt("extend-an-editor")["1"]
    checkpoints = server.base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    save_file(small_instruct_pix2pix(), checkpoints / extend["inputs"]["ckpt_name"])
    prompt["extend"] = extend
    for value in prompt.values():
        for name, source in value["inputs"].items():
            if isinstance(source, list) and source[0] == node(prompt, "Load Checkpoint")[0]:
                value["inputs"][name] = ["extend", source[1]]
    for name, size in (("image", (100, 96)), ("style", (200, 50))):
        noise = torch.randint(256, (size[1], size[0], 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        Image.fromarray(noise.numpy()).save(server.base / "input" / f"{name}.png")
        prompt[name] = {"class_type": "LoadImage", "inputs": {"image": f"{name}.png"}, "_meta": {"title": name}}
        node(prompt, "Image and Style Conditioning")[1]["inputs"][name] = [name, 0]
    node(prompt, "Scheduler")[1]["inputs"]["steps"] = 2
    return {key: value for key, value in prompt.items() if value["_meta"]["title"] not in REPLACED}


def edited(client, prompt):
    outputs = client.run(prompt)
    return Image.open(io.BytesIO(client.view(outputs[node(prompt, "Save the edit")[0]]["images"][0])))


def test_the_workflow_extends_a_checkpoint_and_edits_with_it(server, prompt):
    assert edited(server.client(), prompt).size == (96, 96)
    assert (server.base / "models" / "checkpoints" / "style-editor.safetensors").is_file()


def test_the_extended_file_loads_in_the_stock_loader_and_draws_the_same(server, prompt):
    first = edited(server.client(), prompt)
    stock = {
        **prompt,
        "extend": {
            "class_type": "CheckpointLoaderSimple",
            "inputs": {"ckpt_name": "style-editor.safetensors"},
            "_meta": {"title": "Load Checkpoint"},
        },
    }
    assert edited(server.client(), stock).tobytes() == first.tobytes()


def test_a_checkpoint_that_is_none_of_instruct_pix2pix_is_told_and_nothing_written(server, prompt):
    graph = {
        "1": {**prompt["extend"], "inputs": {"ckpt_name": "interactive-action-miniature.safetensors", "name": "other"}}
    }
    with pytest.raises(InteractiveActionError, match="takes 4 input channels: it draws from text alone"):
        server.client().run(graph)
    assert not (server.base / "models" / "checkpoints" / "other.safetensors").exists()


def test_a_file_of_another_origin_is_kept(server, prompt):
    name = prompt["extend"]["inputs"]["ckpt_name"].removesuffix(".safetensors")
    graph = {"1": {**prompt["extend"], "inputs": {**prompt["extend"]["inputs"], "name": name}}}
    with pytest.raises(InteractiveActionError, match="was not made from"):
        server.client().run(graph)


def test_a_negative_scale_is_told_before_anything_runs(server, prompt):
    graph = {key: {**value, "inputs": dict(value["inputs"])} for key, value in prompt.items()}
    node(graph, "Guider: Image + Style + Text")[1]["inputs"]["s_sty"] = -1.0
    with pytest.raises(InteractiveActionError, match="s_sty is -1: a negative scale"):
        server.client().run(graph)
