"""What comes into a node is checked once it is known, whether typed, sent or linked; on the real server.

Longer than other files: one server, and one list of hostile values, for the nodes of every room.
"""

import json
import math
import os
import threading
import traceback

import pytest
from PIL import Image

from interactive_action.errors import InteractiveActionError
from interactive_action.tests.comfyui.graphs import save_noise_dataset, training

RED = {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 16, "batch_size": 1, "color": 0xFF0000}}


def text(value):
    return {"class_type": "PrimitiveString", "inputs": {"value": value}}


def node(kind, /, **inputs):
    return {"class_type": f"InteractiveAction{kind}", "inputs": inputs}


def preview(*link):
    return {"class_type": "PreviewImage", "inputs": {"images": list(link)}}


def executed(client, prompt, nodes=None):
    """The nodes that ran, in order; also in ``nodes``, for runs that fail."""
    nodes = [] if nodes is None else nodes
    for kind, data in client.follow(prompt):
        if kind == "executing" and data["node"]:
            nodes.append(data["node"])
    return nodes


# Texts that cannot be printed


def unprintable_folder(server):
    """A folder as old archives of Windows leave it."""
    folder = os.fsencode(server.base / "datasets" / "interactive_action") + b"/W\xfcrfel"
    os.makedirs(folder, exist_ok=True)
    return {"load": node("LoadDataset", name="nope"), "show": preview("load", 1)}, r"W\\udcfcrfel"


def unprintable_image(server):
    folder = server.base / "input" / "pics"
    folder.mkdir(parents=True, exist_ok=True)
    with open(os.fsencode(folder) + b"/W\xfcrfel.png", "wb") as file:
        file.write(b"broken")
    judges = {
        "detector": node("LoadDetector", source="miniature (embedded)", threshold=0.3),
        "clip": node("LoadClipScorer", source="miniature (embedded)"),
    }
    words = {"subject": "panda", "object": "cup", "text": "a panda and a cup"}
    links = {"clip_scorer": ["clip", 0], "detector": ["detector", 0]}
    return {**judges, "score": node("IAScoreFolder", folder="pics", **words, **links)}, r"W\\udcfcrfel"


def unprintable_input(page):
    inputs = {"images_1": ["image", 0], "methods": "a\nb\ud83c", "prompts": "a panda", "save_as": "odd"}
    more = {"title": "t"} if page == "WriteReport" else {"images_2": ["image", 0], "seed": 0}
    if page == "WriteVotingPage":
        inputs["methods"] = "a\nb\ud83c\nc"
    return {"image": RED, "page": node(page, **inputs, **more)}, r"b\\ud83c"


CASES = {
    "a folder": unprintable_folder,
    "an image": unprintable_image,
    "a report": lambda _: unprintable_input("WriteReport"),
    "a voting page": lambda _: unprintable_input("WriteVotingPage"),
}


@pytest.mark.parametrize("what", CASES)
def test_a_text_that_cannot_be_printed_fails_alone_and_the_next_in_the_queue_is_served(server, what):
    prompt, sentence = CASES[what](server)
    errors, other = [], server.client()

    def run():
        try:
            server.client().run(prompt)
        except InteractiveActionError as error:
            errors.append(str(error))

    failing = threading.Thread(target=run)
    failing.start()
    waiting = {"image": RED, "show": preview("image", 0)}
    waiting["image"] = {**RED, "inputs": {**RED["inputs"], "width": 17 + len(what)}}
    assert other.run(waiting)["show"]["images"]
    failing.join(60)
    assert not failing.is_alive()
    assert len(errors) == 1 and sentence.replace("\\\\", "\\") in errors[0]


def test_a_license_with_half_an_emoji_is_written_as_its_code(server):
    save_noise_dataset(server.base)
    prompt = training(token="licensed", steps=1)
    prompt["save"]["inputs"]["license"] = "CC0 \ud800"
    server.client().run(prompt)
    from interactive_action.tokens.token_file import load_token

    token = load_token(server.base / "models" / "embeddings" / "licensed.safetensors")
    assert token.provenance["modelspec.license"] == "CC0 \\ud800"


