"""Interactive Action: teach a text-to-image model an interaction from simulated images.

ComfyUI imports this file as a package; everything else (pytest, ``python .``) must be able to
look at it without ComfyUI being there, hence the guard.
"""

if __package__:
    from .nodes import comfy_entrypoint  # noqa: F401

WEB_DIRECTORY = "./web"
