"""Judge edits of images: where the edited thing is, what a good edit is, and how good some edits are."""

import json
import pathlib

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import lines_of
from . import sockets
from .iascore import EMBEDDED
from .node import Node

CATEGORY = "Interactive Action/scoring"
DEPTH = "depth-anything/Depth-Anything-V2-Small-hf"
KINDS = {EMBEDDED: None, "DINOv2": "facebook/dinov2-base", "CLIP": "openai/clip-vit-base-patch32", "DreamSim": None}
BATCH = 16


class GroundedMask(Node):
    @classmethod
    def define_schema(cls):
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
    def execute(cls, image, text, detector, segmenter):
        import comfy.model_management

        from ..scoring.masks import load_segmenter

        if not segmenter.strip():
            raise InteractiveActionError(
                "No SAM 2 is named. Write a folder or a hub name, such as facebook/sam2.1-hiera-small."
            )
        judge = load_segmenter(detector, segmenter.strip())
        try:
            judge.to(comfy.model_management.get_torch_device())
            return io.NodeOutput(judge.segment(image[..., :3], list(lines_of(text.strip()))))
        finally:
            judge.to("cpu")


class EditingRewardNode(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionEditingReward",
            display_name="Editing Reward",
            category=CATEGORY,
            description="What a good edit is: the same depth as before (Eq. 8), the look of a style image where it "
            "belongs, and the rest as it was (Eq. 9). For Score Edits and Train Editor from AI Feedback.",
            search_aliases=["Depth Anything", "DreamSim", "DINOv2", "RLAIF"],
            inputs=[
                io.String.Input(
                    "depth_model",
                    default=EMBEDDED,
                    tooltip="The embedded one knows simulated images only. For real ones a depth model in "
                    "transformers' format: a folder with config.json, model.safetensors and "
                    f"preprocessor_config.json, or a hub name such as {DEPTH}.",
                ),
                io.Combo.Input(
                    "encoder",
                    options=list(KINDS),
                    tooltip="What compares the edit with the style image. The embedded one knows simulated images "
                    "only. The paper finds DreamSim best; DINOv2 makes edits grainy, CLIP smooth and tinted. DreamSim "
                    "needs its authors' package (pip install dreamsim), which fetches weights into models/dreamsim "
                    "and code of DINO's authors.",
                ),
                io.String.Input(
                    "encoder_model",
                    default="",
                    optional=True,
                    tooltip="For DINOv2 and CLIP: a folder in transformers' format or a hub name. Empty: "
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
                    tooltip="How much changes outside of the mask count (Eq. 9).",
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
    def execute(cls, depth_model, encoder, encoder_model="", lambda_=0.5, alpha=1.0):
        import folder_paths

        from ..miniature import style_editor as edits
        from ..scoring.editing import EditingReward
        from ..scoring.encoders import load_encoder
        from ..scoring.structure import load_depth_model

        depth = (
            edits.load_depth_model() if depth_model.strip() in ("", EMBEDDED) else load_depth_model(depth_model.strip())
        )
        if encoder == EMBEDDED:
            seer = edits.load_encoder()
        elif encoder == "DreamSim":
            seer = load_encoder(encoder, str(pathlib.Path(folder_paths.models_dir, "dreamsim")))
        else:
            seer = load_encoder(encoder, encoder_model.strip() or KINDS[encoder])
        return io.NodeOutput(EditingReward(depth, seer, lambda_, alpha))


class ScoreEdits(Node):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="InteractiveActionScoreEdits",
            display_name="Score Edits",
            category=CATEGORY,
            description="How far each edit kept the structure (Eq. 8) and took the style (Eq. 9), and which of them is "
            "best.",
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
                io.Float.Output(display_name="structure", tooltip="Eq. 8, mean over the edits; lower is better."),
                io.Float.Output(display_name="semantics", tooltip="Eq. 9, mean over the edits; lower is better."),
                io.Image.Output(display_name="best", tooltip="The edit with the lowest total of its batch."),
                io.Image.Output(
                    display_name="depth change",
                    tooltip="Where the depth of each edit differs; the largest difference is white.",
                ),
                io.String.Output(display_name="report", tooltip="JSON with the scores of each edit."),
            ],
        )

    @classmethod
    def execute(cls, edited, image, style, reward, mask=None, style_mask=None):
        import comfy.model_management
        import comfy.utils
        import torch

        edited, image, style = (images[..., :3].cpu() for images in (edited, image, style))
        bar = comfy.utils.ProgressBar(len(edited))
        try:
            reward.to(comfy.model_management.get_torch_device())
            before = reward.depth_model.depth(image)
            found, after = [], []
            for part in torch.arange(len(edited)).split(BATCH):

                def of(images, part=part):
                    return images[part] if images is not None and len(images) == len(edited) else images

                after.append(reward.depth_model.depth(edited[part]))
                given = (of(images) for images in (image, style, mask, style_mask))
                found.append(reward.scores(edited[part], *given, depths=(of(before), after[-1])))
                bar.update_absolute(int(part[-1]) + 1, len(edited))
        finally:
            reward.to("cpu")
        structure, semantics = (torch.cat(scores) for scores in zip(*found))
        total = reward.total(structure, semantics)
        change = (before - torch.cat(after)).abs()
        change = (change / change.max().clamp(min=1e-8))[..., None].expand(-1, -1, -1, 3)
        best = int(total.argmin())
        rows = [
            {"structure": s, "semantics": m, "total": t}
            for s, m, t in zip(structure.tolist(), semantics.tolist(), total.tolist())
        ]
        report = {
            "how": json.loads(reward.name),
            "structure": structure.mean().item(),
            "semantics": semantics.mean().item(),
            "best": best + 1,
            "edits": rows,
        }
        shown = (
            f"structure {report['structure']:.4f}, semantics {report['semantics']:.4f} (both: lower is better); best "
            f"is edit {best + 1}"
        )
        return io.NodeOutput(
            report["structure"],
            report["semantics"],
            edited[best : best + 1],
            change,
            json.dumps(report, indent=1),
            ui={**ui.PreviewImage(change, cls=cls).as_dict(), **ui.PreviewText(shown).as_dict()},
        )


NODES = [GroundedMask, EditingRewardNode, ScoreEdits]