def test_a_report_with_half_an_emoji_is_written_with_its_code(server, client):
    prompt, _ = unprintable_input("WriteReport")
    prompt["page"]["inputs"]["methods"] = "half \ud83c"
    prompt["show"] = {"class_type": "PreviewAny", "inputs": {"source": ["page", 0]}}
    (name,) = client.run(prompt)["show"]["text"]
    assert "half \\ud83c" in (server.base / "output" / f"{name}.html").read_text(encoding="utf-8")


def test_images_with_names_of_another_encoding_are_judged_and_written(server, client):
    folder = server.base / "input" / "old-archive"
    folder.mkdir()
    Image.new("RGB", (96, 96), "red").save(folder / "red.png")
    os.rename(folder / "red.png", os.fsencode(folder) + b"/r\xf6t.png")
    prompt, _ = unprintable_image(server)
    prompt["score"]["inputs"] |= {"folder": "old-archive", "save_as": "old"}
    assert "IAScore 0.000 of 1 images" in client.run(prompt)["score"]["text"][0]
    assert "r\\udcf6t.png" in (server.base / "output" / "old.csv").read_text(encoding="utf-8")


def test_an_error_of_a_library_that_cannot_be_printed_becomes_one_that_can():
    from comfy_api.latest import io

    from interactive_action.nodes.node import Node

    class Reader(Node):
        @classmethod
        def define_schema(cls):
            return io.Schema(node_id="Reader", inputs=[io.String.Input("name")])

        @classmethod
        def execute(cls, name):
            try:
                raise KeyError(name)
            except KeyError as error:
                raise ValueError(f"no W{chr(0xDCFC)}rfel") from error

    with pytest.raises(InteractiveActionError, match=r"^ValueError: no W\\udcfcrfel$") as caught:
        Reader.execute("x")
    "".join(traceback.format_exception(caught.value)).encode()


# What comes along a link


def test_a_graph_with_a_linked_name_is_cached_whole_the_second_time(server, client):
    prompt = training(dataset=["name", 0], token=["token", 0], steps=2)
    prompt |= {"name": text(save_noise_dataset(server.base)), "token": text("linked")}
    assert "train" in executed(client, prompt)
    assert executed(client, prompt) == []


def test_a_linked_name_that_cannot_be_used_is_refused_before_the_training(server, client):
    prompt = training(dataset=save_noise_dataset(server.base), token=["token", 0], steps=3)
    prompt["token"] = text("../elsewhere")
    ran = []
    with pytest.raises(InteractiveActionError, match=r"SaveToken \(node save\): The token cannot be called"):
        executed(client, prompt, ran)
    assert "train" not in ran


def test_a_linked_value_out_of_bounds_is_a_sentence_as_a_typed_one_is(client):
    prompt = {
        "many": {"class_type": "PrimitiveInt", "inputs": {"value": 5000}},
        "style": node("StyleSamples", look="wood", count=["many", 0]),
        "show": preview("style", 0),
    }
    with pytest.raises(InteractiveActionError, match="count must be from 1 to 4096, but is 5000"):
        client.run(prompt)


# Files


