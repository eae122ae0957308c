"""The ComfyUI rooms: each module lists its nodes in ``NODES``; no algorithm lives here."""

from comfy_api.latest import ComfyExtension

from . import attention, captions, folders, miniature, prompts, reports, scoring, sim, tokens, training, votes

ROOMS = (sim, captions, training, tokens, prompts, scoring, folders, attention, votes, reports)


class InteractiveActionExtension(ComfyExtension):
    async def on_load(self):
        miniature.register()

    async def get_node_list(self):
        return [node for room in ROOMS for node in room.NODES]


async def comfy_entrypoint():
    return InteractiveActionExtension()
