"""The shipped workflows in ComfyUI's API format: read, changed by the titles of their nodes, run, looked at.

A prompt is a dict of node id to ``{"class_type": ..., "inputs": {...}, "_meta": {"title": ...}}``.
"""

from __future__ import annotations

import io
from typing import Any, TypeAlias

from PIL import Image
from tqdm import tqdm

from ...client import WORKFLOWS, ComfyClient, load_workflow
from ...errors import InteractiveActionError

FOLDER = WORKFLOWS
WEIGHTS = {"Train": 30, "Record": 10}
"""A part of a node's class -> how long it runs, for the progress bar; all others count 1."""

Prompt: TypeAlias = dict[str, dict[str, Any]]
Outputs: TypeAlias = dict[str, dict[str, Any]]
"""node id -> what the node shows: {"images": [...], "text": [...]}."""


def load_prompt(name: str) -> Prompt:
    """Reads a shipped workflow.

    Args:
        name: its file's, without the ending.

    Raises:
        InteractiveActionError: there is none of that name.
    """
    return load_workflow(name)


def node(prompt: Prompt, title: str) -> tuple[str, dict[str, Any]]:
    """Returns id and node of the one node called ``title``.

    Raises:
        InteractiveActionError: none is called so, or several are.
    """
    nodes = [(key, value) for key, value in prompt.items() if value["_meta"]["title"] == title]
    if len(nodes) != 1:
        raise InteractiveActionError(f"The workflow has {len(nodes)} nodes called {title!r}, where one is needed.")
    return nodes[0]


def run(client: ComfyClient, prompt: Prompt, bar: tqdm, share: float) -> Outputs:
    """Runs a prompt.

    Args:
        client: of the server.
        prompt: what to run.
        bar: advances meanwhile.
        share: by how much in all.

    Returns:
        What its nodes show.
    """
    weights = {
        key: next((weight for part, weight in WEIGHTS.items() if part in value["class_type"]), 1)
        for key, value in prompt.items()
    }
    shares = {key: share * weight / sum(weights.values()) for key, weight in weights.items()}
    start, done = bar.n, {}

    def advance(node_id: str, value: float, maximum: float) -> None:
        done[node_id] = shares[node_id] * value / max(maximum, 1)
        bar.set_description(prompt[node_id]["_meta"]["title"], refresh=False)
        bar.update(start + sum(done.values()) - bar.n)

    outputs: Outputs = client.run(prompt, advance)
    bar.update(start + share - bar.n)
    return outputs


def fetch_images(client: ComfyClient, outputs: Outputs, prompt: Prompt, title: str) -> list[Image.Image]:
    """Fetches the images that the node called ``title`` saved."""
    files = outputs[node(prompt, title)[0]]["images"]
    return [Image.open(io.BytesIO(client.view(file))).convert("RGB") for file in files]


def fetch_text(outputs: Outputs, prompt: Prompt, title: str) -> str:
    """Returns the text that the node called ``title`` shows."""
    [text] = outputs[node(prompt, title)[0]]["text"]
    return str(text)
