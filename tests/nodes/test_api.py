"""The headless client against the real server, with stock nodes."""

import io

import pytest
from PIL import Image

from interactive_action.client import ComfyClient
from interactive_action.errors import InteractiveActionError
from interactive_action.tools.dev.server import ComfyServer, free_port


def red_image(width=32):
    """A graph that makes a red image: nodes "image" and "preview"."""
    size = {"width": width, "height": 16, "batch_size": 1, "color": 0xFF0000}
    return {
        "image": {"class_type": "EmptyImage", "inputs": size},
        "preview": {"class_type": "PreviewImage", "inputs": {"images": ["image", 0]}},
    }


def test_a_graph_runs_and_its_image_comes_back(client):
    (file,) = client.run(red_image())["preview"]["images"]
    image = Image.open(io.BytesIO(client.view(file)))
    assert image.size == (32, 16)
    assert image.getpixel((0, 0)) == (255, 0, 0)


def test_an_uploaded_image_is_one_that_load_image_finds(client, tmp_path):
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "blue.png")
    graph = red_image()
    graph["image"] = {"class_type": "LoadImage", "inputs": {"image": client.upload(tmp_path / "blue.png")}}
    (file,) = client.run(graph)["preview"]["images"]
    assert Image.open(io.BytesIO(client.view(file))).getpixel((0, 0)) == (0, 0, 255)


def test_events_come_in_order_and_end_with_success(client):
    kinds = [kind for kind, _ in client.follow(red_image(width=33))]
    assert kinds[0] == "execution_start"
    assert kinds[-1] == "execution_success"
    assert "executed" in kinds


def test_a_value_out_of_range_is_refused_with_the_name_of_its_node(client):
    with pytest.raises(InteractiveActionError, match=r"EmptyImage \(node image\): Value 0 smaller than min of 1"):
        client.run(red_image(width=0))


def test_a_graph_with_one_bad_branch_is_refused_as_a_whole(client):
    bad = {f"bad {name}": node for name, node in red_image(width=0).items()}
    bad["bad preview"]["inputs"]["images"] = ["bad image", 0]
    with pytest.raises(InteractiveActionError, match="bad image"):
        client.run({**red_image(width=34), **bad})


def test_an_unknown_node_is_refused_by_name(client):
    with pytest.raises(InteractiveActionError, match="'Nix' not found"):
        client.run({"1": {"class_type": "Nix", "inputs": {}}})


def test_no_server_at_all_is_a_sentence():
    with pytest.raises(InteractiveActionError, match="The connection to ComfyUI at 127.0.0.1:.* failed"):
        ComfyClient(f"127.0.0.1:{free_port()}").run(red_image())


def test_a_server_that_cannot_start_says_why(tmp_path):
    broken = ComfyServer(tmp_path / "comfyui", arguments=["--nix"])
    with pytest.raises(InteractiveActionError, match="unrecognized arguments: --nix"):
        broken.__enter__()
