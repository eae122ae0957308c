"""Simulate an action and others in the same contexts, for a trainer that tells the two apart."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..sim.client import SIMULATOR
from ..sim.plan import Plan
from ..sim.triples import record_triples
from . import sockets
from .node import Node
from .record_interaction import CATEGORY, IMAGES, image, show_progress, whole


class RecordTriples(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionRecordTriples",
            display_name="Record Triples",
            category=CATEGORY,
            description="For each image of an action the same action in another context, and other actions in exactly "
            "the same context: what ADI learns from. Seeds with which one of the actions fails are left out for all "
            "of them.",
            search_aliases=["ADI", "action disentangled", "action-different", "dataset"],
            inputs=[
                sockets.Scene.Input("scene", tooltip="The action to be learned, from Interaction Scene."),
                io.String.Input(
                    "other_actions",
                    default="push, touch",
                    tooltip="Actions, with commas between, to be done in the same contexts: same robot, object, place, "
                    "room, light and cameras. Those that need a thing of their own cannot; what can is said if one "
                    "does not fit.",
                ),
                whole(
                    "num_episodes", "How many contexts: each episode has another place, size, color, light and room."
                ),
                *IMAGES,
            ],
            outputs=[
                io.Image.Output(display_name="anchors"),
                io.Image.Output(
                    display_name="same_action", tooltip="For each anchor the same action in another context."
                ),
                io.Image.Output(
                    display_name="other_actions",
                    tooltip="For each anchor the first other action in its context, then for each the second: for ADI "
                    "Gradient Mask.",
                ),
                sockets.Recording.Output(display_name="recording", tooltip="Of the anchors."),
                sockets.Recording.Output(
                    display_name="other_recordings", is_output_list=True, tooltip="One for each other action."
                ),
            ],
        )

    @classmethod
    def execute(cls, scene: Any, other_actions: Any, **settings: Any) -> io.NodeOutput:
        plan = Plan(**settings)
        others = [name.strip() for name in other_actions.split(",") if name.strip()]
        triples = record_triples(SIMULATOR, scene, others, plan, show_progress(plan.images * (1 + len(others))))
        anchors = triples.anchors
        images = [image(images) for images in (anchors.images, triples.same_action, triples.other_actions)]
        rows = torch.cat([images[0], images[1], *images[2].split(len(anchors))], 2)[:: max(1, len(anchors) // 4)]
        return io.NodeOutput(*images, anchors, list(triples.others), ui=ui.PreviewImage(rows, cls=cls))


NODES = [RecordTriples]
