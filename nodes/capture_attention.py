"""Nodes that show where the words of a prompt attend while an image is drawn."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import filled_lines
from . import sockets
from .node import Node

CATEGORY = "Interactive Action/scoring"
PLACES, RESOLUTIONS = "down, middle, up", "resolutions"


class CaptureAttention(Node):
    """Gives a MODEL whose samplings are captured."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionCaptureAttention",
            display_name="Capture Attention",
            category=CATEGORY,
            description="A MODEL that remembers where words attend while any sampler draws with it. It draws the same "
            "pixels.",
            search_aliases=["attention maps", "cross-attention", "DAAM", "heat map"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The MODEL that will draw; the one that you connect here is not changed."
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="From which share of the steps on to capture. Where things stand is decided in the first "
                    "half.",
                ),
                io.Float.Input(
                    "end",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Up to which share of the steps to capture.",
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="For the sampler."),
                sockets.Attention.Output(display_name="attention", tooltip="For Visualize Attention."),
            ],
        )

    @classmethod
    def execute(cls, model: Any, start: float, end: float) -> io.NodeOutput:
        from ..models.comfy_attention import capturing_model

        return io.NodeOutput(*capturing_model(model, start, end))


class VisualizeAttention(Node):
    """Draws where words attended."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionVisualizeAttention",
            display_name="Visualize Attention",
            category=CATEGORY,
            description="Overlays that show where the new word, or any word of the prompt, attended: for groups of "
            "layers and averaged over all.",
            search_aliases=["attention maps", "cross-attention", "DAAM", "heat map"],
            inputs=[
                sockets.Attention.Input("attention", tooltip="From Capture Attention, whose MODEL drew the samples."),
                io.Latent.Input("samples", tooltip="The sampler's own output: the attention is looked up by it."),
                io.Image.Input("images", tooltip="The same samples, decoded."),
                io.Clip.Input(
                    "clip", tooltip="The CLIP that encoded the prompt: it tells at which positions a word stands."
                ),
                io.String.Input(
                    "prompt",
                    default="a panda <pick-up> a strawberry",
                    multiline=True,
                    tooltip="The prompt that the samples were drawn with.",
                ),
                io.String.Input(
                    "words",
                    default="panda\n<pick-up>\nstrawberry",
                    multiline=True,
                    tooltip="One word or phrase of the prompt a line: a row of the sheet for each.",
                ),
                io.Combo.Input(
                    "groups",
                    options=[PLACES, RESOLUTIONS],
                    tooltip="How layers are put together: by their place in the U-Net, or by the resolution at which "
                    "they see the image.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="sheets",
                    tooltip="One sheet an image: a row for each word, a column for each group of layers.",
                ),
                io.Image.Output(
                    display_name="overlays",
                    tooltip="The average over all layers: all images for the first word, then for the second.",
                ),
                io.Mask.Output(display_name="maps", tooltip="The same as masks, each stretched from 0 to 1."),
            ],
        )

    @classmethod
    def execute(
        cls,
        attention: Any,
        samples: dict[str, Any],
        images: torch.Tensor,
        clip: Any,
        prompt: str,
        words: str,
        groups: str,
    ) -> io.NodeOutput:
        from ..models.comfy_attention import tokenizer_of
        from ..scoring.attention_maps import ALL_LAYERS, group_maps, word_maps, word_positions
        from ..scoring.attention_overlay import attention_sheets, overlay, stretch

        names = filled_lines(words)
        if not names:
            raise InteractiveActionError(
                "No word is named whose attention is wanted. Write at least one word of the prompt."
            )
        layers = attention.run_of(samples["samples"]).layers()
        maps = {}
        for word in dict.fromkeys(names):
            positions, chunks = word_positions(tokenizer_of(clip), prompt, word)
            maps[word] = group_maps(word_maps(layers, positions, chunks), groups == RESOLUTIONS)
        if len(images) != (count := len(maps[names[0]][ALL_LAYERS])):
            raise InteractiveActionError(
                f"There are {len(images)} images, and {count} samples. Connect what the samples were decoded to."
            )
        images = images[..., :3].float().cpu()
        means = [stretch(word_groups[ALL_LAYERS], *images.shape[1:3]) for word_groups in maps.values()]
        sheets = attention_sheets(images, maps)
        overlays = torch.cat([overlay(images, mean) for mean in means])
        return io.NodeOutput(sheets, overlays, torch.cat(means).clamp(0, 1), ui=ui.PreviewImage(sheets, cls=cls))


NODES = [CaptureAttention, VisualizeAttention]
