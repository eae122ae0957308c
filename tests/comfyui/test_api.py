"""The headless client against the real server, with stock nodes."""

import contextlib
import functools
import http.server
import io
import json
import os
import signal
import socket
import threading
import time

import pytest
from PIL import Image

from interactive_action.client import Cancelled, ComfyClient, open_url
from interactive_action.errors import InteractiveActionError
from interactive_action.tests.nodes.graphs import save_noise_dataset, training
from interactive_action.tools.dev.browser import Browser
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


@pytest.mark.server
def test_a_server_that_cannot_start_says_why(tmp_path):
    broken = ComfyServer(tmp_path / "comfyui", arguments=["--nix"])
    with pytest.raises(InteractiveActionError, match="unrecognized arguments: --nix"):
        broken.__enter__()


@pytest.fixture
def busy(server):
    """A server that trains until somebody interrupts it; (client, events) of the training."""
    save_noise_dataset(server.base)
    client = server.client()
    events = client.follow(training(steps=100_000, seed=time.time_ns()))
    running = next(data["prompt_id"] for kind, data in events if kind == "progress")
    yield client, running
    client.interrupt(running)
    with pytest.raises(Cancelled):
        list(events)


@pytest.fixture
def suspended():
    """A function that stops a server's process without ending it: its connections stay open and nothing answers."""
    stopped = []

    def stop(server):
        os.killpg(server._process.pid, signal.SIGSTOP)
        stopped.append(server)

    yield stop
    for server in stopped:
        os.killpg(server._process.pid, signal.SIGCONT)


def test_silence_is_no_reason_to_give_up_while_the_prompt_is_in_the_queue(server, busy):
    client, running = busy
    threading.Timer(7, client.interrupt, [running]).start()
    start = time.monotonic()  # the server tells a client nothing of what others run
    assert ComfyClient(server.address, timeout=3).run(red_image(width=37))["preview"]["images"]
    assert time.monotonic() - start > 6


def test_a_server_that_answers_no_longer_is_given_up_with_a_sentence(server, busy, suspended):
    events = ComfyClient(server.address, timeout=3).follow(red_image(width=38))
    threading.Timer(1, suspended, [server]).start()
    start = time.monotonic()
    with pytest.raises(InteractiveActionError, match=r"Nothing was heard from ComfyUI .* for 3 s\. .* start it again"):
        list(events)
    assert time.monotonic() - start < 20


def test_a_server_that_never_answers_is_given_up_with_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = ComfyClient(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)
        with pytest.raises(InteractiveActionError, match="did not answer /object_info"):
            client.nodes()
        with pytest.raises(InteractiveActionError, match="connection to ComfyUI at .* failed"):
            client.run(red_image())


def test_a_prompt_that_somebody_takes_from_the_queue_is_not_waited_for(server, busy):
    other, _ = busy
    client = ComfyClient(server.address, timeout=3)

    def take_it_away():
        queue = json.loads(other.get("/queue"))["queue_pending"]
        other.interrupt(queue[0][1])

    threading.Timer(1, take_it_away).start()
    with pytest.raises(InteractiveActionError, match="no longer knows prompt"):
        client.run(red_image(width=39))


def test_how_a_prompt_ended_is_known_even_if_its_last_event_is_lost(server):
    save_noise_dataset(server.base)
    client = server.client()
    for graph, end in ((red_image(width=40), "execution_success"), (training(steering_words=""), "execution_error")):
        prompt_id = client.queue(graph)
        client.history(prompt_id)
        kind, data = client._end_of(prompt_id)
        assert (kind, data["prompt_id"]) == (end, prompt_id)


def test_another_program_at_the_address_is_a_sentence(tmp_path):
    (tmp_path / "object_info").write_text("a page")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(InteractiveActionError, match="is no ComfyUI"):
            ComfyClient(f"127.0.0.1:{other.server_port}").nodes()
        other.shutdown()


@pytest.fixture
def proxied(monkeypatch):
    """A proxy for everything in the environment: addresses that asked for a connection."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = proxy.accept()
                    asked.append(connection.recv(100))
                    connection.close()

        threading.Thread(target=refuse, daemon=True).start()
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield asked
        proxy.shutdown(socket.SHUT_RDWR)


def test_this_machine_is_never_asked_through_a_proxy(server, proxied):
    port = server.address.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        assert ComfyClient(f"{host}:{port}").run(red_image(width=36))["preview"]["images"]
    assert proxied == []


@pytest.mark.browser
def test_a_server_is_waited_for_and_a_page_opened_without_the_proxy(server, proxied):
    server._wait_until_it_answers()
    with Browser() as browser:
        browser.open_comfyui(server.address)
    assert proxied == []


def test_another_machine_is_asked_through_the_proxy(proxied):
    with pytest.raises(OSError):
        open_url("http://comfyui.example.org/system_stats", timeout=5)
    assert proxied[0].startswith(b"GET http://comfyui.example.org/system_stats")
