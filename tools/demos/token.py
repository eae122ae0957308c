"""``make demo``: learn a token for an action from simulation on the embedded models, use it, score it.

Offline, on a CPU. The real ComfyUI runs the shipped workflows through its headless API, as a lab's script would; only
names, prompts and seeds change from one run to the next.
"""

from __future__ import annotations

import copy
import json
import pathlib
import shutil
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from ...captions.templates import with_article
from ...client import ComfyClient
from ..dev.prompts import fetch_images, fetch_text, load_prompt, node, run
from ..dev.server import ROOT
from ..dev.sheets import before_and_after, contact_sheet
from .environment import BASE, TRAINING_SHARE, comfyui, versions, write_summary

DEMO = ROOT / "demo"
TOKEN = "pick-up"
PLAIN_WORD = "handling"  # the base model's own best word; the new word starts from it
PHRASE = "picking up"  # what CLIP looks for, for both
RELATION = "lift"  # what the embedded classifier calls it
PAIRS = (
    ("panda", "strawberry"),
    ("penguin", "lemon"),
    ("frog", "cup"),
    ("monkey", "red ball"),
    ("man", "lamp"),
    ("woman", "blue box"),
    ("elephant", "strawberry"),
    ("robot", "yellow ball"),
)
IMAGES_PER_PAIR = 8
WORDS = {"plain words": "with plain words", "token": "with the token"}
"""A kind of words -> how the titles of its nodes end."""

Images: TypeAlias = Sequence[Image.Image]
Row: TypeAlias = tuple[str, Images, Images]
"""A prompt with "..." in place of the word, its images with plain words, and with the token."""


def learn(client: ComfyClient, bar: tqdm) -> str:
    """Records, captions, trains and saves; writes the images of it and returns the token's trigger word."""
    prompt = load_prompt("teach-an-action-from-simulation")
    outputs = run(client, prompt, bar, TRAINING_SHARE)
    contact_sheet(fetch_images(client, outputs, prompt, "Save the simulated images"), DEMO / "simulated.png")
    fetch_images(client, outputs, prompt, "Save the loss curves")[0].save(DEMO / "loss.png")
    return fetch_text(outputs, prompt, "Trigger word")


def use(
    client: ComfyClient, bar: tqdm, trigger_word: str, share: float
) -> tuple[list[Row], dict[str, list[dict[str, Any]]]]:
    """Generates every pair with plain words and with the token, with the same seeds, and scores both.

    Args:
        client: of ComfyUI.
        bar: the demo's progress.
        trigger_word: the token's.
        share: of the bar.

    Returns:
        The rows of images, and IAScore's reports for each kind of words.
    """
    rows: list[Row] = []
    reports: dict[str, list[dict[str, Any]]] = {kind: [] for kind in WORDS}
    for seed, (subject, object) in enumerate(PAIRS):
        prompt = copy.deepcopy(load_prompt("use-a-token"))
        node(prompt, "Interactive Token Loader")[1]["inputs"]["token_name"] = f"{trigger_word.strip('<>')}.safetensors"
        who, what = with_article(subject), with_article(object)
        for word, end in zip((PLAIN_WORD, trigger_word), WORDS.values()):
            node(prompt, f"Prompt {end}")[1]["inputs"]["text"] = f"{who} {word} {what}"
            node(prompt, f"Draw {end}")[1]["inputs"]["seed"] = seed
            looked_for = {"subject": subject, "object": object.split()[-1], "text": f"{who} {PHRASE} {what}"}
            node(prompt, f"IAScore {end}")[1]["inputs"].update(looked_for)
        node(prompt, "Empty Latent")[1]["inputs"]["batch_size"] = IMAGES_PER_PAIR
        outputs = run(client, prompt, bar, share / len(PAIRS))
        for kind, of_kind in reports.items():
            of_kind.append(json.loads(fetch_text(outputs, prompt, f"Report ({kind})")))
        plain, with_token = (fetch_images(client, outputs, prompt, f"Save ({kind})") for kind in WORDS)
        rows.append((f"{who} ... {what}", plain, with_token))
    return rows, reports


def mean_score(reports: Sequence[dict[str, Any]], score: str) -> float:
    """Averages a score over all images; every prompt has the same number of them."""
    return float(sum(report["scores"][score] for report in reports) / len(reports))


def action_share(images: Sequence[Image.Image]) -> float:
    """Computes the share of images in which the embedded classifier, which no token ever saw, sees the action."""
    from ...miniature.judges import load_interaction_classifier

    pixels = np.stack([np.asarray(image) for image in images])
    relations = load_interaction_classifier().classify(torch.from_numpy(pixels).float() / 255)
    return relations.count(RELATION) / len(relations)


def summarize(
    trigger_word: str, rows: Sequence[Row], reports: dict[str, list[dict[str, Any]]], seconds: float
) -> dict[str, Any]:
    """Collects the demo's figures; "before" is with plain words, "after" with the token."""
    scores = {"iascore": "iascore_cosine", "pass_rate": "pass_rate", "both_found": "both_found"}
    columns = {"before": [row[1] for row in rows], "after": [row[2] for row in rows]}
    return {
        "token": f"{TOKEN}.safetensors",
        "trigger_word": trigger_word,
        "plain_word": PLAIN_WORD,
        "images": len(PAIRS) * IMAGES_PER_PAIR,
        **{
            f"{name}_{when}": mean_score(of_kind, score)
            for name, score in scores.items()
            for when, of_kind in zip(columns, reports.values())
        },
        **{
            f"action_seen_{when}": action_share([image for images in column for image in images])
            for when, column in columns.items()
        },
        "seconds": round(seconds, 1),
        "versions": versions("torch", "sapien", "transformers", "open_clip_torch"),
    }


def main() -> None:
    """Runs the demo and writes its results to ``demo/``."""
    start = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    with comfyui() as (client, bar):
        trigger_word = learn(client, bar)
        rows, reports = use(client, bar, trigger_word, 1 - TRAINING_SHARE)
    token = pathlib.Path(f"{trigger_word.strip('<>')}.safetensors")
    shutil.copyfile(BASE / "models" / "embeddings" / token, DEMO / f"{TOKEN}.safetensors")
    before_and_after(rows, f'"{PLAIN_WORD}"', trigger_word, DEMO / "before_after.png")
    write_summary(DEMO, summarize(trigger_word, rows, reports, time.monotonic() - start))
    print(
        "\nLook at demo/before_after.png (same prompts and seeds without and with the token), demo/simulated.png\n"
        f"(what it learned from) and demo/loss.png. The token is demo/{TOKEN}.safetensors. To use it in the web page:\n"
        f"make serve, open the address it prints, choose the template 'Use a token' and write {trigger_word} in a\n"
        "prompt."
    )


if __name__ == "__main__":
    main()
