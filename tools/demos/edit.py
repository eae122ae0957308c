"""``make demo-edit``: edit simulated images, teach the edit from AI feedback, compare on held-out images.

Offline, on a CPU. The real ComfyUI runs the shipped workflows through its headless API; the embedded editor, judges and
style images are all it needs. The reward is minus the total of structure and semantics (Benarous et al. 2025, Eq. 10),
normalized by the edits before teaching: up is better, and before it is 0 on average.
"""

from __future__ import annotations

import copy
import json
import math
import pathlib
import shutil
import time
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from ...client import ComfyClient
from ...scoring.statistics import normal_interval
from ..dev.prompts import Prompt, fetch_images, fetch_text, load_prompt, node, run
from ..dev.server import ROOT
from ..dev.sheets import column_sheet
from .environment import BASE, TRAINING_SHARE, comfyui, versions, write_summary

DEMO = ROOT / "demo-edit"
LORA = "demo-edit.safetensors"
HELD_OUT_SEED = 900  # of the scenes that the comparison is made on
EPISODES, CAMERAS, FRAMES = 5, 4, 4  # of the comparison: 80 images
SHEET_EDITS = 8


class Edits(NamedTuple):
    """Edits with what they were made of, and the report of Score Edits."""

    images: list[Image.Image]
    styles: list[Image.Image]
    edits: list[Image.Image]
    report: dict[str, Any]


def teach(client: ComfyClient, bar: tqdm) -> tuple[dict[str, Any], pathlib.Path]:
    """Runs the shipped workflow.

    Returns:
        The inputs of the training node, and the path of the LoRA that was learned.
    """
    prompt = load_prompt("teach-an-edit")
    folder = BASE / "output" / "loras"
    before = set(folder.glob("edit*.safetensors"))
    outputs = run(client, prompt, bar, TRAINING_SHARE)
    [lora] = set(folder.glob("edit*.safetensors")) - before
    fetch_images(client, outputs, prompt, "Save the reward")[0].save(DEMO / "reward.png")
    return node(prompt, "Train Editor from AI Feedback")[1]["inputs"], lora


def score(client: ComfyClient, bar: tqdm, training: dict[str, Any], lora: str | None) -> Edits:
    """Edits and scores the held-out images, with the same noise whatever the LoRA.

    Args:
        client: of ComfyUI.
        bar: the demo's progress.
        training: the inputs of the training node, whose instruction and guidance are used.
        lora: the file of a LoRA among ComfyUI's; None: none.
    """
    prompt = copy.deepcopy(load_prompt("score-an-edit"))
    node(prompt, "Interaction Scene")[1]["inputs"]["seed"] = HELD_OUT_SEED
    recording = {"num_episodes": EPISODES, "cameras": CAMERAS, "frames_per_episode": FRAMES}
    node(prompt, "Record Interaction")[1]["inputs"].update(recording)
    node(prompt, "Style Samples")[1]["inputs"]["count"] = EPISODES * CAMERAS * FRAMES
    node(prompt, "Instruction")[1]["inputs"]["text"] = training["instruction"]
    guider = node(prompt, "Guider: Image + Style + Text")[1]["inputs"]
    guider.update({name: training[name] for name in ("s_in", "s_sty", "s_T")})
    if lora:
        inputs = {"model": guider["model"], "lora_name": lora, "strength_model": 1.0}
        add_node(prompt, "lora", "LoraLoaderModelOnly", inputs, "Load LoRA")
        guider["model"] = ["lora", 0]
    scores = node(prompt, "Score Edits")[1]["inputs"]
    for name in ("image", "style"):
        inputs = {"images": scores[name], "filename_prefix": f"interactive-action/{name}"}
        add_node(prompt, name, "SaveImage", inputs, f"Save each {name}")
    outputs = run(client, prompt, bar, (1 - TRAINING_SHARE) / 2)
    titles = ("Save each image", "Save each style", "Save the edits")
    images, styles, edits = (fetch_images(client, outputs, prompt, title) for title in titles)
    return Edits(images, styles, edits, json.loads(fetch_text(outputs, prompt, "Report")))


def add_node(prompt: Prompt, key: str, class_type: str, inputs: dict[str, Any], title: str) -> None:
    """Adds a node to a prompt."""
    prompt[key] = {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


def rewards(report: dict[str, Any], reference: dict[str, Any]) -> np.ndarray:
    """Computes the reward of each edit, (N,).

    Args:
        report: of the edits.
        reference: of the edits whose mean and deviation normalize the two scores.

    Source:
        Benarous et al. 2025, Eq. 10, with its sign turned.
    """
    total = np.zeros(len(report["edits"]))
    for name, weight in (("structure", 1.0), ("semantics", report["how"]["alpha"])):
        values, usual = (np.array([edit[name] for edit in edits["edits"]]) for edits in (report, reference))
        total -= weight * (values - usual.mean()) / math.sqrt(usual.var() + 1e-8)
    return total


def interval(values: np.ndarray) -> list[float]:
    """Computes the 95 % interval [low, high] of the mean of independent values (N,), from their deviation."""
    return [round(end, 4) for end in normal_interval(values)]


def summarize(training: dict[str, Any], before: Edits, after: Edits, seconds: float) -> dict[str, Any]:
    """Collects the demo's figures."""
    reward_before, reward_after = (rewards(edits.report, before.report) for edits in (before, after))
    return {
        "instruction": training["instruction"],
        "reward": "minus the total of Eq. 10, normalized by the edits before teaching; up is better",
        "images": len(reward_before),
        "reward_before": round(float(reward_before.mean()), 4),
        "reward_after": round(float(reward_after.mean()), 4),
        "interval_before": interval(reward_before),
        "interval_after": interval(reward_after),
        "rise": round(float((reward_after - reward_before).mean()), 4),
        "interval_rise": interval(reward_after - reward_before),
        **{
            f"{name}_{when}": edits.report[name]
            for name in ("structure", "semantics")
            for when, edits in (("before", before), ("after", after))
        },
        "steps": training["steps"],
        "pairs": training["pairs"],
        "seconds": round(seconds, 1),
        "versions": versions("torch", "sapien", "transformers"),
    }


def write_sheet(before: Edits, after: Edits) -> None:
    """Writes some images with their styles and both edits."""
    rows = np.linspace(0, len(before.edits) - 1, SHEET_EDITS).round().astype(int)
    columns = (before.images, before.styles, before.edits, after.edits)
    titles = ("image", "style", "before", "after")
    column_sheet([[column[row] for row in rows] for column in columns], titles, DEMO / "before_after.png")


def main() -> None:
    """Runs the demo and writes its results to ``demo-edit/``."""
    start = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    with comfyui() as (client, bar):
        training, lora = teach(client, bar)
        loras = BASE / "models" / "loras"
        loras.mkdir(parents=True, exist_ok=True)
        for folder in (DEMO, loras):
            shutil.copyfile(lora, folder / LORA)
        before, after = (score(client, bar, training, name) for name in (None, LORA))
    write_sheet(before, after)
    write_summary(DEMO, summarize(training, before, after, time.monotonic() - start))
    print(
        "\nLook at demo-edit/before_after.png (held-out images, same noise) and demo-edit/reward.png (the training).\n"
        f"What was learned is demo-edit/{LORA}, a LoRA for the embedded editor."
    )


if __name__ == "__main__":
    main()
