"""Judge a folder of images, whatever their sizes."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..file_digests import files_below
from ..files import checked_name
from . import sockets
from .iascore import check_save_as, on_device, save_as_input, save_scores
from .load_scorers import CATEGORY
from .node import Node

if TYPE_CHECKING:
    from ..scoring.clip import ClipScorer
    from ..scoring.detectors import Detector


class IAScoreFolder(Node):
    """Judges the images of a folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionIAScoreFolder",
            display_name="IAScore (Folder)",
            category=CATEGORY,
            description="IAScore of all images in a folder, of any sizes. An image that cannot be read is named; all "
            "others are judged.",
            search_aliases=["interaction score", "folder", "evaluate"],
            is_output_node=True,
            inputs=[
                io.String.Input("folder", default="images", tooltip="A folder in ComfyUI's input folder."),
                sockets.ClipScorer.Input("clip_scorer", tooltip="From Load CLIP Scorer."),
                sockets.Detector.Input("detector", tooltip="From Load Detector."),
                *_word_inputs(),
                io.String.Input(
                    "phrase",
                    default="",
                    optional=True,
                    tooltip='Natural words that take the place of the new word in texts, for example "picking up".',
                ),
                io.Int.Input(
                    "batch_size",
                    default=16,
                    min=1,
                    max=1024,
                    optional=True,
                    tooltip="How many images of one size the models look at together; the result is the same.",
                ),
                save_as_input(),
            ],
            outputs=[
                io.Float.Output(
                    display_name="iascore",
                    tooltip="Mean CLIP cosine of all images; those that do not pass count as zero.",
                ),
                io.Float.Output(display_name="pass_rate", tooltip="The share of images whose boxes overlap."),
                io.String.Output(
                    display_name="report",
                    tooltip="JSON with every part of the score, one entry an image, and what could not be read.",
                ),
                io.Image.Output(
                    display_name="overlays",
                    is_output_list=True,
                    tooltip="Each image with the boxes that decided, at its own size.",
                ),
            ],
        )

    @classmethod
    def check_inputs(cls, folder: str, save_as: str) -> None:
        checked_name(folder.strip(), "folder")
        check_save_as(save_as)

    @classmethod
    def files_read(cls, folder: str) -> list[pathlib.Path]:
        return files_below(image_folder(folder))

    @classmethod
    def execute(
        cls,
        folder: str,
        clip_scorer: ClipScorer,
        detector: Detector,
        subject: str,
        object: str,
        text: str,
        phrase: str = "",
        batch_size: int = 16,
        save_as: str = "",
    ) -> io.NodeOutput:
        import comfy.utils

        from ..scoring import iascore
        from ..scoring.box_overlay import overlay_boxes
        from ..scoring.image_folder import load_image, score_folder

        path, bar = image_folder(folder), comfy.utils.ProgressBar(1)
        with on_device(clip_scorer, detector):
            rows, names, broken = score_folder(
                path,
                subject,
                object,
                text,
                detector,
                clip_scorer,
                phrase.strip(),
                batch_size,
                progress=bar.update_absolute,
            )
        report = iascore.report(rows, detector=detector.name, threshold=detector.threshold, clip=clip_scorer.name)
        for entry, name in zip(report["images"], names):
            entry["image"] = name
        report["could not be read"] = broken
        scores = report["scores"]
        overlays = [overlay_boxes(load_image(path / name)[None], [row]) for row, name in zip(rows, names)]
        summary = f"IAScore {scores['iascore_cosine']:.3f} of {scores['n']} images, passed {scores['pass_rate']:.0%}"
        summary += "".join(f"\nLeft out: {reason}" for reason in broken.values())
        summary += save_scores(rows, names, save_as)
        return io.NodeOutput(
            scores["iascore_cosine"],
            scores["pass_rate"],
            json.dumps(report, indent=1),
            overlays,
            ui=ui.PreviewText(summary),
        )


def image_folder(name: str) -> pathlib.Path:
    """The folder below ComfyUI's input folder."""
    import folder_paths

    folder = pathlib.Path(folder_paths.get_input_directory(), checked_name(name.strip(), "folder"))
    if not folder.is_dir():
        others = sorted(path.name for path in folder.parent.glob("*") if path.is_dir())
        raise InteractiveActionError(
            f"There is no folder {folder.name} in {folder.parent}. Found: {', '.join(others) or 'none'}."
        )
    return folder


def _word_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "subject",
            default="panda",
            tooltip="Who acts, in all images that metadata.jsonl says nothing about.",
        ),
        io.String.Input(
            "object",
            default="strawberry",
            tooltip="What is acted on, in all images that metadata.jsonl says nothing about.",
        ),
        io.String.Input(
            "text",
            default="a panda picking up a strawberry",
            tooltip="What CLIP compares an image with, where metadata.jsonl says nothing else.",
        ),
    ]


NODES = [IAScoreFolder]
