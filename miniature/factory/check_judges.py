"""Measure the judges on renders that they were not trained on: ``python . miniature.factory.check_judges [sheet.png]``.

Prints the figures on renders, and on the same ones as the base model's autoencoder draws them. With a file name it
also draws a sheet of images with the detector's boxes.
"""

import sys

import numpy as np
import torch
from torchvision.ops import box_iou

from ...scoring.iascore import corners
from ..judges import RELATIONS, load_clip_scorer, load_detector, load_interaction_judge
from .check import counted, load
from .figures import OBJECTS, SUBJECTS
from .judge_images import CHECK_SEED, as_drawn, caption, fits, shoot

BATCH = 50
THRESHOLDS = 0.5, 0.55, 0.6  # of the detector; ``judges.load_detector`` has the one that counts best


def check(count=600, autoencoder=None):
    """The figures of all three judges on ``count`` held-out renders, or on what an autoencoder makes of them."""
    renders = shoot(CHECK_SEED, count)
    seen = renders.images if autoencoder is None else as_drawn(autoencoder, renders.images)
    images = torch.from_numpy(seen).float() / 255
    return {
        **check_detector(images, renders.facts),
        **check_clip(images, renders.facts),
        **check_judge(images, renders.facts),
    }


def truths(facts):
    """The boxes that an image really has, as box dicts."""
    return [
        dict(zip(("x", "y", "width", "height"), facts[f"{kind}_box"]), label=facts[kind])
        for kind in ("subject", "object")
        if facts[kind] and facts[f"{kind}_box"]
    ]


def right(found, truth):
    """Whether the best box of the truth's name lies on it (IoU >= 0.5)."""
    named = [box for box in found if box["label"] == truth["label"]]
    return bool(named) and box_iou(corners(named[:1]), corners([truth])).item() >= 0.5


def average_precision(found, facts):
    """AP50 over all classes and images: every box of every class asked, best score first (area under the curve)."""
    hits, total = [], 0
    for boxes, fact in zip(found, facts):
        left = truths(fact)
        total += len(left)
        for box in boxes:
            match = next(
                (t for t in left if t["label"] == box["label"] and box_iou(corners([box]), corners([t])).item() >= 0.5),
                None,
            )
            hits.append((box["score"], match is not None))
            if match:
                left.remove(match)
    correct = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], float)
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * correct).sum() / total)


def check_detector(images, facts):
    everyone = [*SUBJECTS, *OBJECTS]
    loose, detector = load_detector(0.01), load_detector()
    found = [boxes for k in range(0, len(facts), BATCH) for boxes in loose.detect(images[k : k + BATCH], everyone)]
    asked = [[truth["label"] for truth in truths(fact)] for fact in facts]
    answered = [
        boxes
        for k in range(0, len(facts), BATCH)
        for boxes in detector.detect(images[k : k + BATCH], asked[k : k + BATCH])
    ]
    rights = [right(boxes, truth) for boxes, fact in zip(answered, facts) for truth in truths(fact)]
    absent = [
        [next(name for name in np.random.default_rng(k).permutation(everyone) if name not in asked[k])]
        for k in range(len(facts))
    ]
    ghosts = [
        bool(boxes)
        for k in range(0, len(facts), BATCH)
        for boxes in detector.detect(images[k : k + BATCH], absent[k : k + BATCH])
    ]
    both = [k for k, fact in enumerate(facts) if fact["subject"] and fact["object"]]
    apart = [k for k in both if facts[k]["relation"] == "and"]
    joined = [k for k in both if facts[k]["relation"] != "and"]

    def overlap(k):
        boxes = [[b for b in answered[k] if b["label"] == facts[k][kind]] for kind in ("subject", "object")]
        return all(boxes) and bool((box_iou(corners(boxes[0]), corners(boxes[1])) > 0).any())

    def counts_right(k, threshold):
        return all(
            counted([box for box in found[k] if box["score"] > threshold], facts[k]["subject"], facts[k]["object"])
        )

    return {
        "detector_ap50": average_precision(found, facts),
        "detector_right_boxes": float(np.mean(rights)),
        **{f"detector_counts_right_at_{t}": float(np.mean([counts_right(k, t) for k in both])) for t in THRESHOLDS},
        "detector_sees_what_is_absent": float(np.mean(ghosts)),
        "detector_one_box_a_thing": float(np.mean([len(b) == len(a) for a, b in zip(asked, answered)])),
        "pass_rate_and": float(np.mean([overlap(k) for k in apart])),
        "pass_rate_interactions": float(np.mean([overlap(k) for k in joined])),
    }


