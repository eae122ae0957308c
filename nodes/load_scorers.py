"""Load what judges images: a detector and a CLIP."""

from __future__ import annotations

from comfy_api.latest import io

from ..errors import InteractiveActionError
from . import sockets
from .node import Node

CATEGORY = "Interactive Action/scoring"
EMBEDDED = "miniature (embedded)"


class LoadDetector(Node):
    """Loads a detector for IAScore."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadDetector",
            display_name="Load Detector",
            category=CATEGORY,
            description="A detector that finds things by their names, for IAScore.",
            search_aliases=["GroundingDINO", "OWL-ViT", "OWLv2", "object detection"],
            inputs=[
                io.Combo.Input(
                    "source",
                    options=[EMBEDDED, "folder or hub name"],
                    tooltip="The embedded detector knows the miniature world only. For real images "
                    "choose a GroundingDINO or OWLv2 of transformers.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="A folder with config.json, model.safetensors and the processor, or a hub "
                    "name such as google/owlv2-base-patch16-ensemble. Unused by the embedded "
                    "detector.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Boxes with a lower score are dropped. Around 0.3 for the embedded detector "
                    "and GroundingDINO, 0.1 to 0.2 for OWLv2.",
                ),
            ],
            outputs=[sockets.Detector.Output(display_name="detector")],
        )

    @classmethod
    def execute(cls, source: str, threshold: float, name: str = "") -> io.NodeOutput:
        from ..miniature import judges
        from ..scoring.detectors import load_detector

        if source == EMBEDDED:
            return io.NodeOutput(judges.load_detector(threshold))
        if not name.strip():
            raise InteractiveActionError(
                "No detector is named. Write a folder or a hub name, or choose the embedded detector."
            )
        return io.NodeOutput(load_detector(name.strip(), threshold))


class LoadClipScorer(Node):
    """Loads a CLIP for IAScore."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadClipScorer",
            display_name="Load CLIP Scorer",
            category=CATEGORY,
            description="An open_clip model that tells how well an image matches a text, for IAScore.",
            search_aliases=["open_clip", "CLIPScore", "CLIP similarity"],
            inputs=[
                io.Combo.Input(
                    "source",
                    options=[EMBEDDED, "open_clip name"],
                    tooltip="The embedded CLIP knows the miniature world only. For real images name a "
                    "model of open_clip.",
                ),
                io.String.Input(
                    "name",
                    default="ViT-B-32",
                    optional=True,
                    tooltip='A model name of open_clip, or "local-dir:" and a folder with '
                    "open_clip_config.json and weights. Unused by the embedded CLIP.",
                ),
                io.String.Input(
                    "pretrained",
                    default="laion2b_s34b_b79k",
                    optional=True,
                    tooltip="The pretrained tag that belongs to the name, or a weights file "
                    "(safetensors). Unused with local-dir.",
                ),
            ],
            outputs=[sockets.ClipScorer.Output(display_name="clip_scorer")],
        )

    @classmethod
    def execute(cls, source: str, name: str = "", pretrained: str = "") -> io.NodeOutput:
        from ..miniature import judges
        from ..scoring.clip import load_clip_scorer

        if source == EMBEDDED:
            return io.NodeOutput(judges.load_clip_scorer())
        if not name.strip():
            raise InteractiveActionError(
                "No CLIP is named. Write a model name of open_clip, or choose the embedded CLIP."
            )
        return io.NodeOutput(load_clip_scorer(name.strip(), pretrained.strip()))


NODES = [LoadDetector, LoadClipScorer]
