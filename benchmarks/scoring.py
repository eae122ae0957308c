"""IAScore of images in one batch against the same images one at a time, by the embedded detector and CLIP.

On a processor nearly all of the time goes into the models' arithmetic, which costs the same in a batch as alone:
"limit" says how much a batch could save at most, if everything but its arithmetic were free. A batch helps where
arithmetic waits for something else: for the launches of a GPU, or for cores that one image cannot fill.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from ..miniature.factory.everyday_render import render
from ..miniature.factory.everyday_world import sample_scene
from ..miniature.factory.judge_images import CHECK_SEED
from ..miniature.judges import load_clip_scorer, load_detector
from ..scoring.iascore import score_images

IMAGES, ROUNDS = 64, 3


def measure() -> dict[str, float]:
    """Returns "batched_speedup" and its "limit", medians of rounds, and the images a second of either way."""
    scenes = [sample_scene(CHECK_SEED + k, "panda", "strawberry", "lift", held_out=True) for k in range(IMAGES)]
    images = torch.stack([torch.from_numpy(render(scene).image) for scene in scenes]).float() / 255
    stopwatch = Stopwatch(images)
    stopwatch.seconds(IMAGES)
    rounds = [(stopwatch.seconds(1)[0], *stopwatch.seconds(IMAGES)) for _ in range(ROUNDS)]
    alone, batched, _ = (statistics.median(times) for times in zip(*rounds))
    return {
        "batched_speedup": round(statistics.median(one / many for one, many, _ in rounds), 2),
        "limit": round(statistics.median(one / arithmetic for one, _, arithmetic in rounds), 2),
        "images": IMAGES,
        "images_per_second_alone": round(IMAGES / alone, 1),
        "images_per_second_batched": round(IMAGES / batched, 1),
        "threads": torch.get_num_threads(),
    }


class Stopwatch:
    """Measures IAScore of images (N, H, W, 3), and what of it is arithmetic."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images
        self.detector, self.clip_scorer = load_detector(), load_clip_scorer()
        self.start = self.arithmetic = 0.0
        for judge in (self.detector, self.clip_scorer):
            judge.to("cuda" if torch.cuda.is_available() else "cpu")
        of_detector: Any = self.detector
        # the images' part; a text that all share is read once
        for model in (of_detector.model, self.clip_scorer.model.visual):
            model.register_forward_pre_hook(self._before)
            model.register_forward_hook(self._after)

    def seconds(self, batch_size: int) -> tuple[float, float]:
        """Returns the seconds of all images, and those of their arithmetic."""
        self.arithmetic, start = 0.0, clock()
        text = "a panda picking up a strawberry"
        score_images(self.images, "panda", "strawberry", text, self.detector, self.clip_scorer, batch_size=batch_size)
        return clock() - start, self.arithmetic

    def _before(self, *_: Any) -> None:
        self.start = clock()

    def _after(self, *_: Any) -> None:
        self.arithmetic += clock() - self.start


def clock() -> float:
    """Returns seconds, after what a GPU is still doing."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
