"""The shipped workflows that judge: they run on the real server, on few images."""

import io
import json
import shutil

import pytest
from PIL import Image

from interactive_action.captions import prompt_sets
from interactive_action.tests.nodes.graphs import save_noise_dataset
from interactive_action.tools.dev.prompts import load_prompt, node


def saved(client, outputs, prompt, title):
    """The images that the node called ``title`` saved."""
    return [Image.open(io.BytesIO(client.view(file))) for file in outputs[node(prompt, title)[0]]["images"]]


def text_of(outputs, prompt, title):
    return "".join(outputs[node(prompt, title)[0]]["text"])


def shortened(name, count):
    """A shipped workflow that draws the first ``count`` prompts of its sets in two steps."""
    prompt = load_prompt(name)
    for value in prompt.values():
        if value["class_type"].endswith("Prompts"):
            value["inputs"]["count"] = count
        if value["class_type"] == "KSampler":
            value["inputs"]["steps"] = 2
    return prompt


def test_each_prompt_of_a_set_is_drawn_with_its_own_seed_and_judged_by_its_own_words(client):
    prompt = shortened("draw-a-prompt-set", 3)
    outputs = client.run(prompt)
    images = saved(client, outputs, prompt, "Save")
    assert len({image.tobytes() for image in images}) == 3
    report = json.loads(text_of(outputs, prompt, "Report"))
    expected = prompt_sets.seeded(prompt_sets.miniature("handling", "picking up"), 1, 0, 0, 3)
    assert [(row["subject"], row["object"], row["text"]) for row in report["images"]] == [
        (row.subject, row.object, row.text) for row in expected
    ]


def test_a_part_of_a_set_is_drawn_as_the_whole_draws_it(client):
    whole, part = shortened("draw-a-prompt-set", 3), shortened("draw-a-prompt-set", 1)
    node(part, "Interaction Prompts")[1]["inputs"]["first"] = 2
    (third,) = saved(client, client.run(part), part, "Save")
    assert third.tobytes() == saved(client, client.run(whole), whole, "Save")[2].tobytes()


def test_action_bench_is_drawn(client):
    prompt = shortened("draw-action-bench", 1)
    assert len(saved(client, client.run(prompt), prompt, "Save")) == prompt_sets.IMAGES_OF_A_PAIR


@pytest.fixture(scope="module")
def page(server):
    """The name of a voting page that the shipped workflow wrote on the server."""
    prompt = shortened("let-people-vote", 2)
    told = text_of(server.client().run(prompt), prompt, "Write Voting Page")
    name = told.removeprefix("written to ").partition(".html")[0]
    assert (server.base / "output" / f"{name}.html").is_file()
    return name


def test_votes_that_are_put_into_the_input_folder_are_counted(server, page):
    key = json.loads((server.base / "output" / f"{page}.key.json").read_text())
    folder = server.base / "input" / "votes"
    folder.mkdir(parents=True)
    answers = [[order.index(0), None, order.index(1)] for order in key["orders"]]
    (folder / "a.json").write_text(json.dumps({"page": key["page"], "voter": "a", "answers": answers}))
    prompt = load_prompt("count-votes")
    assert node(prompt, "Read Votes")[1]["inputs"]["page"] == page  # what one workflow writes the other reads
    outputs = server.client().run(prompt)
    report = json.loads(text_of(outputs, prompt, "Every number"))
    assert {(row["question"], row["method"]): row["votes"] for row in report["rows"]} == {
        ("entity", "handling"): 2,
        ("entity", "and"): 0,
        ("action", "handling"): 0,
        ("action", "and"): 0,
        ("overall", "handling"): 0,
        ("overall", "and"): 2,
    }
    assert saved(server.client(), outputs, prompt, "Save the plot")[0].size == (800, 400)


def test_recording_attention_changes_no_pixel_of_what_the_server_draws(client):
    prompt = shortened("see-where-words-attend", 0)
    prompt["images"] = {
        "class_type": "PreviewImage",
        "inputs": {"images": [node(prompt, "Decode")[0], 0]},
        "_meta": {"title": "Images"},
    }
    outputs = client.run(prompt)
    recorded = saved(client, outputs, prompt, "Images")
    sheets = saved(client, outputs, prompt, "Save the sheets")
    assert len(sheets) == len(recorded) == 2 and sheets[0].width > 4 * 192  # the image, three places, all layers
    draw = node(prompt, "Draw")[1]["inputs"]
    draw["model"] = [node(prompt, "Load Checkpoint")[0], 0]
    for title in ("Capture Attention", "Visualize Attention", "Save the sheets"):
        del prompt[node(prompt, title)[0]]
    plain = saved(client, client.run(prompt), prompt, "Images")
    assert [image.tobytes() for image in plain] == [image.tobytes() for image in recorded]


def test_a_folder_is_scored_and_a_broken_image_named(server, client):
    folder = server.base / "input" / "images"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    Image.new("RGB", (96, 96), "red").save(folder / "a.png")
    Image.new("RGB", (64, 128), "green").save(folder / "b.png")
    (folder / "c.png").write_bytes(b"no image")
    prompt = load_prompt("score-a-folder")
    report = json.loads(text_of(client.run(prompt), prompt, "Report"))
    assert [row["image"] for row in report["images"]] == ["a.png", "b.png"]
    assert list(report["could not be read"]) == ["c.png"]


def test_a_report_tells_the_settings_of_the_graph_that_wrote_it(server, client):
    prompt = shortened("write-a-report", 2)
    told = text_of(client.run(prompt), prompt, "Write Report")
    page = (server.base / "output" / f"{told.removeprefix('written to ').partition('.html')[0]}.html").read_text(
        encoding="utf-8"
    )
    assert page.count("<figure>") == 4  # two methods, two prompts
    assert "a panda picking up a strawberry" in page and "Judged by: detector miniature" in page
    assert "<summary>Draw the first method</summary>" in page and "<dt>steps</dt><dd>2</dd>" in page


def test_methods_learn_and_are_compared_in_one_graph(server, client):
    prompt = shortened("compare-methods", 2)
    learning = [value for value in prompt.values() if value["_meta"]["title"].startswith("Train")]
    assert len(learning) == 4
    for value in learning:
        value["inputs"].update(steps=2, batch_size=2)
    node(prompt, "Load Interaction Dataset")[1]["inputs"]["name"] = save_noise_dataset(server.base)
    told = text_of(client.run(prompt), prompt, "Write Report")
    page = (server.base / "output" / f"{told.removeprefix('written to ').partition('.html')[0]}.html").read_text(
        encoding="utf-8"
    )
    assert page.count("<figure>") == 10  # five methods, two prompts
    for name in ("handling", "Textual Inversion", "ReVersion", "P+", "Interactive Action"):
        assert f">{name}<" in page
