"""Put a run into one HTML file that can be sent to anybody."""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, filled_lines, free_path
from .interactive_token import _token_path
from .node import SavingNode
from .voting_page import CATEGORY, MOST, images_by_method

if TYPE_CHECKING:
    import torch

    from ..scoring.report import File


def _method_inputs() -> list[io.Input]:
    """Images and scores of each method, and what they are called."""
    return [
        *itertools.chain.from_iterable(
            (
                io.Image.Input(
                    f"images_{number}",
                    optional=number > 1,
                    lazy=True,
                    tooltip=f"The images of the method in line {number} of methods, one for each line of prompts.",
                ),
                io.String.Input(
                    f"report_{number}",
                    optional=True,
                    force_input=True,
                    lazy=True,
                    tooltip="The report that IAScore gave these images.",
                ),
            )
            for number in range(1, MOST + 1)
        ),
        io.String.Input(
            "methods",
            default="ours",
            multiline=True,
            tooltip="The names of the methods, one a line, in the order of the images.",
        ),
        io.String.Input(
            "prompts",
            default="a panda picking up a strawberry",
            multiline=True,
            tooltip="What each image should show, one line an image. Equal lines in a row stand together.",
        ),
    ]


class WriteReport(SavingNode):
    """Writes a page with everything that a comparison found."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionWriteReport",
            display_name="Write Report",
            category=CATEGORY,
            description="One HTML file with scores, votes, images by method and prompt, plots, tokens and every "
            "setting of the graph.",
            search_aliases=["HTML", "comparison", "image grid", "table"],
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.String.Input("title", default="A comparison", tooltip="What stands above all."),
                *_method_inputs(),
                io.String.Input(
                    "notes",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="What readers should know, below the title.",
                ),
                io.String.Input("votes", optional=True, force_input=True, tooltip="The report of Read Votes."),
                io.Image.Input(
                    "plots", optional=True, tooltip="More images for the page: loss curves, attention sheets, plots."
                ),
                io.String.Input(
                    "tokens",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="Saved tokens to take along, one a line: <pick-up> or pick-up.safetensors.",
                ),
                io.String.Input(
                    "save_as",
                    default="report",
                    tooltip="The name of the page (.html) in ComfyUI's output folder, numbered if it is taken.",
                ),
            ],
            outputs=[io.String.Output(display_name="page", tooltip="The name under which the page was written.")],
        )

    @classmethod
    def check_inputs(cls, save_as: str) -> None:
        checked_name(save_as.strip(), "report")

    @classmethod
    def files_read(cls, tokens: str = "") -> list[pathlib.Path]:
        return token_paths(tokens)

    @classmethod
    def execute(
        cls,
        title: str,
        images_1: torch.Tensor,
        methods: str,
        prompts: str,
        save_as: str,
        notes: str = "",
        votes: str | None = None,
        plots: torch.Tensor | None = None,
        tokens: str = "",
        **numbered: Any,
    ) -> io.NodeOutput:
        import folder_paths

        from ..scoring.report import Plot, Section, write_report
        from ..scoring.report_sections import COLUMNS, image_grid, scores_table, votes_table
        from ..scoring.report_texts import read_scores, read_votes

        save_as, lines = save_as.strip(), filled_lines(prompts)
        numbers, images = images_by_method(methods, images_1=images_1, **numbered)
        if wrong := [f"{name} {len(batch)}" for name, batch in images.items() if len(batch) != len(lines)]:
            raise InteractiveActionError(
                f"There are {len(lines)} prompts, and other numbers of images: {', '.join(wrong)}. Write one line an "
                "image."
            )
        reports = {
            name: read_scores(text, f"report_{number}", COLUMNS.values(), len(lines))
            for name, number in zip(images, numbers)
            if (text := numbered.get(f"report_{number}"))
        }
        sections: list[Section] = [scores_table(reports)] if reports else []
        sections += [votes_table(read_votes(votes, "votes"))] if votes else []
        sections.append(image_grid(images, lines, reports))
        if plots is not None:
            sections += [Plot(f"Plot {number}", plot) for number, plot in enumerate(plots, 1)]
        path = free_path(pathlib.Path(folder_paths.get_output_directory()), save_as, ".html")
        hidden = cls.hidden  # nothing of it is there outside a graph
        settings = settings_of(hidden.prompt, hidden.unique_id) if hidden else None
        files = [*token_files(tokens), *workflow_files(save_as, hidden)]
        write_report(path, title.strip(), notes.strip(), sections, settings, files)
        return io.NodeOutput(path.stem, ui=ui.PreviewText(f"written to {path.name} in ComfyUI's output folder"))


def token_paths(tokens: str) -> list[pathlib.Path]:
    """The files of saved tokens, one a line."""
    return [_token_path(line) for line in filled_lines(tokens)]


def token_files(tokens: str) -> list[File]:
    """The saved tokens, to travel inside the page."""
    from ..scoring.report import File

    return [
        File(
            path.name,
            path.read_bytes(),
            f"A token: put it into {path.parent.name} and write <{path.stem}> in a prompt.",
        )
        for path in token_paths(tokens)
    ]


def workflow_files(name: str, hidden: Any) -> list[File]:
    """The graph that runs, if the web page sent it."""
    from ..scoring.report import File

    workflow = (hidden.extra_pnginfo or {}).get("workflow") if hidden else None
    if not workflow:
        return []
    note = "The graph that made this page: drag it into ComfyUI."
    return [File(f"{name}.workflow.json", json.dumps(workflow).encode(), note)]


def settings_of(graph: Mapping[str, Any], node_id: str) -> dict[str, dict[str, Any]]:
    """Returns {title of a node: {input: value}} for all nodes that ``node_id`` depends on, sources first.

    Args:
        graph: in the format of ComfyUI's API.
        node_id: its key in the graph.
    """
    order: list[str] = []

    def visit(key: str) -> None:
        if key in order or key not in graph:
            return
        for value in graph[key]["inputs"].values():
            if isinstance(value, list) and len(value) == 2:
                visit(value[0])
        order.append(key)

    visit(node_id)
    settings: dict[str, dict[str, Any]] = {}
    for key in order[:-1]:
        node = graph[key]
        literals = {
            name: value for name, value in node["inputs"].items() if not isinstance(value, list) and value != ""
        }
        if literals:
            title = node.get("_meta", {}).get("title") or node["class_type"]
            settings[f"{title} ({key})" if title in settings else title] = literals
    return settings


NODES = [WriteReport]
