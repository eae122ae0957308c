"""What the server tests of rooms share: graphs, files of rooms, and how they are cancelled."""

import pytest

from interactive_action.client import Cancelled
from interactive_action.sim.layout import load_layouts, save_layouts

SHAPE = {"width": 16, "layers": 1, "heads": 2}


def node(kind, /, **inputs):
    return {"class_type": f"InteractiveAction{kind}", "inputs": inputs}


def shown(source, output=0):
    return {"class_type": "PreviewAny", "inputs": {"source": [source, output]}}


def rooms_of(server, name):
    return load_layouts(server.base / "datasets" / "interactive_action_rooms" / f"{name}.jsonl")


def save(server, name, *layouts):
    save_layouts(server.base / "datasets" / "interactive_action_rooms" / f"{name}.jsonl", layouts)


def cancel(client, prompt, key, at):
    """Runs a graph and cancels it once a node is so far."""
    with pytest.raises(Cancelled):
        for kind, data in client.follow(prompt):
            if kind == "progress" and data["node"] == key and data["value"] >= at:
                client.interrupt(data["prompt_id"])