def test_an_image_that_is_replaced_on_the_disk_is_read_again_and_nothing_else_is(server, client):
    folder = server.base / "datasets" / "interactive_action" / save_noise_dataset(server.base, "replaced")
    prompt = {"load": node("LoadDataset", name="replaced"), "show": preview("load", 1)}
    assert executed(client, prompt) == ["load", "show"]
    os.utime(folder / "0001.png")
    assert executed(client, prompt) == []
    before = (folder / "0001.png").stat()
    Image.new("RGB", (96, 96), "red").save(folder / "0001.png")
    os.utime(folder / "0001.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert executed(client, prompt) == ["load", "show"]


# Links that are missing, and numbers that are none

LITERALS = [
    ("SaveRecording", {"recording": "x", "name": "n"}, "recording wants a link from Record Interaction .* holds 'x'"),
    ("VisualizeAnnotations", {"recording": 5}, "recording wants a link .* holds 5"),
    ("SaveToken", {"token": 5, "name": "n", "overwrite": False, "license": ""}, "token wants a link .* holds 5"),
    ("SaveDataset", {"dataset": None, "name": "n"}, "dataset wants a link from Caption Images .* holds None"),
    ("IAScore", {"image": "x", "clip_scorer": "y", "subject": "a", "object": "b", "text": "c"},
     "image wants a link from Load Image"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "sentence"), LITERALS)
def test_a_word_where_a_link_belongs_is_a_sentence(client, name, inputs, sentence):
    with pytest.raises(InteractiveActionError, match=sentence):
        client.run({"1": node(name, **inputs)})


def inputs_of_all_nodes():
    from interactive_action.nodes import NODE_MODULES

    return [(cls, socket) for module in NODE_MODULES for cls in module.NODES for socket in cls.define_schema().inputs]


def test_every_socket_of_every_node_says_what_it_wants():
    from interactive_action.nodes.node import WORDS, Node, check_values

    typed = {*WORDS, "INT", "FLOAT", "COMBO"}
    links = [(cls, socket) for cls, socket in inputs_of_all_nodes() if socket.get_io_type() not in typed]
    assert len(links) > 50
    for cls, socket in links:
        assert issubclass(cls, Node)
        for literal in ("x", 5, True, *(() if socket.optional else (None,))):
            with pytest.raises(InteractiveActionError, match=f"{socket.id} wants a link from [A-Za-z]"):
                check_values(cls, {socket.id: literal})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "many", None, True, 1e308])
def test_no_number_of_any_node_may_be_none(value):
    from comfy_api.latest import io

    from interactive_action.nodes.node import check_values

    numbers = [(cls, socket) for cls, socket in inputs_of_all_nodes() if isinstance(socket, io.Float.Input)]
    assert len(numbers) > 40
    for cls, socket in numbers:
        if not (socket.optional and value is None):
            with pytest.raises(InteractiveActionError, match=f"{socket.id} must be"):
                check_values(cls, {socket.id: value})


def test_linked_words_and_choices_are_checked_too():
    from interactive_action.nodes.caption_images import SteeringWords
    from interactive_action.nodes.load_urdf import LoadRobot
    from interactive_action.nodes.node import check_values

    with pytest.raises(
        InteractiveActionError, match="action must be one of those offered, but is 'fly'. Choose one of: "
    ):
        SteeringWords.execute("fly")
    with pytest.raises(InteractiveActionError, match=r"name must be text, but is \['a'\]"):
        check_values(LoadRobot, {"name": ["a"]})


@pytest.mark.parametrize("value", ["NaN", "nan"])
def test_a_weight_decay_that_is_no_number_is_a_sentence(server, client, value):
    prompt = training(
        dataset=save_noise_dataset(server.base), steps=1, weight_decay=float("nan") if value == "NaN" else value
    )
    with pytest.raises(InteractiveActionError, match="weight_decay must be a number, but is nan"):
        client.run(prompt)


# Names

NAMES = {  # node -> what it is sent with, and the inputs that name a file or folder
    "LoadDataset": ({}, ["name"]),
    "LoadRecording": ({}, ["name"]),
    "LoadRobot": ({"ee_link": "tool", "gripper_links": "", "approach_axis": "z", "name": "r", "stands_on": "table",
                   "base_offset": 0.0, "height": 0.0}, ["urdf"]),
    "LoadArticulatedObject": ({"name": "cabinet"}, ["urdf"]),
    "ReadVotes": ({"page": "votes", "folder": "votes"}, ["page", "folder"]),
    "SimToReal": ({"table": "policy,real,a\nx,1,1\ny,0,0"}, ["file"]),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["a\0b", "n" * 243, "n" * 5000, "../../etc/passwd", "é" * 150])