def check_clip(images, facts, choices=32):
    """How often the right one of 32 captions of other images wins, all claims of which differ."""
    scorer, rng = load_clip_scorer(), np.random.default_rng(0)
    told = [caption(fact, rng, full=True) for fact in facts]
    seen, read = (
        torch.cat(parts)
        for parts in zip(
            *(
                (scorer.encode_image(images[k : k + BATCH]), scorer.encode_text([text for text, _ in told[k : k + BATCH]]))
                for k in range(0, len(facts), BATCH)
            )
        )
    )
    cosine, wins = seen @ read.T, []
    for k, fact in enumerate(facts):
        others = [j for j in rng.permutation(len(facts)) if not fits(told[j][1], fact)][: choices - 1]
        wins.append(bool(cosine[k, k] > cosine[k, others].max()))
    both = [k for k, fact in enumerate(facts) if fact["subject"] and fact["object"]]
    actions = []
    for k in both:  # only the relation differs
        texts = [caption({**facts[k], "relation": r}, np.random.default_rng(k), full=True)[0] for r in RELATIONS[:-1]]
        actions.append(int((scorer.encode_text(texts) @ seen[k]).argmax()) == RELATIONS.index(facts[k]["relation"]))
    return {
        "clip_retrieval_32": float(np.mean(wins)),
        "clip_names_the_action": float(np.mean(actions)),
        "clip_cosine_right": float(cosine.diag().mean()),
    }


def check_judge(images, facts):
    judge = load_interaction_judge()
    named = [name for k in range(0, len(facts), BATCH) for name in judge.classify(images[k : k + BATCH])]
    return {"judge_accuracy": float(np.mean([name == fact["relation"] for name, fact in zip(named, facts)]))}


def sheet(path, rows=6, columns=8):
    """A sheet of held-out renders with the boxes that the detector finds."""
    from PIL import Image

    from ...scoring.box_overlay import overlay_boxes
    from ...scoring.iascore import score_images

    renders = shoot(CHECK_SEED + 10_000, 3 * rows * columns)
    both = [k for k, fact in enumerate(renders.facts) if fact["subject"] and fact["object"]][: rows * columns]
    facts = [renders.facts[k] for k in both]
    images = torch.from_numpy(renders.images[both]).float() / 255
    texts = [caption(fact, np.random.default_rng(0), full=True)[0] for fact in facts]
    scores = score_images(
        images, [f["subject"] for f in facts], [f["object"] for f in facts], texts, load_detector(), load_clip_scorer()
    )
    drawn = (overlay_boxes(images, scores) * 255).byte().numpy()
    size = drawn.shape[1]
    grid = drawn.reshape(rows, columns, size, size, 3).transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, 3)
    Image.fromarray(grid).resize((columns * 192, rows * 192)).save(path)


if __name__ == "__main__":
    torch.set_num_threads(1)
    renders, drawn = check(), check(autoencoder=load()[2])
    print(f"{'':30}{'renders':>10}{'as drawn':>10}")
    for figure, value in renders.items():
        print(f"{figure:30}{value:10.3f}{drawn[figure]:10.3f}")
    if len(sys.argv) > 1:
        sheet(sys.argv[1])
