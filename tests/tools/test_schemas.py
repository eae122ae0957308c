"""Saved workflows stay good: the nodes are compared with those of the last release."""

import copy
import json

import pytest

from interactive_action.tools.dev.locales import node_schemas
from interactive_action.tools.dev.schemas import RELEASED, breaking, described

BEFORE = {
    "Node": {
        "inputs": {
            "model": {"type": "MODEL", "required": True},
            "steps": {"type": "INT", "required": False, "min": 1, "max": 100},
            "room": {"type": "COMBO", "required": False, "choices": ["kitchen", "plain"]},
        },
        "outputs": ["MODEL", "STRING"],
    }
}


def changed(change):
    now = copy.deepcopy(BEFORE)
    change(now["Node"])
    return list(breaking(BEFORE, now))


def test_the_nodes_still_load_every_workflow_of_the_last_release():
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    assert list(breaking(released["nodes"], described(node_schemas()))) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda node: node["inputs"].pop("steps"), "Node: the input steps is gone."),
        (lambda node: node["inputs"]["steps"].update(type="FLOAT"), "Node: the input steps was INT and is FLOAT."),
        (lambda node: node["inputs"]["steps"].update(min=2), "Node: the input steps began at 1 and begins at 2."),
        (lambda node: node["inputs"]["steps"].update(max=9), "Node: the input steps went up to 100 and goes up to 9."),
        (
            lambda node: node["inputs"]["room"].update(choices=["plain"]),
            "Node: the input room no longer offers kitchen.",
        ),
        (
            lambda node: node["inputs"]["room"].update(required=True),
            "Node: the input room must now be connected or filled in.",
        ),
        (
            lambda node: node["inputs"].update(clip={"type": "CLIP", "required": True}),
            "Node: the new input clip has no default, which a saved workflow cannot know.",
        ),
        (
            lambda node: node["outputs"].insert(0, "CLIP"),
            "Node: the outputs were ['MODEL', 'STRING'] and are ['CLIP', 'MODEL', 'STRING']; new ones go to the end.",
        ),
    ],
)
def test_what_breaks_saved_workflows_is_said(change, sentence):
    assert changed(change) == [sentence]


def test_a_node_that_is_gone_is_said():
    assert "Node is gone" in next(breaking(BEFORE, {}))


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node["outputs"].append("IMAGE"),
        lambda node: node["inputs"].update(extra={"type": "INT", "required": False, "min": 0}),
        lambda node: node["inputs"]["steps"].update(min=0, max=1000),
        lambda node: node["inputs"]["room"]["choices"].append("bath"),
        lambda node: node["inputs"]["model"].update(required=False),
    ],
)
def test_what_old_workflows_do_not_notice_is_allowed(change):
    assert changed(change) == []
