"""``python . tools.dev.notebook``: makes docs/examples/without_comfyui.ipynb from the script of the same name.

The script is what people edit and diff: ``# %%`` begins a cell of code, ``# %% [markdown]`` one of text.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from ...files import write_atomically
from .server import ROOT

SCRIPT = ROOT / "docs" / "examples" / "without_comfyui.py"
CELL = re.compile(r"^# %%(?P<markdown> \[markdown\])?$", re.MULTILINE)


def main() -> None:
    """Writes the notebook."""
    write_atomically(notebook_path(), notebook(SCRIPT.read_text(encoding="utf-8")).encode())


def notebook_path() -> pathlib.Path:
    """Returns where the notebook lies."""
    return SCRIPT.with_suffix(".ipynb")


def notebook(script: str) -> str:
    """Returns the notebook of a script, in nbformat 4.5, without outputs."""
    heads = list(CELL.finditer(script))
    ends = [head.start() for head in heads[1:]] + [len(script)]
    cells: list[dict[str, Any]] = []
    for number, (head, end) in enumerate(zip(heads, ends)):
        text = script[head.end() : end].strip("\n")
        if head["markdown"]:
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.split("\n"))
            kind: dict[str, Any] = {"cell_type": "markdown"}
        else:
            kind = {"cell_type": "code", "execution_count": None, "outputs": []}
        cells.append({**kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    main()
