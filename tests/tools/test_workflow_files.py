"""The workflows as files: the same graph as its form for programs, with its own note and no text of another."""

import json

import pytest

from interactive_action.tools.dev.prompts import load_prompt
from interactive_action.tools.dev.workflows import NOTES, WORKFLOWS


def nodes(name):
    return json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))["nodes"]


@pytest.mark.parametrize("name", NOTES)
def test_a_workflow_has_its_own_note_and_none_elsewhere(name):
    texts = {node["type"]: node["widgets_values"] for node in nodes(name) if node["type"] == "MarkdownNote"}
    assert texts == {"MarkdownNote": [NOTES[name]]}
    others = [
        value for node in nodes(name) if node["type"] != "MarkdownNote" for value in node.get("widgets_values") or []
    ]
    assert not [value for value in others if value in NOTES.values()]


@pytest.mark.parametrize("name", NOTES)
def test_a_workflow_holds_the_texts_of_its_form_for_programs(name):
    by_id = {str(node["id"]): node for node in nodes(name)}
    for number, node in load_prompt(name).items():
        texts = [value for value in node["inputs"].values() if isinstance(value, str)]
        assert by_id[number]["type"] == node["class_type"]
        assert [text for text in texts if text not in by_id[number].get("widgets_values", [])] == []