def test_a_name_that_no_file_can_have_is_a_sentence(client, name, value):
    inputs, named = NAMES[name]
    for socket in named:
        prompt = {"1": node(name, **{**inputs, socket: value})}
        if name.startswith("Load"):
            prompt["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}
        with pytest.raises(InteractiveActionError) as caught:
            client.run(prompt)
        assert not any(raw in str(caught.value) for raw in ("Errno", "Error:")), caught.value


# Texts that nodes pass on to each other


@pytest.mark.parametrize("said", ["not json", "{}", "5", '{"rows": [{}]}', "[" * 100_000])
def test_a_report_that_is_none_is_a_sentence(client, said):
    page = {"title": "t", "images_1": ["image", 0], "methods": "a", "prompts": "p", "save_as": "page"}
    for socket in ("report_1", "votes"):
        prompt = {"image": RED, "said": text(said), "page": node("WriteReport", **page, **{socket: ["said", 0]})}
        with pytest.raises(InteractiveActionError, match=rf"(?i){socket} is (not JSON|JSON, but not the report of)"):
            client.run(prompt)


def test_a_report_of_other_images_is_refused(client):
    from interactive_action.scoring.report_sections import COLUMNS

    scores = dict.fromkeys(COLUMNS.values(), 0.5)
    said = {"how": {}, "scores": {**scores, "n": 2}, "intervals": dict.fromkeys(scores),
            "images": [{"passed": True, "cosine": 0.3}] * 2}  # fmt: skip
    page = {"title": "t", "images_1": ["image", 0], "methods": "a", "prompts": "p", "save_as": "page"}
    prompt = {
        "image": RED,
        "said": text(json.dumps(said)),
        "page": node("WriteReport", **page, report_1=["said", 0]),
    }
    with pytest.raises(InteractiveActionError, match="report_1 judges 2 images, and its method has 1"):
        client.run(prompt)


def boxes_of(maker, output=0):
    """IAScore of one image with the boxes of a stock node."""
    words = {"subject": "panda", "object": "cup", "text": "a panda and a cup"}
    return {
        "image": RED,
        "clip": node("LoadClipScorer", source="miniature (embedded)"),
        "boxes": maker,
        "score": node("IAScore", image=["image", 0], clip_scorer=["clip", 0], boxes=["boxes", output], **words),
    }


def test_boxes_of_stock_nodes_that_do_not_say_what_they_hold_are_refused_in_a_sentence(client):
    single = {"class_type": "PrimitiveBoundingBox", "inputs": {"x": 0, "y": 0, "width": 5, "height": 5}}
    drawn = {"editor_state": {"__value__": [{"x": 0.1, "y": 0.1, "w": 0.3, "h": 0.3}]}, "width": 64, "height": 64}
    for prompt in (boxes_of(single), boxes_of({"class_type": "CreateBoundingBoxes", "inputs": drawn}, 1)):
        with pytest.raises(InteractiveActionError, match="A box of image 0 has no label"):
            client.run(prompt)


def test_boxes_are_taken_where_it_is_clear_which_image_they_belong_to():
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


def test_a_folder_that_is_called_like_an_answer_is_passed_over(server, client):
    (server.base / "output").mkdir(exist_ok=True)
    key = {"page": "p", "methods": ["a", "b"], "prompts": ["x"], "orders": [[0, 1]]}
    (server.base / "output" / "poll.key.json").write_text(json.dumps(key))
    (server.base / "input" / "poll" / "x.json").mkdir(parents=True)
    with pytest.raises(InteractiveActionError, match="no votes to count among 0 files"):
        client.run({"1": node("ReadVotes", page="poll", folder="poll")})
