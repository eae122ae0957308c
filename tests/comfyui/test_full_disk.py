"""A server whose disk is full: it may write no more than some bytes to a file, and the system refuses the rest."""

import resource

import pytest
from safetensors.torch import save_file

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.comfyui.graphs import save_noise_dataset, training
from interactive_action.tests.comfyui.test_editor import small_instruct_pix2pix
from interactive_action.tools.dev.prompts import load_prompt
from interactive_action.tools.dev.server import ComfyServer

ROOM = 50_000  # bytes of a file: enough for the server's log, too little for the token
VECTORS = 16  # for each of 7 layers, 128 wide: 57 kB


@pytest.fixture
def full(tmp_path):
    """A server of its own, as people start it, and a function that says whether its disk is full."""
    save_noise_dataset(tmp_path)
    with ComfyServer(tmp_path) as running:

        def fill(is_full):
            assert len(running.log()) < ROOM / 2
            limit = ROOM if is_full else resource.RLIM_INFINITY
            resource.prlimit(running._process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        yield running, fill


def large_token(**settings):
    """A training of a layer-wise token that takes more than ``ROOM``, with a state after every step."""
    graph = training(**settings)
    inputs = graph["train"]["inputs"]
    for name in ("steering_words", "lambda_steer", "lambda_distill", "gamma", "positives_per_image"):
        inputs.pop(name, None)
    inputs |= {"num_vectors": VECTORS, "save_state_every": 1, "timestep_sampling": "uniform"}
    graph["train"]["class_type"] = "InteractiveActionTrainPPlus"
    return graph


@pytest.mark.slow
def test_a_token_that_found_no_room_is_saved_again_without_training_again(full):
    server, fill = full
    graph, texts, cached = large_token(), [], []
    fill(True)
    with pytest.raises(InteractiveActionError, match=r"token.safetensors could not be written .* File too large"):
        for kind, data in server.client().follow(graph):
            if kind == "executed" and data["node"] == "train":
                texts += data["output"]["text"]
    assert "Training goes on, but its state could not be written" in texts[0]
    assert server.log().count("Training goes on") == 1
    tokens = server.base / "models" / "interactive_tokens"
    assert not list(tokens.glob("*"))
    fill(False)
    for kind, data in server.client().follow(graph):
        cached += data["nodes"] if kind == "execution_cached" else []
    assert "train" in cached
    assert [path.name for path in tokens.iterdir()] == ["token.safetensors"]
    assert (tokens / "token.safetensors").stat().st_size > ROOM


@pytest.mark.slow
def test_an_editor_that_finds_no_room_is_a_sentence_and_leaves_nothing_behind(full):
    server, fill = full
    extend = {"1": load_prompt("extend-an-editor")["1"]}
    plain, name = (extend["1"]["inputs"][key] for key in ("ckpt_name", "name"))
    checkpoints = server.base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    save_file(small_instruct_pix2pix(), checkpoints / plain)
    fill(True)
    with pytest.raises(InteractiveActionError, match=rf"{name}.safetensors could not be written .* File too large"):
        server.client().run(extend)
    assert [path.name for path in checkpoints.iterdir()] == [plain]
    fill(False)
    server.client().run(extend)
    assert (checkpoints / f"{name}.safetensors").is_file()
