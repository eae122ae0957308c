"""Put a run into one HTML file that can be sent to anybody."""

import itertools
import json
import pathlib

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, filled_lines, free_path
from .interactive_token import _token_path
from .node import SavingNode
from .voting_page import CATEGORY, MOST

COLUMNS = {  # of the table of scores: the names that readers know -> the names in IAScore's report
    "IAScore": "iascore_cosine",
    "IAScore, 2.5 x cosine": "iascore_2_5",
    "boxes overlap": "pass_rate",
    "both found": "both_found",
    "mean IoU": "mean_iou",
    "CLIP cosine of those": "cosine_of_passed",
}
SHARES = {"boxes overlap": ".0%", "both found": ".0%", "entity": ".0%", "action": ".0%", "overall": ".0%"}


class WriteReport(SavingNode):
    @classmethod
    def define_schema(cls):
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
    def execute(cls, title, images_1, methods, prompts, save_as, notes="", votes=None, plots=None, tokens="", **more):
        import folder_paths

        from ..scoring.report import File, Plot, write_report
        from ..scoring.report_texts import read_scores, read_votes

        save_as = save_as.strip()
        batches = {number: more.get(f"images_{number}") for number in range(2, MOST + 1)}
        batches = {1: images_1, **{number: batch for number, batch in batches.items() if batch is not None}}
        names, lines = filled_lines(methods), filled_lines(prompts)
        if len(names) != len(batches) or len(set(names)) != len(names):
            raise InteractiveActionError(
                f"Each method needs a name of its own; {len(batches)} batches of images are connected, and the names "
                f"are: {', '.join(names) or 'none'}. Write one different name a line for each batch."
            )
        images = dict(zip(names, batches.values()))
        if wrong := [f"{name} {len(batch)}" for name, batch in images.items() if len(batch) != len(lines)]:
            raise InteractiveActionError(
                f"There are {len(lines)} prompts, and other numbers of images: {', '.join(wrong)}. Write one line an "
                "image."
            )
        reports = {
            name: read_scores(text, f"report_{number}", COLUMNS.values(), len(lines))
            for name, number in zip(names, batches)
            if (text := more.get(f"report_{number}"))
        }
        sections = [scores_table(reports)] if reports else []
        sections += [votes_table(read_votes(votes, "votes"))] if votes else []
        sections.append(image_grid(images, lines, reports))
        if plots is not None:
            sections += [Plot(f"Plot {number}", plot) for number, plot in enumerate(plots, 1)]
        files = [
            File(
                path.name,
                path.read_bytes(),
                f"A token: put it into {path.parent.name} and write <{path.stem}> in a prompt.",
            )
            for path in token_paths(tokens)
        ]
        hidden = cls.hidden  # nothing of it is there outside a graph
        if hidden and (workflow := (hidden.extra_pnginfo or {}).get("workflow")):
            files.append(
                File(
                    f"{save_as}.workflow.json",
                    json.dumps(workflow).encode(),
                    "The graph that made this page: drag it into ComfyUI.",
                )
            )
        path = free_path(pathlib.Path(folder_paths.get_output_directory()), save_as, ".html")
        write_report(
            path,
            title.strip(),
            notes.strip(),
            sections,
            settings_of(hidden.prompt, hidden.unique_id) if hidden else None,
            files,
        )
        return io.NodeOutput(path.stem, ui=ui.PreviewText(f"written to {path.name} in ComfyUI's output folder"))


def token_paths(tokens):
    """The files of saved tokens, one a line."""
    return [_token_path(line) for line in filled_lines(tokens)]


def scores_table(reports):
    """reports: {method: IAScore's report}."""
    from ..scoring.report import Score, Table

    rows = [
        {
            "method": name,
            **{column: Score(report["scores"][key], report["intervals"][key]) for column, key in COLUMNS.items()},
            "images": report["scores"]["n"],
        }
        for name, report in reports.items()
    ]
    judged = {
        name: ", ".join(f"{key} {value}" for key, value in report["how"].items() if value is not None)
        for name, report in reports.items()
    }
    how = set(judged.values())
    by = (
        f"Judged by: {how.pop()}."
        if len(how) == 1
        else "Judged differently! " + "; ".join(f"{name} by {by}" for name, by in judged.items()) + "."
    )
    return Table(
        "Scores", rows, SHARES, f"Mean over all images, with the 95 % interval over other images of the same kind. {by}"
    )


def votes_table(report):
    from ..scoring.report import Score, Table

    rows = {}
    for row in report["rows"]:
        rows.setdefault(row["method"], {"method": row["method"]})[row["question"]] = Score(
            row["share"], row["interval"]
        )
    kappa = ", ".join(
        f"{question} {'-' if value is None else format(value, '.2f')}" for question, value in report["kappa"].items()
    )
    return Table(
        "Votes",
        list(rows.values()),
        SHARES,
        f"{report['voters']} voters chose among {report['groups']} groups; shares with 95 % intervals. Fleiss' kappa: "
        f"{kappa}.",
    )


def image_grid(images, lines, told):
    """One row for each run of equal lines."""
    from ..scoring.report import Cell, Grid

    def caption(name, places):
        judged = [told[name]["images"][place] for place in places] if name in told else []
        if len(judged) == 1:
            return f"{'boxes overlap' if judged[0]['passed'] else 'no overlap'}, cosine {judged[0]['cosine']:.2f}"
        return f"boxes overlap in {sum(row['passed'] for row in judged)} of {len(judged)}" if judged else ""

    rows = []
    for line, run in itertools.groupby(range(len(lines)), key=lines.__getitem__):
        places = list(run)
        rows.append(
            (
                line,
                [
                    Cell(name, [batch[place].cpu() for place in places], caption(name, places))
                    for name, batch in images.items()
                ],
            )
        )
    return Grid("Images", rows)


def settings_of(graph, node_id):
    """{title of a node:

    {input: value}} for all nodes that ``node_id`` depends on, sources first. graph: in the API's format.
    """
    order = []

    def visit(key):
        if key in order or key not in graph:
            return
        for value in graph[key]["inputs"].values():
            if isinstance(value, list) and len(value) == 2:
                visit(value[0])
        order.append(key)

    visit(node_id)
    settings = {}
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
