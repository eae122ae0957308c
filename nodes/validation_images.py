"""The node that asks for images while something is learned."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..errors import InteractiveActionError
from ..files import filled_lines
from ..trainers.validation import Validation
from . import sockets
from .node import Node
from .train_token import CATEGORY


class ValidationImages(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionValidationImages",
            display_name="Validation Images",
            category=CATEGORY,
            description="Generate images with what is learned so far every now and then, shown in the trainer; with "
            "judges, keep what scored best by IAScore instead of what came last. Plugs into Training Options.",
            search_aliases=["preview", "validation", "keep best"],
            inputs=[
                io.String.Input(
                    "prompts",
                    default="a robot arm <v*> a red cube",
                    multiline=True,
                    tooltip="One a line, with <v*> where the new word belongs; one image for each.",
                ),
                io.Int.Input(
                    "sample_every",
                    default=100,
                    min=1,
                    max=100000,
                    tooltip="Training steps between images. The last step always gives some.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    tooltip="The same noise each time, so that images can be compared.",
                ),
                io.Int.Input("steps", default=20, min=1, max=200, tooltip="Sampling steps of an image."),
                io.Float.Input("cfg", default=7.5, min=1.0, max=30.0, step=0.5, tooltip="Classifier-free guidance."),
                sockets.Detector.Input(
                    "detector", optional=True, tooltip="From Load Detector. With both judges what scores best is kept."
                ),
                sockets.ClipScorer.Input(
                    "clip_scorer", optional=True, tooltip="From Load CLIP Scorer. Without judges the last is kept."
                ),
                io.String.Input(
                    "subject",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="Who acts, for the detector. One line for all, or one a prompt.",
                ),
                io.String.Input(
                    "object",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="What is acted on. One line for all, or one a prompt.",
                ),
                io.String.Input(
                    "phrase", default="", optional=True, tooltip="Plain words for <v*>, such as 'picking up', for CLIP."
                ),
            ],
            outputs=[sockets.Validation.Output(display_name="validation", tooltip="For Training Options.")],
        )

    @classmethod
    def execute(
        cls,
        prompts: str,
        detector: Any = None,
        clip_scorer: Any = None,
        subject: str = "",
        object: str = "",
        phrase: str = "",
        **sampling: Any,
    ) -> io.NodeOutput:
        lines = filled_lines(prompts)
        if (detector is None) != (clip_scorer is None):
            raise InteractiveActionError("IAScore needs both judges. Connect a detector and a CLIP scorer, or neither.")
        if detector is None:
            return io.NodeOutput(Validation(lines, **sampling))
        from ..scoring.keep_best import ValidationIAScore

        return io.NodeOutput(
            Validation(
                lines, **sampling, score=ValidationIAScore(lines, subject, object, phrase, detector, clip_scorer)
            )
        )


NODES = [ValidationImages]
