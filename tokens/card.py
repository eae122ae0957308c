"""A token's card: a Markdown page for people, with a head that the Hugging Face hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .token import InteractiveToken

# licenses that the hub knows by these names; any other text becomes "other" with the text as its name
HUB_LICENSES = {
    "apache-2.0", "mit", "openrail", "creativeml-openrail-m", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "unlicense", "wtfpl",
}  # fmt: skip
MADE = {
    "method": "interactive_action.method",
    "training images": "interactive_action.images",
    "steps": "interactive_action.step",
    "seed": "interactive_action.seed",
    "data set (SHA-256)": "interactive_action.dataset_sha256",
    "imported from": "interactive_action.imported_from",
}
SCORES = {
    "iascore_cosine": "IAScore (zero-filled cosine)",
    "pass_rate": "images in which subject and object overlap",
    "both_found": "images in which both were found",
}
USE = """\
**ComfyUI:** put `{file}` into `models/{folder}`. With Interactive Action: choose it in *Interactive Token Loader* and
write `{word}` in a prompt.{stock}
"""
STOCK = """ Without: write `embedding:{name}`.

**AUTOMATIC1111 and Forge:** put `{file}` into `embeddings` and write `{name}` in a prompt.

**diffusers:**

```python
{code}
```
"""
ONE_ENCODER = """\
pipeline.load_textual_inversion("{file}", token="{word}")
image = pipeline("a panda {word} a strawberry").images[0]"""
TWO_ENCODERS = """\
from safetensors.torch import load_file

vectors = load_file("{file}")
pipeline.load_textual_inversion(vectors["clip_l"], "{word}", pipeline.tokenizer, pipeline.text_encoder)
pipeline.load_textual_inversion(vectors["clip_g"], "{word}", pipeline.tokenizer_2, pipeline.text_encoder_2)
image = pipeline("a panda {word} a strawberry").images[0]"""


def card(token: InteractiveToken, report: Mapping[str, Any] | None = None, preview: str = "") -> str:
    """Returns the card of a token as Markdown.

    Args:
        token: as it was saved; its license and description stand in its provenance.
        report: what IAScore said about images with it (``scoring.iascore.report``).
        preview: file name of an image beside the card.
    """
    known = token.provenance
    license = known.get("modelspec.license", "")
    rows = {
        "trigger word": f"`{token.trigger_word}`",
        "action": _text(known.get("interactive_action.action", "")),
        "base model": _text(known.get("interactive_action.base_model", "")),
        "base model (SHA-256)": _text(known.get("interactive_action.base_model_sha256", "")),
        "vectors": _vectors(token),
        "acts": _gate(token),
        "license": _text(license) or "not said: ask the author before you share or sell what you make with it",
    }
    parts = [
        _front_matter(token, license),
        f"# {token.trigger_word}\n".replace("<", "&lt;").replace(">", "&gt;"),
        f"![Images with this token]({preview})\n" if preview else "",
        _text(known.get("modelspec.description", "")) + "\n" if known.get("modelspec.description") else "",
        _table(rows),
        "## How it was made\n",
        _table({title: _text(known.get(key, "")) for title, key in MADE.items()}) or "Nobody wrote it down.\n",
        _hyperparameters(known.get("interactive_action.hyperparameters", "")),
        _scores(report),
        "## How to use it\n",
        _use(token),
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(token: InteractiveToken, license: str) -> str:
    """What the hub reads. JSON's strings are YAML's, too."""
    known = license.strip().casefold()
    lines = ["tags: [textual-inversion, interactive-action, comfyui]"]
    if known in HUB_LICENSES:
        lines.append(f"license: {known}")
    elif known:
        lines += ["license: other", f"license_name: {json.dumps(license.strip(), ensure_ascii=False)}"]
    if not token.layers:
        lines.append("library_name: diffusers")
    lines.append(f"instance_prompt: {json.dumps(token.trigger_word, ensure_ascii=False)}")
    return "\n".join(["---", *lines, "---\n"])


def _table(rows: Mapping[str, str]) -> str:
    """A table of two columns without the rows that say nothing; nothing if none does."""
    filled = [f"| {title} | {value} |" for title, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *filled, ""]) if filled else ""


def _text(value: str) -> str:
    """Text of anybody's file, which must not become Markdown or HTML of the page."""
    line = " ".join(value.split())
    return "".join(f"&#{ord(letter)};" if letter in "<>&|`*_[]!#\\" else letter for letter in line)


def _vectors(token: InteractiveToken) -> str:
    count = token.vectors.shape[-2]
    width = " + ".join(map(str, token.widths))
    layers = f" for each of {token.layers} cross-attention layers" if token.layers else ""
    return f"{count} of width {width}{layers}"


def _gate(token: InteractiveToken) -> str:
    """At which noise levels the word acts; nothing if at all of them."""
    if token.gate.is_open:
        return ""
    word = f", elsewhere “{_text(token.gate.plain_word)}” is read" if token.gate.plain_word else ""
    return f"from {token.gate.start_percent:.0%} to {token.gate.end_percent:.0%} of the sampling{word}"


def _hyperparameters(text: str) -> str:
    """All settings of the training, folded."""
    if not text:
        return ""
    fence = "`" * max(3, 1 + max((len(run) for run in _runs_of_backticks(text)), default=0))
    return f"<details><summary>All settings</summary>\n\n{fence}json\n{text}\n{fence}\n\n</details>\n"


def _runs_of_backticks(text: str) -> list[str]:
    return [run for run in "".join(letter if letter == "`" else " " for letter in text).split() if run]


def _scores(report: Mapping[str, Any] | None) -> str:
    """The scores with their 95 % intervals, and what measured them."""
    if not report:
        return ""
    rows = {}
    for name, title in SCORES.items():
        if (value := report["scores"].get(name)) is not None:
            ends = report.get("intervals", {}).get(name)
            rows[title] = f"{value:.2f}" + (f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else "")
    how = report.get("how", {})
    judges = f"Over {report['scores'].get('n', '?')} images, with 95 % bootstrap intervals over images. "
    judges += f"Detector: {_text(str(how.get('detector')))}; CLIP: {_text(str(how.get('clip')))}.\n"
    return "\n".join(["## Scores\n", _table(rows), judges])


def _use(token: InteractiveToken) -> str:
    """How to use it in each program that can; a layer-wise token is known to ComfyUI with this pack alone."""
    names = {"file": f"{token.name}.safetensors", "name": token.name, "word": token.trigger_word}
    code = (TWO_ENCODERS if len(token.widths) == 2 else ONE_ENCODER).format(**names)
    stock = "" if token.layers else STOCK.format(code=code, **names)
    return USE.format(folder="interactive_tokens" if token.layers else "embeddings", stock=stock, **names)
