"""Let people judge: write a blinded voting page, and read the votes that came back."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, filled_lines, free_path, read_text, write_atomically
from .node import Node, SavingNode
from .plots import image_of_png

if TYPE_CHECKING:
    import torch

CATEGORY = "Interactive Action/scoring"
MOST = 6


class WriteVotingPage(SavingNode):
    """Writes a page that asks people which image is best."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionWriteVotingPage",
            display_name="Write Voting Page",
            category=CATEGORY,
            description="One HTML file that asks people which method's image is best, without telling the methods.",
            search_aliases=["human evaluation", "user study", "survey"],
            is_output_node=True,
            inputs=[
                *(
                    io.Image.Input(
                        f"images_{number}",
                        optional=number > 2,
                        lazy=True,
                        tooltip=f"The images of the method in line {number} of methods, one for each prompt.",
                    )
                    for number in range(1, MOST + 1)
                ),
                io.String.Input(
                    "methods",
                    default="ours\nbaseline",
                    multiline=True,
                    tooltip="The names of the methods, one a line, in the order of the images. They are "
                    "written to the key only, never to the page.",
                ),
                io.String.Input(
                    "prompts",
                    default="a panda picking up a strawberry",
                    multiline=True,
                    tooltip="What each group of images should show, one line a group, in plain words.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**32 - 1,
                    tooltip="Of the order in which each group shows its images.",
                ),
                io.String.Input(
                    "save_as",
                    default="votes",
                    tooltip="The name of the page (.html) and of its key (.key.json) in ComfyUI's output "
                    "folder, numbered if it is taken. Give voters the page and keep the key.",
                ),
            ],
            outputs=[io.String.Output(display_name="page", tooltip="The name under which the page was written.")],
        )

    @classmethod
    def check_inputs(cls, save_as: str) -> None:
        checked_name(save_as.strip(), "voting page")

    @classmethod
    def execute(
        cls,
        images_1: torch.Tensor,
        images_2: torch.Tensor,
        methods: str,
        prompts: str,
        seed: int,
        save_as: str,
        **numbered: Any,
    ) -> io.NodeOutput:
        import folder_paths

        from ..scoring import votes

        save_as = save_as.strip()
        _, images = images_by_method(methods, images_1=images_1, images_2=images_2, **numbered)
        page, key = votes.write_page(images, filled_lines(prompts), seed)
        path = free_path(folder_paths.get_output_directory(), save_as, ".html")
        write_atomically(path.with_suffix(".key.json"), (json.dumps(key, indent=1) + "\n").encode())
        write_atomically(path, page.encode())
        summary = f"written to {path.name}; {path.stem}.key.json tells the methods: keep it from the voters"
        return io.NodeOutput(path.stem, ui=ui.PreviewText(summary))


class ReadVotes(Node):
    """Counts the answers to a voting page."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionReadVotes",
            display_name="Read Votes",
            category=CATEGORY,
            description="Counts the answers to a voting page: shares with intervals, and how far voters agree.",
            search_aliases=["human evaluation", "user study", "Fleiss kappa"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "page",
                    default="votes",
                    tooltip="The name of the page in ComfyUI's output folder, from Write Voting Page.",
                ),
                io.String.Input(
                    "folder",
                    default="votes",
                    tooltip="A folder in ComfyUI's input folder that holds the voters' answer files (.json). "
                    "Empty reads no folder.",
                ),
                io.String.Input(
                    "pasted",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="The content of answer files, one a line, counted with those of the folder.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="table", tooltip="The table as text."),
                io.String.Output(display_name="report", tooltip="JSON with every number, and the files left out."),
                io.Image.Output(display_name="plot", tooltip="The shares of the votes with their 95 % intervals."),
            ],
        )

    @classmethod
    def check_inputs(cls, page: str, folder: str) -> None:
        checked_name(page.strip(), "voting page")
        if folder := folder.strip():
            checked_name(folder, "folder")

    @classmethod
    def files_read(cls, page: str | None = None, folder: str | None = None) -> list[pathlib.Path]:
        return [*([key_path(page)] if page else []), *(answer_files(folder) if folder else [])]

    @classmethod
    def execute(cls, page: str, folder: str, pasted: str = "") -> io.NodeOutput:
        from ..scoring import votes

        path = key_path(page)
        if not path.is_file():
            raise InteractiveActionError(
                f"There is no {path.name} in {path.parent}. Name the page as Write Voting Page named it, and put its "
                f"key back there."
            )
        files, unreadable = votes.read_answer_files(answer_files(folder))
        files |= {f"pasted line {number}": line for number, line in enumerate(filled_lines(pasted), 1)}
        report = votes.tally(votes.read_key(read_text(path)), files, unreadable)
        text = votes.table(report)
        plot = image_of_png(votes.plot(report))
        return io.NodeOutput(
            text,
            json.dumps(report, indent=1),
            plot,
            ui={**ui.PreviewImage(plot, cls=cls).as_dict(), **ui.PreviewText(text).as_dict()},
        )


def images_by_method(methods: str, **inputs: torch.Tensor | None) -> tuple[list[int], dict[str, torch.Tensor]]:
    """Returns the numbers of the connected batches, and the batches by the names of their methods.

    Args:
        methods: a name a line.
        inputs: images_1 to images_6, of which some may be None; others are left alone.
    """
    batches = {number: inputs.get(f"images_{number}") for number in range(1, MOST + 1)}
    images = {number: batch for number, batch in batches.items() if batch is not None}
    names = filled_lines(methods)
    if len(names) != len(images) or len(set(names)) != len(names):
        raise InteractiveActionError(
            f"Each method needs a name of its own; {len(images)} batches of images are connected, and the names are: "
            f"{', '.join(names) or 'none'}. Write one different name a line for each batch."
        )
    return list(images), dict(zip(names, images.values()))


def key_path(page: str) -> pathlib.Path:
    """The file that tells which method is which, beside the page."""
    import folder_paths

    return pathlib.Path(folder_paths.get_output_directory(), f"{checked_name(page.strip(), 'voting page')}.key.json")


def answer_files(folder: str) -> list[pathlib.Path]:
    """The voters' files in a folder of ComfyUI's input folder."""
    import folder_paths

    if not (folder := folder.strip()):
        return []
    files = pathlib.Path(folder_paths.get_input_directory(), checked_name(folder, "folder")).glob("*.json")
    return sorted(file for file in files if file.is_file())


NODES = [WriteVotingPage, ReadVotes]
