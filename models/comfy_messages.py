"""Sentences for the user from inside ComfyUI's own nodes: in the log, and in the page on the node that is running."""

from __future__ import annotations

import logging
import sys

_warned: set[str] = set()  # ids of the nodes that show a warning


def warn(sentence: str) -> None:
    """Logs ``sentence`` and shows it on the node that is running, if a page is there to show it."""
    logging.getLogger(__name__).warning(sentence)
    if node := _running_node():
        _warned.add(node)
        _show(sentence, node)


def withdraw_warning(sentence: str) -> None:
    """Puts ``sentence`` in the place of a warning that the running node shows; nothing if it shows none."""
    node = _running_node()
    if node in _warned:
        _warned.discard(node)
        _show(sentence, node)  # the page keeps the last text of a node, and takes no empty one


def _running_node() -> str | None:
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    return str(context.node_id) if context else None


def _show(sentence: str, node: str) -> None:
    # without a server, as in a script, its module was never imported or has no instance
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    if server is not None:
        server.send_progress_text(sentence, node)
