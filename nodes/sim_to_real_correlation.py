"""How well simulation foretells the robot."""

from __future__ import annotations

import json
import pathlib

from comfy_api.latest import io, ui

from ..errors import InteractiveActionError
from ..files import checked_name, read_text
from .node import Node
from .plots import image_of_png

TABLE_4 = """policy,real,SIMPLER variants,SIMPLER matching,edited
RT-1 (Converged),0.870,0.323,0.730,0.640
RT-1 (15%),0.796,0.267,0.565,0.439
RT-1-X,0.630,0.294,0.597,0.394
RT-1 (Begin),0.000,0.069,0.139,0.040
"""


class SimToReal(Node):
    """Measures how well simulations rank policies as the robot does."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionSimToReal",
            display_name="Sim-to-Real Correlation",
            category="Interactive Action/scoring",
            description="Does success in simulation foretell success on the robot? Mean Maximum Rank Violation and "
            "Pearson's r of each simulation, from a table of success rates.",
            search_aliases=["MMRV", "Pearson", "SIMPLER", "success rate"],
            is_output_node=True,
            inputs=[
                io.String.Input(
                    "table",
                    default=TABLE_4,
                    multiline=True,
                    tooltip="CSV: a line of names (policy, real, one column a simulation), then a line for each "
                    "policy; or a JSON list of objects with these keys. It begins as Table 4 of Benarous et al. "
                    "2025, drawers on average.",
                ),
                io.String.Input(
                    "file",
                    default="",
                    optional=True,
                    tooltip="A .csv or .json file in ComfyUI's input folder, read in place of the table.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="summary",
                    tooltip="A line a simulation: MMRV (lower is better) and r (higher is better).",
                ),
                io.String.Output(display_name="report", tooltip="JSON with every number."),
                io.Image.Output(display_name="plot", tooltip="Success in simulation over success on the robot."),
            ],
        )

    @classmethod
    def check_inputs(cls, file: str) -> None:
        _path(file)

    @classmethod
    def files_read(cls, file: str = "") -> list[pathlib.Path]:
        path = _path(file)
        return [path] if path else []

    @classmethod
    def execute(cls, table: str, file: str = "") -> io.NodeOutput:
        from ..scoring import sim_to_real

        path = _path(file)
        if path and not path.is_file():
            raise InteractiveActionError(
                f"There is no {path.name} in {path.parent}. Put the table there, or leave file empty."
            )
        columns = sim_to_real.read_table(read_text(path) if path else table)
        rows = sim_to_real.compare(*columns)
        text, plot = sim_to_real.table(rows), image_of_png(sim_to_real.plot(*columns))
        return io.NodeOutput(
            text,
            json.dumps(rows, indent=1),
            plot,
            ui={**ui.PreviewImage(plot, cls=cls).as_dict(), **ui.PreviewText(text).as_dict()},
        )


def _path(file: str) -> pathlib.Path | None:
    import folder_paths

    return (
        pathlib.Path(folder_paths.get_input_directory(), checked_name(file.strip(), "table")) if file.strip() else None
    )


NODES = [SimToReal]
