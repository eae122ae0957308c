"""IAScore of images in one batch against the same images one at a time, by the embedded detector and CLIP.

On a processor nearly all of the time goes into the models' arithmetic, which costs the same in a batch as alone: "limit" says how
much a batch could save at most, if everything but its arithmetic were free. A batch helps where arithmetic waits for something
else: for the launches of a GPU, or for cores that one image cannot fill.
"""

import statistics
import time

import torch

from ..miniature import judges
from ..miniature.factory.everyday_world import render, sample_scene
from ..miniature.factory.judge_images import CHECK_SEED
from ..scoring.iascore import score_images

IMAGES, ROUNDS = 64, 3


def measure():
    """Return "batched_speedup" and its "limit", medians of rounds, and the images a second of either way."""
    shots = [
        render(sample_scene(CHECK_SEED + k, "panda", "strawberry", "lift", held_out=True)).image for k in range(IMAGES)
    ]
    images = torch.stack([torch.from_numpy(shot) for shot in shots]).float() / 255
    detector, clip_scorer = judges.load_detector(), judges.load_clip_scorer()
    for judge in (detector, clip_scorer):
        judge.to("cuda" if torch.cuda.is_available() else "cpu")
    spent = {"arithmetic": 0.0}
    for model in (detector.model, clip_scorer.model.visual):  # the images' part; a text that all share is read once
        model.register_forward_pre_hook(lambda *_: spent.update(start=clock()))
        model.register_forward_hook(lambda *_: spent.update(arithmetic=spent["arithmetic"] + clock() - spent["start"]))

    def seconds(batch_size):
        spent["arithmetic"], start = 0.0, clock()
        score_images(
            images,
            "panda",
            "strawberry",
            "a panda picking up a strawberry",
            detector,
            clip_scorer,
            batch_size=batch_size,
        )
        return clock() - start, spent["arithmetic"]

    seconds(IMAGES)
    rounds = [(seconds(1)[0], *seconds(IMAGES)) for _ in range(ROUNDS)]
    alone, together, _ = (statistics.median(times) for times in zip(*rounds))
    return {
        "batched_speedup": round(statistics.median(one / all for one, all, _ in rounds), 2),
        "limit": round(statistics.median(one / arithmetic for one, _, arithmetic in rounds), 2),
        "images": IMAGES,
        "images_per_second_alone": round(IMAGES / alone, 1),
        "images_per_second_batched": round(IMAGES / together, 1),
        "threads": torch.get_num_threads(),
    }


def clock():
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
