"""``make demo-rooms``: draw a floor plan, furnish it with guidance, settle and score the rooms.

Offline, on a CPU. The real ComfyUI runs the shipped workflow *Draw a floor plan and furnish it* through its headless
API, with more rooms. Raw rooms are from the same noise as guided ones; all intervals are over rooms.
"""

from __future__ import annotations

import json
import pathlib
import re
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from ...client import ComfyClient
from ...sim.layout import load_layouts
from ..dev.prompts import Outputs, Prompt, fetch_images, fetch_text, load_prompt, node, run
from ..dev.server import ROOT
from ..dev.sheets import image_grid
from .environment import BASE, comfyui, versions, write_summary

DEMO = ROOT / "demo-rooms"
WORKFLOW = "draw-a-floor-plan-and-furnish-it"
ROOMS, SEED = 16, 1
KINDS = ("raw", "guided and settled")
SCORES = ("col_obj", "col_scene", "r_out", "r_walkable", "r_reach", "from_door")
PLANS = 6  # rooms of the sheet


def furnish(client: ComfyClient, bar: tqdm) -> tuple[Prompt, Outputs]:
    """Runs the workflow and writes what it draws; returns its prompt and its outputs."""
    prompt = load_prompt(WORKFLOW)
    for kind in ("raw", "guided"):
        node(prompt, f"Sample Rooms ({kind})")[1]["inputs"].update(num_rooms=ROOMS, seed=SEED)
    node(prompt, "Save Rooms")[1]["inputs"].update(name="demo-rooms")
    outputs = run(client, prompt, bar, 1.0)
    fetch_images(client, outputs, prompt, "Floor Plan from Mask")[0].save(DEMO / "floor_plan.png")
    plans = fetch_images(client, outputs, prompt, "Save the plans")
    image_grid([np.asarray(plan) for plan in plans[:PLANS]], 2, scale=1).save(DEMO / "before_after.png")
    (file,) = outputs[node(prompt, "Save 3D Model")[0]]["3d"]
    (DEMO / "room.glb").write_bytes(client.view(file))
    saved = saved_file(fetch_text(outputs, prompt, "Save Rooms"))
    (DEMO / "rooms.jsonl").write_bytes(saved.read_bytes())
    return prompt, outputs


def saved_file(text: str) -> pathlib.Path:
    """Returns the file that Save Rooms says it wrote."""
    return BASE / "datasets" / "interactive_action_rooms" / pathlib.Path(text.rpartition(" to ")[2]).name


def moved(report: str) -> list[float]:
    """Returns the centimeters that the things of each room moved on average, as Settle Rooms tells them."""
    return [float(number) for number in re.findall(r"things moved ([\d.]+) cm on average", report)]


def summarize(reports: dict[str, dict[str, Any]], centimeters: list[float], seconds: float) -> dict[str, Any]:
    """Collects the demo's figures.

    Args:
        reports: of Score Rooms, for each of ``KINDS``.
        centimeters: that settling moved the things of each room.
        seconds: of the whole demo.
    """
    rows = {kind: {**report["scores"], **report["relations"]} for kind, report in reports.items()}
    relations = sorted(set.intersection(*(set(report["relations"]) for report in reports.values())))
    return {
        "rooms": len(centimeters),
        "seed": SEED,
        **{kind: {name: _rounded(rows[kind][name]) for name in (*SCORES, *relations)} for kind in reports},
        "settling_moved_cm": round(sum(centimeters) / len(centimeters), 2),
        "seconds": round(seconds, 1),
        "versions": versions("torch", "trimesh"),
    }


def main() -> None:
    """Runs the demo and writes its results to ``demo-rooms/``."""
    start = time.monotonic()
    DEMO.mkdir(exist_ok=True)
    with comfyui() as (client, bar):
        prompt, outputs = furnish(client, bar)
    reports = {kind: json.loads(fetch_text(outputs, prompt, f"Report ({kind})")) for kind in KINDS}
    centimeters = moved(fetch_text(outputs, prompt, "Settle Rooms"))
    write_summary(DEMO, summarize(reports, centimeters, time.monotonic() - start))
    print(
        f"\nLook at demo-rooms/before_after.png: the first {PLANS} of {len(load_layouts(DEMO / 'rooms.jsonl'))} rooms "
        "in the floor plan of demo-rooms/floor_plan.png,\nleft as the model samples them, right from the same noise "
        "guided and settled. Green floor is reached from the\ndoor; what is hatched collides or stands in a wall. The "
        "first of them is demo-rooms/room.glb, for any 3-D viewer."
    )


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A mean with its interval and the number of rooms that it is of."""
    return {"mean": round(row["mean"], 4), "interval": [round(end, 4) for end in row["interval"]], "n": row["n"]}


if __name__ == "__main__":
    main()
