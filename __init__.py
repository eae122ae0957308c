"""Interactive Action: teach a text-to-image model an interaction from simulated images.

This file is two doors. ComfyUI loads the folder under a name made of its path, and finds the nodes here. Everybody else
imports ``interactive_action`` (``pip install -e .``, or ``python <this folder>``), which must need neither ComfyUI nor
its nodes.
"""

if __name__ != "interactive_action" and __package__:
    from .nodes import comfy_entrypoint  # noqa: F401

WEB_DIRECTORY = "./web"
