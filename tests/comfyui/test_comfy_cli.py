"""The shipped workflows by comfy-cli, a program of ComfyUI's makers: it converts what the web page saves by itself."""

import json
import os
import subprocess
import sys

import pytest
import torch

from interactive_action.tests.nodes.graphs import save_noise_dataset
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import save_token
from interactive_action.tools.dev import peers
from interactive_action.tools.dev.prompts import load_prompt
from interactive_action.tools.dev.workflows import NOTES, WORKFLOWS

WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
CONVERT = """
import json, sys
from comfy_cli.workflow_to_api import convert_ui_to_api
nodes, workflows = json.load(sys.stdin)
print(json.dumps({name: convert_ui_to_api(workflow, nodes) for name, workflow in workflows.items()}))
"""


SHORTENED = {"KSampler": {2: 2}, "InteractiveActionTrain": {1: 2, 2: 2}, "InteractionPrompts": {-1: 2}}  # by the widget


def saved_workflow(name):
    return json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))


def kinds_of(name):
    return {node["type"] for node in saved_workflow(name)["nodes"]}


@pytest.fixture(scope="module")
def comfy_cli():
    """The folder of comfy-cli, which is installed apart."""
    return peers.provide("comfy-cli", ["comfy-cli==1.23.0"])


@pytest.fixture(scope="module")
def converted(server, comfy_cli):
    """Every shipped workflow as comfy-cli sends it, by its name."""
    nodes = server.client().nodes()
    workflows = {name: saved_workflow(name) for name in NOTES}
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(comfy_cli)!r})\n{CONVERT}"]
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


@pytest.mark.parametrize("name", [name for name in NOTES if "InteractiveActionIAScore" in kinds_of(name)])
def test_a_workflow_that_scores_runs_by_comfy_cli_itself(server, comfy_cli, tmp_path, name):
    """The saved file, with few steps and images alone; the others go through the conversion above."""
    workflow = saved_workflow(name)
    for node in workflow["nodes"]:
        for kind, values in SHORTENED.items():
            if kind in node["type"]:
                for place, value in values.items():
                    node["widgets_values"][place] = value
    token = InteractiveToken("pick-up", torch.zeros(1, 128), {})
    save_token(token, server.base / "models" / "embeddings", overwrite=True)
    save_noise_dataset(server.base, "pick-up")
    (tmp_path / "workflow.json").write_text(json.dumps(workflow))
    host, _, port = server.address.partition(":")
    command = [sys.executable, "-m", "comfy_cli", "--skip-prompt", "run", "--workflow", str(tmp_path / "workflow.json")]
    command += ["--wait", "--host", host, "--port", port, "--timeout", "300"]
    environment = {**os.environ, "PYTHONPATH": str(comfy_cli), "HOME": str(tmp_path), "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    history = list(json.loads(server.client().get("/history?max_items=1")).values())[-1]
    shown = [text for output in history["outputs"].values() for text in output.get("text", ())]
    assert history["status"]["status_str"] == "success" and any("zero-filled cosine" in text for text in shown)
