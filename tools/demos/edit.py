"""``make demo-edit``: edit simulated images, teach the edit from AI feedback, and compare on images held out. Offline, on a CPU.

The real ComfyUI runs the shipped workflows through its headless API; the embedded editor, judges and style images are all it
needs. The reward is the sign-turned total of Eq. 10 (paper 004), normalized by the edits before teaching: up is better, and
before it is 0 on average.
"""

import copy
import importlib.metadata
import json
import math
import platform
import shutil
import sys
import time

import numpy
from tqdm import tqdm

from ...scoring.statistics import normal_interval
from ..dev.server import ROOT, ComfyServer, comfyui_version
from ..dev.sheets import edit_sheet
from .token import images, load_prompt, node, run

DEMO = ROOT / "demo-edit"
LORA = "demo-edit.safetensors"
HELD_OUT_SEED = 900  # of the scenes that the comparison is made on
TAKES, CAMERAS, FRAMES = 5, 4, 4  # of the comparison: 80 images
SHOWN = 8
TEACH_SHARE = 0.7  # of the run's time, for the progress bar


def teach(client, bar):
    """Run the shipped workflow; returns the instruction and settings it trained with, and the path of what was learned."""
    prompt = load_prompt("teach-an-edit")
    before = set((ROOT / "serve" / "output" / "loras").glob("edit*.safetensors"))
    outputs = run(client, prompt, bar, TEACH_SHARE)
    [lora] = set((ROOT / "serve" / "output" / "loras").glob("edit*.safetensors")) - before
    images(client, outputs, prompt, "Save the reward")[0].save(DEMO / "reward.png")
    return node(prompt, "Train Editor from AI Feedback")[1]["inputs"], lora


def score(client, bar, taught, lora):
    """Edit and score the held-out images, same noise with and without what was learned; (edits, report) and the prompt."""
    prompt = copy.deepcopy(load_prompt("score-an-edit"))
    count = TAKES * CAMERAS * FRAMES
    node(prompt, "Interaction Scene")[1]["inputs"]["seed"] = HELD_OUT_SEED
    node(prompt, "Record Interaction")[1]["inputs"].update(
        num_episodes=TAKES, cameras=CAMERAS, frames_per_episode=FRAMES
    )
    node(prompt, "Style Samples")[1]["inputs"]["count"] = count
    node(prompt, "Instruction")[1]["inputs"]["text"] = taught["instruction"]
    guider = node(prompt, "Guider: Image + Style + Text")[1]["inputs"]
    guider.update({name: taught[name] for name in ("s_in", "s_sty", "s_T")})
    if lora:
        inputs = {"model": guider["model"], "lora_name": lora, "strength_model": 1.0}
        prompt["lora"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs, "_meta": {"title": "Load LoRA"}}
        guider["model"] = ["lora", 0]
    judged = node(prompt, "Score Edits")[1]["inputs"]
    for name in ("image", "style"):
        inputs = {"images": judged[name], "filename_prefix": f"interactive-action/{name}"}
        prompt[name] = {"class_type": "SaveImage", "inputs": inputs, "_meta": {"title": f"Save each {name}"}}
    outputs = run(client, prompt, bar, (1 - TEACH_SHARE) / 2)
    drawn = {
        title: images(client, outputs, prompt, title)
        for title in ("Save the edits", "Save each image", "Save each style")
    }
    return drawn, json.loads(outputs[node(prompt, "Report")[0]]["text"][0])


def rewards(report, reference):
    """-(A_struct + alpha A_sem) of each edit (N,), with the mean and deviation of ``reference``'s edits (Eq. 10)."""
    total = numpy.zeros(len(report["edits"]))
    for name, weight in (("structure", 1.0), ("semantics", report["how"]["alpha"])):
        values, usual = (numpy.array([edit[name] for edit in one["edits"]]) for one in (report, reference))
        total -= weight * (values - usual.mean()) / math.sqrt(usual.var() + 1e-8)
    return total


def interval(values):
    """95 % interval [low, high] of the mean of independent ``values``."""
    return [round(end, 4) for end in normal_interval(values)]


def main():
    started = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    with (
        tqdm(total=1.0, bar_format="{percentage:3.0f}% |{bar}| {elapsed} {desc}", desc="ComfyUI starts") as bar,
        ComfyServer(ROOT / "serve") as server,
    ):
        client = server.client()
        taught, lora = teach(client, bar)
        loras = ROOT / "serve" / "models" / "loras"
        loras.mkdir(parents=True, exist_ok=True)
        for place in (DEMO / LORA, loras / LORA):
            shutil.copyfile(lora, place)
        before, report_before = score(client, bar, taught, None)
        after, report_after = score(client, bar, taught, LORA)
    reward_before, reward_after = (rewards(report, report_before) for report in (report_before, report_after))
    shown = numpy.linspace(0, len(reward_before) - 1, SHOWN).round().astype(int)
    columns = [before["Save each image"], before["Save each style"], before["Save the edits"], after["Save the edits"]]
    edit_sheet(
        [[column[k] for k in shown] for column in columns],
        ("image", "style", "before", "after"),
        DEMO / "before_after.png",
    )
    summary = {
        "instruction": taught["instruction"],
        "reward": "minus the total of Eq. 10, normalized by the edits before teaching; up is better",
        "images": len(reward_before),
        "reward_before": round(float(reward_before.mean()), 4),
        "reward_after": round(float(reward_after.mean()), 4),
        "interval_before": interval(reward_before),
        "interval_after": interval(reward_after),
        "rise": round(float((reward_after - reward_before).mean()), 4),
        "interval_rise": interval(reward_after - reward_before),
        **{
            f"{name}_{when}": report[name]
            for name in ("structure", "semantics")
            for when, report in (("before", report_before), ("after", report_after))
        },
        "steps": taught["steps"],
        "pairs": taught["pairs"],
        "seconds": round(time.monotonic() - started, 1),
        "versions": {
            "comfyui": comfyui_version(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("torch", "sapien", "transformers")},
        },
    }
    (DEMO / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))
    print(
        "\nLook at demo-edit/before_after.png (held-out images, same noise) and demo-edit/reward.png (the training).\n"
        f"What was learned is demo-edit/{LORA}, a LoRA for the embedded editor."
    )


if __name__ == "__main__":
    sys.exit(main())
