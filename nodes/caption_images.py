"""Nodes that put words to images."""

from __future__ import annotations

import pathlib
from typing import Any

import folder_paths
from comfy_api.latest import io, ui

from ..captions.dataset import InteractionDataset
from ..captions.templates import TEMPLATES, paired_prompts, parse_templates
from ..captions.words import ACTION_WORDS, negative_words
from ..errors import InteractiveActionError
from ..file_digests import files_below
from ..files import checked_name, free_path
from . import sockets
from .node import Node, SavingNode

CATEGORY = "Interactive Action/captions"


class CaptionImages(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionCaptionImages",
            display_name="Caption Images (Action)",
            category=CATEGORY,
            description="Pair each image with prompts that say 'Subject v* Object' and prompts that say 'Subject and "
            "Object'.",
            search_aliases=["captions", "prompts", "templates", "dataset"],
            inputs=[
                io.Image.Input("images", tooltip="Images of one interaction: recorded ones, or photographs."),
                sockets.Recording.Input(
                    "recording",
                    optional=True,
                    tooltip="The recording that the images come from; it knows what each image shows.",
                ),
                io.String.Input(
                    "subject", default="", tooltip="Who acts, for example 'robot arm'. Empty: as the recording says."
                ),
                io.String.Input(
                    "object",
                    default="",
                    tooltip="What is acted on, for example 'red cube'. Empty: as the recording says.",
                ),
                io.String.Input(
                    "templates",
                    multiline=True,
                    default="\n".join(TEMPLATES),
                    tooltip="One prompt a line with {subject}, {object} and <v*>, 10 to 12 as in the paper. The "
                    "teacher's prompts are the same lines with 'and' in place of <v*>.",
                ),
            ],
            outputs=[sockets.Dataset.Output(display_name="dataset")],
        )

    @classmethod
    def execute(cls, images: Any, subject: str, object: str, templates: str, recording: Any = None) -> io.NodeOutput:
        parsed = parse_templates(templates)
        count = len(images)
        subjects = _names(subject, recording and recording.subject, count, "subject")
        objects = _names(object, recording and recording.object, count, "object")
        groups = [paired_prompts(parsed, *names) for names in zip(subjects, objects)]
        dataset = InteractionDataset(
            images[..., :3], tuple(with_token for with_token, _ in groups), tuple(with_and for _, with_and in groups)
        )
        shown = "\n".join(f"{y}   |   {y_and}" for y, y_and in zip(dataset.prompts[0], dataset.prompts_and[0]))
        return io.NodeOutput(dataset, ui=ui.PreviewText(f"{count} images, each with {len(parsed)} pairs:\n{shown}"))


def _names(typed: str, recorded: Any, count: int, what: str) -> list[str]:
    if typed.strip():
        return [typed.strip()] * count
    if recorded is None:
        raise InteractiveActionError(f"The images have no {what}. Write one, or connect the recording they come from.")
    if len(recorded) != count:
        raise InteractiveActionError(
            f"There are {count} images but the recording names the {what} of {len(recorded)}. Connect all of its "
            f"images, or write the {what}."
        )
    return list(recorded)


class SteeringWords(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSteeringWords",
            display_name="Steering Words",
            category=CATEGORY,
            description="Words and phrases of one action, to steer a token with. Convert to text to edit them.",
            search_aliases=["steering", "positives", "verbs"],
            inputs=[
                io.Combo.Input(
                    "action",
                    options=list(ACTION_WORDS),
                    default="any interaction",
                    tooltip="The action whose words are wanted. The list of one action never holds a word of another.",
                )
            ],
            outputs=[io.String.Output(display_name="words"), io.String.Output(display_name="negative words")],
        )

    @classmethod
    def execute(cls, action: str) -> io.NodeOutput:
        words, negatives = "\n".join(ACTION_WORDS[action]), "\n".join(negative_words(action))
        return io.NodeOutput(
            words, negatives, ui=ui.PreviewText(f"{words}\n\nnot:\n{negatives}" if negatives else words)
        )


def dataset_folder() -> pathlib.Path:
    """The folder that holds all datasets."""
    return pathlib.Path(folder_paths.get_folder_paths("datasets")[0]) / "interactive_action"


class SaveDataset(SavingNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSaveDataset",
            display_name="Save Interaction Dataset",
            category=CATEGORY,
            description="Write images and prompts to a folder: numbered PNGs and metadata.jsonl, as Hugging Face image "
            "folders are.",
            is_output_node=True,
            inputs=[
                sockets.Dataset.Input("dataset", tooltip="The captioned images.", lazy=True),
                io.String.Input(
                    "name",
                    default="pick-up",
                    tooltip="Folder name under datasets/interactive_action. If there is one already, a number "
                    "is added.",
                ),
            ],
            outputs=[sockets.Dataset.Output(display_name="dataset")],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "dataset")

    @classmethod
    def execute(cls, dataset: Any, name: str) -> io.NodeOutput:
        folder = free_path(dataset_folder(), checked_name(name, "dataset"))
        dataset.save(folder)
        return io.NodeOutput(dataset, ui=ui.PreviewText(f"{len(dataset)} images written to {folder}"))


class LoadDataset(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionLoadDataset",
            display_name="Load Interaction Dataset",
            category=CATEGORY,
            description="Read images and prompts from a folder that was saved, or made by hand in the same layout.",
            inputs=[
                io.String.Input("name", default="pick-up", tooltip="Folder name under datasets/interactive_action."),
                io.Int.Input(
                    "resolution",
                    default=512,
                    min=64,
                    max=2048,
                    step=8,
                    optional=True,
                    advanced=True,
                    tooltip="Images of several sizes are fitted to the buckets of a model with this side: 512 for SD "
                    "1.5, 1024 for SDXL. Images of one size stay as they are.",
                ),
            ],
            outputs=[
                sockets.Dataset.Output(display_name="dataset"),
                io.Image.Output(display_name="images"),
            ],
        )

    @classmethod
    def check_inputs(cls, name: str) -> None:
        checked_name(name, "dataset")

    @classmethod
    def files_read(cls, name: str) -> list[pathlib.Path]:
        return files_below(dataset_folder() / checked_name(name, "dataset"))

    @classmethod
    def execute(cls, name: str, resolution: int = 512) -> io.NodeOutput:
        folder = dataset_folder() / checked_name(name, "dataset")
        if not folder.is_dir():
            found = sorted(
                path.name for path in dataset_folder().glob("*") if path.is_dir() and not path.name.startswith(".")
            )
            raise InteractiveActionError(
                f"There is no dataset called {name!r}. Found: {', '.join(found) or 'none'}. They lie in "
                f"{dataset_folder()}."
            )
        dataset = InteractionDataset.load(folder, resolution)
        return io.NodeOutput(dataset, dataset.batch())


NODES = [CaptionImages, SteeringWords, SaveDataset, LoadDataset]
