"""``python . tools.dev.schemas``: does a saved workflow of the last release still load?

``tools/dev/released_schemas.json`` has the nodes as they were released: ids, inputs, outputs. A node, input, output or
choice that is gone, another type, a narrower bound or a new input without a default breaks workflows that people saved.
With ``--release VERSION`` the nodes as they are now become what later ones are compared with: part of a release, and of
nothing else.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...files import write_atomically
from .locales import inputs_of, node_schemas
from .server import ROOT, enter_comfyui

RELEASED = ROOT / "tools" / "dev" / "released_schemas.json"
FILES = ("ckpt_name", "token_name", "file")  # choices that are a user's files, which come and go

Schemas = dict[str, dict[str, Any]]
"""node id -> {"inputs": {name: ...}, "outputs": [type, ...]}."""


def main(arguments: Sequence[str]) -> int:
    """Compares and prints what breaks, or writes the schemas of a release; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="interactive-action-") as base:
        enter_comfyui(base)
        schemas = described(node_schemas())
    if arguments[:1] == ["--release"] and len(arguments) == 2:
        content = {"release": arguments[1], "nodes": schemas}
        write_atomically(RELEASED, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
        return 0
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    found = list(breaking(released["nodes"], schemas))
    print("\n".join(found) or f"Every workflow of release {released['release']} still loads.")
    return 1 if found else 0


def described(schemas: Iterable[Any]) -> Schemas:
    """Returns what a saved workflow relies on."""
    return {
        schema.node_id: {
            "inputs": {name: _input(name, entry) for name, entry in inputs_of(schema.inputs)},
            "outputs": [output.get_io_type() for output in schema.outputs],
        }
        for schema in schemas
    }


def breaking(before: Schemas, now: Schemas) -> Iterator[str]:
    """Yields a sentence for every change with which a workflow saved ``before`` does not load or run as it did."""
    for node, old in before.items():
        if node not in now:
            yield f"{node} is gone. Keep it, or register a replacement of it (node-replacement) and say so here."
            continue
        new = now[node]
        for name, entry in old["inputs"].items():
            if name not in new["inputs"]:
                yield f"{node}: the input {name} is gone."
            else:
                yield from (f"{node}: the input {name} {change}." for change in _changes(entry, new["inputs"][name]))
        for name in new["inputs"].keys() - old["inputs"].keys():
            if new["inputs"][name]["required"]:
                yield f"{node}: the new input {name} has no default, which a saved workflow cannot know."
        if new["outputs"][: len(old["outputs"])] != old["outputs"]:
            yield f"{node}: the outputs were {old['outputs']} and are {new['outputs']}; new ones go to the end."


def _input(name: str, entry: Any) -> dict[str, Any]:
    """One input: its type, whether it must be there, its bounds and choices."""
    kind = entry.get_io_type()
    kinds: dict[str, Any] = {"type": kind, "required": not entry.optional and getattr(entry, "default", None) is None}
    for bound in ("min", "max"):
        if getattr(entry, bound, None) is not None and kind in ("INT", "FLOAT"):
            kinds[bound] = getattr(entry, bound)
    if kind == "COMBO":
        kinds["required"] = False  # its first choice is its default
        if name not in FILES:
            kinds["choices"] = sorted(map(str, entry.options or []))
    return kinds


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a saved value or link of an input would not survive."""
    if old["type"] != new["type"]:
        yield f"was {old['type']} and is {new['type']}"
    if new["required"] and not old["required"]:
        yield "must now be connected or filled in"
    if new.get("min", float("-inf")) > old.get("min", float("-inf")):
        yield f"began at {old.get('min', 'no bound')} and begins at {new['min']}"
    if new.get("max", float("inf")) < old.get("max", float("inf")):
        yield f"went up to {old.get('max', 'no bound')} and goes up to {new['max']}"
    if gone := set(old.get("choices", ())) - set(new.get("choices", old.get("choices", ()))):
        yield f"no longer offers {', '.join(sorted(gone))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
