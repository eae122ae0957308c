"""The ComfyUI rooms: each module lists its nodes in ``NODES``; no algorithm lives here."""

from comfy_api.latest import ComfyExtension

from . import (
    attention,
    captions,
    editing,
    editor,
    editor_training,
    film,
    folders,
    guidance,
    miniature,
    own,
    prompts,
    reports,
    scoring,
    sim,
    sim_to_real,
    style_editor,
    tokens,
    training,
    triples,
    votes,
)

ROOMS = (sim, own, triples, film, captions, training, tokens, prompts, scoring, folders, attention, votes, reports, editor, guidance, editing, editor_training, sim_to_real)


class InteractiveActionExtension(ComfyExtension):
    async def on_load(self):
        miniature.register()
        style_editor.register()

    async def get_node_list(self):
        return [node for room in ROOMS for node in room.NODES]


async def comfy_entrypoint():
    return InteractiveActionExtension()
