"""``make locales``: writes locales/ for ComfyUI's page from the nodes' schemas, and says what is not translated yet.

English is the schemas themselves. Every other language has one file, ``tools/dev/translations/<language>.json``:
{English sentence: translation}. A sentence that several nodes share is translated once, and an English sentence that
changes is missing until somebody translates it anew, so that no translation says what was true once.

Without arguments: write all, and list missing sentences as JSON that can be filled in and put into that file. The page
reads names, titles and descriptions as messages of vue-i18n, and tooltips as they are.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from ...files import write_atomically
from .server import ROOT, enter_comfyui

LOCALES = ROOT / "locales"
TRANSLATIONS = ROOT / "tools" / "dev" / "translations"
HELP_PAGES = ROOT / "web" / "docs"
LANGUAGES = ("zh",)  # besides English; the names are those of ComfyUI's page
MESSAGE_SYNTAX = re.compile(r"[{}@|$]")  # what vue-i18n would take for parameters, links and plurals

Sentences = dict[str, str]
"""English -> another language."""


def main() -> int:
    """Writes the files; returns 1 if a language lacks sentences, which are listed."""
    with tempfile.TemporaryDirectory(prefix="interactive-action-") as base:
        enter_comfyui(base)
        schemas = node_schemas()
    for path, content in files(schemas).items():
        write_atomically(path, content.encode())
    status = 0
    for language in LANGUAGES:
        known = translations(language)
        lacking = [sentence for sentence in sentences(schemas) if sentence not in known]
        unused = known.keys() - set(sentences(schemas))
        pages = missing_pages(schemas, language)
        print(f"{language}: {len(lacking)} sentences are missing, {len(unused)} are not used (any more).")
        print(f"{language}: {len(pages)} help pages are missing: {', '.join(pages) or 'none'}.")
        if lacking:
            print(f"Fill these in and add them to {(TRANSLATIONS / f'{language}.json').relative_to(ROOT)}:")
            print(json.dumps(dict.fromkeys(lacking, ""), ensure_ascii=False, indent=1))
            status = 1
    return status


def node_schemas() -> list[Any]:
    """Returns the schema of every node of the pack; ComfyUI must have been entered."""
    from ...nodes import NODE_MODULES

    return [node.define_schema() for module in NODE_MODULES for node in module.NODES]


def files(schemas: Iterable[Any]) -> dict[pathlib.Path, str]:
    """Returns what locales/ should hold: {path: text}."""
    schemas, texts = list(schemas), {}
    for language in ("en", *LANGUAGES):
        known = translations(language) if language != "en" else None
        definitions = {_key(schema.node_id): _definition(schema, known) for schema in schemas}
        categories = {name: _message(_said(name, known)) for name in _categories(schemas)}
        for name, content in (("nodeDefs", definitions), ("main", {"nodeCategories": categories})):
            text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            texts[LOCALES / language / f"{name}.json"] = text
    return texts


def translations(language: str) -> Sentences:
    """Returns what is known of a language."""
    known: Sentences = json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))
    return {english: sentence for english, sentence in known.items() if sentence.strip()}


def sentences(schemas: Iterable[Any]) -> list[str]:
    """Returns every English sentence that the page shows of the nodes, each once, in the order of the nodes."""
    schemas = list(schemas)
    found = [text for schema in schemas for text in _texts(schema)]
    return list(dict.fromkeys([*found, *_categories(schemas)]))


def missing_pages(schemas: Iterable[Any], language: str) -> list[str]:
    """Returns the nodes without a help page in a language; the page shows the English one in its place."""
    return [schema.node_id for schema in schemas if not (HELP_PAGES / schema.node_id / f"{language}.md").is_file()]


def inputs_of(inputs: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name, input) for every input, also those that appear only with a choice of another."""
    for entry in inputs:
        yield f"{prefix}{entry.id}", entry
        for option in getattr(entry, "options", None) or []:
            yield from inputs_of(getattr(option, "inputs", ()), f"{prefix}{entry.id}.")


def _texts(schema: Any) -> Iterator[str]:
    """Every sentence of one node that is shown."""
    yield from filter(None, (schema.display_name, schema.description))
    for _, entry in inputs_of(schema.inputs):
        yield from filter(None, (entry.display_name or entry.id, entry.tooltip))
    for output in schema.outputs:
        yield from filter(None, (output.display_name, output.tooltip))


def _definition(schema: Any, known: Sentences | None) -> dict[str, Any]:
    """One node of nodeDefs.json."""
    inputs = {
        _key(name): _filled(
            name=_message(_said(entry.display_name or entry.id, known)), tooltip=_said(entry.tooltip, known)
        )
        for name, entry in inputs_of(schema.inputs)
    }
    outputs = {
        str(number): _filled(name=_message(_said(output.display_name, known)), tooltip=_said(output.tooltip, known))
        for number, output in enumerate(schema.outputs)
    }
    return _filled(
        display_name=_message(_said(schema.display_name, known)),
        description=_message(_said(schema.description, known)),
        inputs=inputs,
        outputs={number: texts for number, texts in outputs.items() if texts},
    )


def _said(text: str | None, known: Sentences | None) -> str:
    """The text in English (None), or in another language; what is not translated stays English."""
    return (known or {}).get(text or "", text or "")


def _message(text: str) -> str:
    """A text as vue-i18n's literal."""
    return MESSAGE_SYNTAX.sub(lambda match: f"{{'{match[0]}'}}", text)


def _key(name: str) -> str:
    """A name as the page looks it up."""
    return name.replace(".", "_")


def _filled(**entries: Any) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if value}


def _categories(schemas: Iterable[Any]) -> list[str]:
    """The parts of the categories' names, which the page translates one by one."""
    return sorted({part for schema in schemas for part in schema.category.split("/")})


if __name__ == "__main__":
    sys.exit(main())
