"""The nodes: each module lists its own in ``NODES``; no algorithm lives here."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import caption_images as captions
from . import capture_attention as attention
from . import embedded_models as miniature
from . import extend_editor as editor
from . import (
    floor_plan,
    layout_model,
    room_files,
    sample_rooms,
    score_rooms,
    settle_rooms,
    train_lora,
    train_token,
    training_options,
    validation_images,
)
from . import iascore as scoring
from . import iascore_folder as folders
from . import interactive_token as tokens
from . import load_scorers as scorers
from . import load_urdf as own
from . import prompt_sets as prompts
from . import record_interaction as sim
from . import record_triples as triples
from . import recording_to_video as film
from . import room_to_scene as rooms_in_sim
from . import score_edits as editing
from . import share_token as sharing
from . import sim_to_real_correlation as sim_to_real
from . import three_condition_guider as guidance
from . import train_editor as editor_training
from . import voting_page as votes
from . import write_report as reports

NODE_MODULES = (
    sim,
    own,
    triples,
    film,
    rooms_in_sim,
    captions,
    train_token,
    train_lora,
    training_options,
    validation_images,
    tokens,
    sharing,
    prompts,
    scorers,
    scoring,
    folders,
    attention,
    votes,
    reports,
    editor,
    guidance,
    editing,
    editor_training,
    sim_to_real,
    floor_plan,
    layout_model,
    sample_rooms,
    settle_rooms,
    score_rooms,
    room_files,
)


class InteractiveActionExtension(ComfyExtension):
    async def on_load(self) -> None:
        miniature.register()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [node for module in NODE_MODULES for node in module.NODES]


async def comfy_entrypoint() -> InteractiveActionExtension:
    """What ComfyUI asks the pack for."""
    return InteractiveActionExtension()
