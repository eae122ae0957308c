"""Values that ComfyUI's own checks let through: by links, and from programs that write prompts."""

import math
import os

import pytest

from interactive_action.client import ComfyClient
from interactive_action.errors import InteractiveActionError
from interactive_action.tests.nodes.graphs import drawing, save_noise_dataset

HALF_AN_EMOJI = "a\nb\ud83c"


def show(node, output=0):
    """The graph with what the output of ``node`` shows."""
    return {"show": {"class_type": "PreviewImage", "inputs": {"images": [node, output]}}}


def unprintable(server, kind):
    """Three ways in which a text that cannot be printed comes into an error."""
    if kind == "a dataset's folder from an old archive":
        os.makedirs(os.fsencode(server.base / "datasets" / "interactive_action") + b"/W\xfcrfel", exist_ok=True)
        return {"1": {"class_type": "InteractiveActionLoadDataset", "inputs": {"name": "nope"}}, **show("1", 1)}
    if kind == "an image's name from an old archive":
        folder = os.fsencode(server.base / "input" / "broken-images")
        os.makedirs(folder, exist_ok=True)
        with open(folder + b"/W\xfcrfel.png", "wb") as file:
            file.write(b"broken")
        scorer = {"class_type": "InteractiveActionLoadClipScorer", "inputs": {"source": "miniature (embedded)"}}
        detector = {
            "class_type": "InteractiveActionLoadDetector",
            "inputs": {"source": "miniature (embedded)", "threshold": 0.3},
        }
        score = {
            "folder": "broken-images",
            "clip_scorer": ["c", 0],
            "detector": ["d", 0],
            "subject": "a",
            "object": "b",
        }
        folder_score = {"class_type": "InteractiveActionIAScoreFolder", "inputs": {**score, "text": "a and b"}}
        return {"c": scorer, "d": detector, "1": folder_score}
    names = {"methods": HALF_AN_EMOJI, "prompts": "one", "title": "t", "save_as": "page"}
    image = {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}
    return {"i": image, "1": {"class_type": "InteractiveActionWriteReport", "inputs": {"images_1": ["i", 0], **names}}}


@pytest.mark.parametrize(
    "kind",
    ["a dataset's folder from an old archive", "an image's name from an old archive", "half an emoji in a report"],
)
def test_a_text_that_cannot_be_printed_stops_nobody_elses_prompt(server, client, kind):
    with pytest.raises(InteractiveActionError, match="Name|named|Found|read|Write|name"):
        client.run(unprintable(server, kind))
    other = ComfyClient(server.address)
    assert other.run(drawing())["show"]["images"]


def test_a_graph_with_a_linked_name_is_cached_the_second_time(server, client):
    save_noise_dataset(server.base)
    prompt = {
        "name": {"class_type": "PrimitiveString", "inputs": {"value": "noise"}},
        "load": {"class_type": "InteractiveActionLoadDataset", "inputs": {"name": ["name", 0]}},
        **show("load", 1),
    }
    first, second = [], []
    client.run(prompt, lambda *_: None)
    for executed in (first, second):
        for kind, data in client.follow(prompt):
            if kind in ("executing", "executed") and data.get("node"):
                executed.append(data["node"])
    assert "load" not in second
    assert "name" not in second


def test_an_image_that_is_replaced_on_disk_is_noticed(server, client):
    from PIL import Image

    name = save_noise_dataset(server.base, "replaced")
    prompt = {"load": {"class_type": "InteractiveActionLoadDataset", "inputs": {"name": name}}, **show("load", 1)}
    before = client.view(client.run(prompt)["show"]["images"][0])
    path = server.base / "datasets" / "interactive_action" / name / "0000.png"
    times = path.stat()
    Image.new("RGB", (96, 96), "red").save(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert client.view(client.run(prompt)["show"]["images"][0]) != before


def test_a_linked_name_is_checked_where_it_is_known(server, client):
    save_noise_dataset(server.base)
    name = {"class_type": "PrimitiveString", "inputs": {"value": "../evil"}}
    load = {"class_type": "InteractiveActionLoadDataset", "inputs": {"name": ["name", 0]}}
    with pytest.raises(InteractiveActionError, match=r"cannot be called '\.\./evil'"):
        client.run({"name": name, "load": load, **show("load", 1)})


LITERALS = [
    ("InteractiveActionVisualizeAnnotations", {"recording": "x"}, "recording wants a link from Record Interaction"),
    ("InteractiveActionSaveRecording", {"recording": 5, "name": "a"}, "recording wants a link"),
    ("InteractiveActionSaveToken", {"token": 5, "name": "a", "overwrite": False, "license": ""}, "token wants a link"),
    ("InteractiveActionSaveDataset", {"dataset": None, "name": "a"}, "dataset wants a link from Caption Images"),
]


@pytest.mark.parametrize(("kind", "inputs", "sentence"), LITERALS)
def test_a_word_where_a_link_belongs_is_answered_with_what_to_connect(client, kind, inputs, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        client.run({"1": {"class_type": kind, "inputs": inputs}})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "many", None, True, 1e308])
def test_a_number_that_is_none_is_refused_by_every_node_with_its_name(value):
    from comfy_api.latest import io

    from interactive_action.nodes import NODE_MODULES
    from interactive_action.nodes.node import check_values

    checked = 0
    for module in NODE_MODULES:
        for node in module.NODES:
            for entry in node.define_schema().inputs:
                if isinstance(entry, io.Float.Input) and not (entry.optional and value is None):
                    with pytest.raises(InteractiveActionError, match=f"{entry.id} must be"):
                        check_values(node, {entry.id: value})
                    checked += 1
    assert checked > 20


def test_boxes_of_stock_nodes_are_taken_or_answered_with_a_sentence():
    from interactive_action.scoring.boxes import checked_boxes

    box = {"x": 0, "y": 0, "width": 4, "height": 4}
    named = {**box, "label": "panda"}
    assert checked_boxes(named, 1) == checked_boxes([named], 1) == checked_boxes([[named]], 1) == [[named]]
    for boxes, count, sentence in (
        (box, 1, "A box of image 0 has no label"),
        (box, 4, "There are 4 images but boxes for 1"),
        ([[box]], 1, "has no label"),
        ([[{**named, "width": "wide"}]], 1, "has width = 'wide'"),
        ([[{**named, "x": math.inf}]], 1, "has x = inf"),
        ("boxes", 1, "one list an image"),
    ):
        with pytest.raises(InteractiveActionError, match=sentence):
            checked_boxes(boxes, count)


@pytest.mark.parametrize("text", ["not json", "{}", "5", '{"rows":[{}]}', '{"scores": {}, "intervals": {}, "how": {}}'])
@pytest.mark.parametrize("where", ["report_1", "votes"])
def test_a_report_that_is_none_is_answered_with_what_to_connect(where, text):
    import torch

    from interactive_action.nodes.write_report import WriteReport

    inputs = {"title": "t", "images_1": torch.zeros(1, 8, 8, 3), "methods": "a", "prompts": "p", "save_as": "r"}
    with pytest.raises(InteractiveActionError, match="not JSON|not what it should be"):
        WriteReport.execute(**inputs, **{where: text})
