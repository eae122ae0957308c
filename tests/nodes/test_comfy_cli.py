"""The shipped workflows by comfy-cli, a program of ComfyUI's makers: it converts what the web page saves by itself."""

import json
import subprocess
import sys

import pytest

from interactive_action.tools.demos.token import load_prompt
from interactive_action.tools.dev import peers
from interactive_action.tools.dev.workflows import NOTES, WORKFLOWS

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
CONVERT = """
import json, sys
from comfy_cli.workflow_to_api import convert_ui_to_api
nodes, workflows = json.load(sys.stdin)
print(json.dumps({name: convert_ui_to_api(workflow, nodes) for name, workflow in workflows.items()}))
"""


@pytest.fixture(scope="module")
def converted(server):
    """Every shipped workflow as comfy-cli sends it, by its name."""
    nodes = server.client().nodes()
    workflows = {name: json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8")) for name in NOTES}
    folder = peers.provide("comfy-cli", ["comfy-cli==1.23.0"])
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{CONVERT}"]
    given = json.dumps([nodes, workflows])
    return json.loads(subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, text=True).stdout)


@pytest.fixture(scope="module")
def inputs(server):
    """{node's class: {input: (type, options)}}."""
    nodes = server.client().nodes()
    return {
        kind: {
            name: (entry[0], entry[1] if len(entry) > 1 else {})
            for group in ("required", "optional")
            for name, entry in node["input"].get(group, {}).items()
        }
        for kind, node in nodes.items()
    }


@pytest.mark.parametrize("name", NOTES)
def test_comfy_cli_sends_what_the_headless_prompt_says_and_defaults_of_widgets_alone(converted, inputs, name):
    """A socket that nobody connected stays empty: no rectangle is made up for boxes, for example."""
    prompt = load_prompt(name)
    assert converted[name].keys() == prompt.keys()
    for key, node in converted[name].items():
        assert node["inputs"].items() >= prompt[key]["inputs"].items(), node["class_type"]
        for extra in node["inputs"].keys() - prompt[key]["inputs"].keys():
            kind, options = inputs[node["class_type"]][extra.partition(".")[0]]
            assert kind in WIDGETS or "COMBO" in str(kind) or isinstance(kind, list), (extra, kind)
            if "default" in options and "." not in extra:
                assert node["inputs"][extra] == options["default"], extra


def test_a_score_runs_by_comfy_cli(server, converted):
    """Use a token, as comfy-cli sends it, on one image: IAScore finds its own boxes."""
    prompt = converted["use-a-token"]
    for node in prompt.values():
        if node["class_type"] == "EmptyLatentImage":
            node["inputs"]["batch_size"] = 1
    outputs = server.client().run(prompt)
    assert any("iascore" in text for output in outputs.values() for text in output.get("text", ()))
