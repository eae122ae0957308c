"""The shipped workflows in the API's format: found by name, changed by title, run with a bar."""

import io

import pytest
from PIL import Image
from tqdm import tqdm

from interactive_action.errors import InteractiveActionError
from interactive_action.tools.dev.prompts import fetch_images, fetch_text, load_prompt, node, run


def titled(class_type, title):
    return {"class_type": class_type, "inputs": {}, "_meta": {"title": title}}


PROMPT = {"1": titled("TrainSomething", "Train"), "2": titled("SaveImage", "Save"), "3": titled("PreviewAny", "Report")}


class FixedClient:
    """Stands for a client of ComfyUI: every node advances twice, and one image is saved."""

    def run(self, prompt, progress):
        for key in prompt:
            progress(key, 1, 2)
            progress(key, 2, 2)
        return {"2": {"images": ["a file"]}, "3": {"text": ["a report"]}}

    def view(self, file):
        buffer = io.BytesIO()
        Image.new("RGBA", (4, 3), "red").save(buffer, "PNG")
        return buffer.getvalue()


def test_a_shipped_workflow_has_nodes_with_titles():
    prompt = load_prompt("use-a-token")
    key, value = node(prompt, "Interactive Token Loader")
    assert prompt[key] is value and "token_name" in value["inputs"]


def test_a_workflow_that_is_not_shipped_is_a_sentence_with_those_that_are():
    with pytest.raises(InteractiveActionError, match="no workflow called 'nix'.*use-a-token"):
        load_prompt("nix")


@pytest.mark.parametrize(("title", "count"), [("Load", 0), ("Save", 2)])
def test_a_title_must_name_one_node(title, count):
    with pytest.raises(InteractiveActionError, match=f"has {count} nodes called '{title}'"):
        node({**PROMPT, "4": titled("SaveImage", "Save")}, title)


def test_a_run_moves_the_bar_by_its_share_and_gives_what_nodes_show():
    client = FixedClient()
    with tqdm(total=1.0, disable=False, file=io.StringIO()) as bar:
        outputs = run(client, PROMPT, bar, 0.25)
        assert bar.n == pytest.approx(0.25)
        run(client, PROMPT, bar, 0.5)
        assert bar.n == pytest.approx(0.75)
    [image] = fetch_images(client, outputs, PROMPT, "Save")
    assert (image.mode, image.size) == ("RGB", (4, 3))
    assert fetch_text(outputs, PROMPT, "Report") == "a report"
