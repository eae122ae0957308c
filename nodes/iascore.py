"""Judge whether an interaction really happened: give images their IAScore."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from ..files import checked_name, lines_of
from . import sockets
from .load_scorers import CATEGORY
from .node import SavingNode

if TYPE_CHECKING:
    import torch

    from ..scoring.clip import ClipScorer
    from ..scoring.detectors import Detector
    from ..scoring.iascore import ImageScore


class IAScore(SavingNode):
    """Judges images: does the interaction happen, and does the image match its text?"""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionIAScore",
            display_name="IAScore",
            category=CATEGORY,
            description="An image counts only if the boxes of subject and object overlap, and then with how well CLIP "
            "finds that it matches its text.",
            search_aliases=["interaction score", "CLIPScore", "IoU", "evaluate"],
            is_output_node=True,
            inputs=[
                io.Image.Input("image", tooltip="The images to judge.", lazy=True),
                sockets.ClipScorer.Input("clip_scorer", tooltip="From Load CLIP Scorer."),
                *_word_inputs(),
                io.String.Input(
                    "phrase",
                    default="",
                    optional=True,
                    tooltip='Natural words that take the place of the new word in the text, for example "picking '
                    'up". Not needed if the text has no <...> in it.',
                ),
                sockets.Detector.Input(
                    "detector", optional=True, tooltip="From Load Detector. Not needed if boxes are connected."
                ),
                sockets.boxes_input(
                    "boxes",
                    tooltip="Boxes known from elsewhere (the simulator, another detector), one list "
                    "an image, labeled with the names of subject and object. They are used"
                    " in place of the detector.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=16,
                    min=1,
                    max=1024,
                    optional=True,
                    tooltip="How many images the models look at together. Smaller needs less memory; the "
                    "result is the same.",
                ),
                save_as_input(),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def check_inputs(cls, save_as: str) -> None:
        check_save_as(save_as)

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        clip_scorer: ClipScorer,
        subject: str,
        object: str,
        text: str,
        phrase: str = "",
        detector: Detector | None = None,
        boxes: Any = None,
        batch_size: int = 16,
        save_as: str = "",
    ) -> io.NodeOutput:
        import comfy.utils

        from ..scoring import iascore
        from ..scoring.box_overlay import overlay_boxes

        bar = comfy.utils.ProgressBar(len(image))
        bar.update_absolute(0, len(image))
        with on_device(clip_scorer, detector):
            rows = iascore.score_images(
                image,
                lines(subject),
                lines(object),
                [iascore.replace_placeholder(line, phrase.strip()) for line in lines(text)],
                detector,
                clip_scorer,
                boxes,
                batch_size,
                progress=bar.update_absolute,
            )
        judged_by: dict[str, Any] = {"detector": "connected boxes", "threshold": None}
        if boxes is None and detector is not None:
            judged_by = {"detector": detector.name, "threshold": detector.threshold}
        report = iascore.report(rows, **judged_by, clip=clip_scorer.name)
        overlay, scores, summary = overlay_boxes(image, rows), report["scores"], summary_of(report)
        summary += save_scores(rows, range(len(rows)), save_as)
        return io.NodeOutput(
            scores["iascore_cosine"],
            scores["pass_rate"],
            json.dumps(report, indent=1),
            overlay,
            ui={**ui.PreviewImage(overlay, cls=cls).as_dict(), **ui.PreviewText(summary).as_dict()},
        )


def save_as_input() -> io.Input:
    """The input that names the files of scores."""
    return io.String.Input(
        "save_as",
        default="",
        optional=True,
        tooltip="A name under which one row an image (.csv, .jsonl) and a plot (.png) are written to ComfyUI's output "
        "folder, numbered if it is taken. Empty writes nothing.",
    )


def check_save_as(save_as: str) -> None:
    """Raises a sentence unless ``save_as`` is empty or can name files."""
    if save_as := save_as.strip():
        checked_name(save_as, "file of scores")


def save_scores(rows: Sequence[ImageScore], names: Sequence[str | int], save_as: str) -> str:
    """Writes a row for each of ``names`` to ComfyUI's output folder; returns a line that says so, empty for no name."""
    import folder_paths

    from ..files import free_path
    from ..scoring import tables

    if not (save_as := save_as.strip()):
        return ""
    path = free_path(folder_paths.get_output_directory(), save_as, ".csv").with_suffix("")
    return f"\nwritten to {', '.join(file.name for file in tables.save(rows, names, path))}"


def summary_of(report: Mapping[str, Any]) -> str:
    """What the node shows: the scores with their intervals."""
    scores = report["scores"]

    def value(name: str, form: str) -> str:
        ends = report["intervals"][name]
        interval = " [{}, {}]".format(*(format(end, form) for end in ends)) if ends else ""
        return format(scores[name], form) + interval

    return (
        f"IAScore {value('iascore_cosine', '.3f')} (zero-filled cosine), "
        f"{value('iascore_2_5', '.3f')} (zero-filled 2.5 x cosine)\n"
        f"passed {value('pass_rate', '.0%')} of {scores['n']}, both found in {value('both_found', '.0%')}, "
        f"mean IoU {value('mean_iou', '.3f')}; 95 % intervals in brackets"
    )


@contextlib.contextmanager
def on_device(*judges: Any) -> Iterator[None]:
    """Puts judges on ComfyUI's device, and back on the CPU afterwards; None stands for one that is not connected."""
    import comfy.model_management

    connected = [judge for judge in judges if judge is not None]
    try:
        for judge in connected:
            judge.to(comfy.model_management.get_torch_device())
        yield
    finally:
        for judge in connected:
            judge.to("cpu")


def lines(text: str) -> list[str]:
    """The lines of a text field, without blanks around all."""
    return list(lines_of(text.strip()))


def _word_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "subject",
            default="panda",
            multiline=True,
            tooltip="Who acts. One line for all images, or one line for each.",
        ),
        io.String.Input(
            "object",
            default="strawberry",
            multiline=True,
            tooltip="What is acted on. One line for all images, or one line for each.",
        ),
        io.String.Input(
            "text",
            default="a panda picking up a strawberry",
            multiline=True,
            tooltip="What CLIP compares the image with. One line for all images, or one line for each.",
        ),
    ]


def _outputs() -> list[io.Output]:
    return [
        io.Float.Output(
            display_name="iascore",
            tooltip="Mean CLIP cosine of all images; those that do not pass count as zero.",
        ),
        io.Float.Output(display_name="pass_rate", tooltip="Share of the images in which subject and object overlap."),
        io.String.Output(display_name="report", tooltip="JSON with every part of the score and one entry an image."),
        io.Image.Output(
            display_name="overlay",
            tooltip="The images with the boxes that decided; a green frame means passed.",
        ),
    ]


NODES = [IAScore]
