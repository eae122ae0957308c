"""Judge edits of images: where the edited thing is, what a good edit is, and how good some edits are."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from . import sockets
from .iascore import lines, on_device
from .load_scorers import CATEGORY, EMBEDDED
from .node import Node

if TYPE_CHECKING:
    import torch

    from ..scoring.detectors import Detector
    from ..scoring.editing import EditingReward

DEPTH = "depth-anything/Depth-Anything-V2-Small-hf"
KINDS: dict[str, str | None] = {
    EMBEDDED: None,
    "DINOv2": "facebook/dinov2-base",
    "CLIP": "openai/clip-vit-base-patch32",
    "DreamSim": None,
}
BATCH = 16


class GroundedMask(Node):
    """Masks a thing by its name."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionGroundedMask",
            display_name="Grounded Mask",
            category=CATEGORY,
            description="The mask of a thing that is named: a detector finds it, SAM 2 fills its box.",
            search_aliases=["grounded SAM", "SAM2", "segmentation"],
            inputs=[
                io.Image.Input("image", tooltip="The images in which to look."),
                io.String.Input(
                    "text",
                    default="cabinet",
                    multiline=True,
                    tooltip="The thing to mask. One line for all images, or one line for each.",
                ),
                sockets.Detector.Input(
                    "detector", tooltip="From Load Detector: a GroundingDINO or OWLv2 for real images."
                ),
                io.String.Input(
                    "segmenter",
                    default="facebook/sam2.1-hiera-small",
                    tooltip="A SAM 2 in transformers' format: a folder with config.json, model.safetensors and the "
                    "processor, or a hub name.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="All things found in an image, together.")],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, text: str, detector: Detector, segmenter: str) -> io.NodeOutput:
        from ..scoring.masks import load_segmenter

        if not segmenter.strip():
            raise InteractiveActionError(
                "No SAM 2 is named. Write a folder or a hub name, such as facebook/sam2.1-hiera-small."
            )
        judge = load_segmenter(detector, segmenter.strip())
        with on_device(judge):
            return io.NodeOutput(judge.segment(image[..., :3], lines(text)))


class EditingRewardNode(Node):
    """Loads the judges of edits."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionEditingReward",
            display_name="Editing Reward",
            category=CATEGORY,
            description="What a good edit is: the same depth as before, the look of a style image where it belongs, "
            "and the rest as it was. For Score Edits and Train Editor from AI Feedback.",
            search_aliases=["Depth Anything", "DreamSim", "DINOv2", "RLAIF"],
            inputs=[
                io.String.Input(
                    "depth_model",
                    default=EMBEDDED,
                    tooltip="The embedded one knows simulated images only. For real ones a depth model in "
                    f"transformers' format: a folder with config.json, model.safetensors and "
                    f"preprocessor_config.json, or a hub name such as {DEPTH}.",
                ),
                io.Combo.Input(
                    "encoder",
                    options=list(KINDS),
                    tooltip="What compares the edit with the style image. The embedded one knows simulated images "
                    "only. The paper finds DreamSim best; DINOv2 makes edits grainy, CLIP smooth and tinted. "
                    "DreamSim needs its authors' package (pip install dreamsim), which fetches weights into "
                    "models/dreamsim and code of DINO's authors.",
                ),
                io.String.Input(
                    "encoder_model",
                    default="",
                    optional=True,
                    tooltip=f"For DINOv2 and CLIP: a folder in transformers' format or a hub name. Empty: "
                    f"{KINDS['DINOv2']} or {KINDS['CLIP']}. Unused by DreamSim.",
                ),
                io.Float.Input(
                    "lambda_",
                    display_name="lambda",
                    default=0.5,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    optional=True,
                    tooltip="How much changes outside of the mask count.",
                ),
                io.Float.Input(
                    "alpha",
                    default=1.0,
                    min=0.0,
                    max=100.0,
                    step=0.05,
                    optional=True,
                    tooltip="How much semantics counts beside structure. More edits more boldly.",
                ),
            ],
            outputs=[sockets.EditingReward.Output(display_name="reward")],
        )

    @classmethod
    def execute(
        cls, depth_model: str, encoder: str, encoder_model: str = "", lambda_: float = 0.5, alpha: float = 1.0
    ) -> io.NodeOutput:
        import folder_paths

        from ..miniature import style_editor
        from ..scoring.editing import EditingReward
        from ..scoring.encoders import load_encoder
        from ..scoring.structure import load_depth_model

        depth_name = depth_model.strip()
        depth = style_editor.load_depth_model() if depth_name in ("", EMBEDDED) else load_depth_model(depth_name)
        if encoder == EMBEDDED:
            judge = style_editor.load_encoder()
        elif encoder == "DreamSim":
            judge = load_encoder(encoder, str(pathlib.Path(folder_paths.models_dir, "dreamsim")))
        else:
            judge = load_encoder(encoder, encoder_model.strip() or KINDS[encoder] or "")
        return io.NodeOutput(EditingReward(depth, judge, lambda_, alpha))


class ScoreEdits(Node):
    """Judges edits of images."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionScoreEdits",
            display_name="Score Edits",
            category=CATEGORY,
            description="How far each edit kept the structure and took the style, and which of them is best.",
            search_aliases=["structure score", "semantics score", "depth difference", "best of"],
            is_output_node=True,
            inputs=[
                io.Image.Input("edited", tooltip="The edits to judge: best several of one image."),
                io.Image.Input(
                    "image", tooltip="What was edited: one for all edits, or one for each; of the same size."
                ),
                io.Image.Input("style", tooltip="The style images: one for all edits, or one for each; of any size."),
                sockets.EditingReward.Input("reward", tooltip="From Editing Reward."),
                io.Mask.Input("mask", optional=True, tooltip="Where the edit belongs. Without, the full frame."),
                io.Mask.Input(
                    "style_mask", optional=True, tooltip="Where the style is in its image. Without, the full frame."
                ),
            ],
            outputs=[
                io.Float.Output(
                    display_name="structure", tooltip="How much depths differ, mean over the edits; lower is better."
                ),
                io.Float.Output(
                    display_name="semantics",
                    tooltip="How far the edits are from the style, mean over them; lower is better.",
                ),
                io.Image.Output(display_name="best", tooltip="The edit with the lowest total of its batch."),
                io.Image.Output(
                    display_name="depth change",
                    tooltip="Where the depth of each edit differs; the largest difference is white.",
                ),
                io.String.Output(display_name="report", tooltip="JSON with the scores of each edit."),
            ],
        )

    @classmethod
    def execute(
        cls,
        edited: torch.Tensor,
        image: torch.Tensor,
        style: torch.Tensor,
        reward: EditingReward,
        mask: torch.Tensor | None = None,
        style_mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        import comfy.utils

        from ..scoring.editing import score_batches

        edited, image, style = (images[..., :3].cpu() for images in (edited, image, style))
        bar = comfy.utils.ProgressBar(len(edited))
        with on_device(reward):
            scores = score_batches(reward, edited, image, style, mask, style_mask, BATCH, bar.update_absolute)
        change = scores.depth_change[..., None].expand(-1, -1, -1, 3)
        report, best = scores.report(), scores.best
        text = (
            f"structure {report['structure']:.4f}, semantics {report['semantics']:.4f} (both: lower is better); "
            f"best is edit {best + 1}"
        )
        return io.NodeOutput(
            report["structure"],
            report["semantics"],
            edited[best : best + 1],
            change,
            json.dumps({"how": json.loads(reward.name), **report}, indent=1),
            ui={**ui.PreviewImage(change, cls=cls).as_dict(), **ui.PreviewText(text).as_dict()},
        )


NODES = [GroundedMask, EditingRewardNode, ScoreEdits]
