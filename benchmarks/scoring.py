"""IAScore of pictures in one batch against the same pictures one at a time, by the embedded detector and CLIP."""

import statistics
import time

import torch

from ..miniature import judges
from ..miniature.judges_data import CHECK_SEED
from ..miniature.world import render, sample_scene
from ..scoring.iascore import score_pictures

PICTURES, ROUNDS = 64, 3


def measure():
    """Return "batched_speedup", the median of rounds, and the pictures a second of either way."""
    shots = [render(sample_scene(CHECK_SEED + k, "panda", "strawberry", "lift", held_out=True)).picture
             for k in range(PICTURES)]
    pictures = torch.stack([torch.from_numpy(shot) for shot in shots]).float() / 255
    detector, clip_scorer = judges.load_detector(), judges.load_clip_scorer()
    for judge in (detector, clip_scorer):
        judge.to("cuda" if torch.cuda.is_available() else "cpu")

    def seconds(batch_size):
        start = time.perf_counter()
        score_pictures(pictures, "panda", "strawberry", "a panda picking up a strawberry", detector, clip_scorer,
                       batch_size=batch_size)
        return time.perf_counter() - start

    seconds(PICTURES)
    alone, together = zip(*((seconds(1), seconds(PICTURES)) for _ in range(ROUNDS)))
    return {
        "batched_speedup": round(statistics.median(one / all for one, all in zip(alone, together)), 2),
        "pictures": PICTURES,
        "pictures_per_second_alone": round(PICTURES / statistics.median(alone), 1),
        "pictures_per_second_batched": round(PICTURES / statistics.median(together), 1),
        "threads": torch.get_num_threads(),
    }
