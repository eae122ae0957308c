"""Measures the judges on held-out renders: ``python . miniature.factory.check_judges [sheet.png]``.

Prints the figures on renders, and on the same ones as the base model's autoencoder reconstructs them. With a file
name it also writes a sheet of images with the detector's boxes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.ops import box_iou

from ...scoring.iascore import corners
from ...tools.dev.sheets import image_grid
from ..judges import RELATIONS, load_clip_scorer, load_detector, load_interaction_classifier
from .autoencoder import Autoencoder, reconstruct
from .evaluation import found_once
from .everyday_render import Facts
from .export import read_modules
from .figures import SUBJECTS
from .judge_captions import caption
from .judge_images import CHECK_SEED, render_scenes
from .objects import OBJECTS

BATCH = 50
THRESHOLDS = 0.5, 0.55, 0.6  # of the detector; ``judges.load_detector`` has the one that counts best
MIN_IOU = 0.5  # of a box that lies on a thing


def check(count: int = 600, autoencoder: Autoencoder | None = None) -> dict[str, float]:
    """Measures all three judges.

    Args:
        count: held-out renders.
        autoencoder: measured are its reconstructions of them; None: the renders.
    """
    renders = render_scenes(CHECK_SEED, count)
    pixels = renders.images if autoencoder is None else reconstruct(autoencoder, renders.images)
    images = torch.from_numpy(pixels).float() / 255
    return {
        **check_detector(images, renders.facts),
        **check_clip(images, renders.facts),
        **check_classifier(images, renders.facts),
    }


def true_boxes(facts: Facts) -> list[dict[str, Any]]:
    """Lists the boxes that an image really has, as box dicts."""
    boxes = {facts["subject"]: facts["subject_box"], facts["object"]: facts["object_box"]}
    return [dict(zip(("x", "y", "width", "height"), box), label=label) for label, box in boxes.items() if label and box]


def overlap(boxes: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> torch.Tensor:
    """Computes the IoU of each box with each other one."""
    iou: torch.Tensor = box_iou(corners(boxes), corners(others))
    return iou


def is_located(boxes: Sequence[dict[str, Any]], truth: dict[str, Any]) -> bool:
    """Tells whether the best box of the truth's name lies on it."""
    best = [box for box in boxes if box["label"] == truth["label"]][:1]
    return bool(best) and overlap(best, [truth]).item() >= MIN_IOU


def average_precision(boxes_of_images: Iterable[Sequence[dict[str, Any]]], facts: Iterable[Facts]) -> float:
    """Computes AP50 over all classes and images: every box of every class, best score first (area under the curve)."""
    hits, total = [], 0
    for boxes, fact in zip(boxes_of_images, facts):
        unmatched = true_boxes(fact)
        total += len(unmatched)
        for box in boxes:
            candidates = (truth for truth in unmatched if truth["label"] == box["label"])
            match = next((truth for truth in candidates if overlap([box], [truth]).item() >= MIN_IOU), None)
            hits.append((box["score"], match is not None))
            if match:
                unmatched.remove(match)
    correct = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], float)
    precision = correct.cumsum() / np.arange(1, len(correct) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float((precision * correct).sum() / total)


def check_detector(images: torch.Tensor, facts: Sequence[Facts]) -> dict[str, float]:
    """Measures the detector on images (N, 96, 96, 3) with known facts."""
    everyone = [*SUBJECTS, *OBJECTS]
    labels = [[truth["label"] for truth in true_boxes(fact)] for fact in facts]
    absent = [
        [next(name for name in np.random.default_rng(k).permutation(everyone) if name not in labels[k])]
        for k in range(len(facts))
    ]
    loose, detector = load_detector(0.01), load_detector()
    of_everyone = _detect(loose, images, [everyone] * len(facts))
    of_labels = _detect(detector, images, labels)
    of_absent = _detect(detector, images, absent)
    located = [is_located(boxes, truth) for boxes, fact in zip(of_labels, facts) for truth in true_boxes(fact)]
    joint = [k for k, fact in enumerate(facts) if fact["subject"] and fact["object"]]
    apart = [k for k in joint if facts[k]["relation"] == "and"]
    interacting = [k for k in joint if facts[k]["relation"] != "and"]

    def boxes_overlap(k: int) -> bool:
        subjects, objects = (
            [box for box in of_labels[k] if box["label"] == label]
            for label in (facts[k]["subject"], facts[k]["object"])
        )
        return bool(subjects and objects and (overlap(subjects, objects) > 0).any())

    def counts_right(k: int, threshold: float) -> bool:
        boxes = [box for box in of_everyone[k] if box["score"] > threshold]
        return all(found_once(boxes, facts[k]["subject"], facts[k]["object"]))

    return {
        "detector_ap50": average_precision(of_everyone, facts),
        "detector_right_boxes": _share(located),
        **{f"detector_counts_right_at_{t}": _share(counts_right(k, t) for k in joint) for t in THRESHOLDS},
        "detector_sees_what_is_absent": _share(bool(boxes) for boxes in of_absent),
        "detector_one_box_a_thing": _share(len(boxes) == len(names) for names, boxes in zip(labels, of_labels)),
        "pass_rate_and": _share(boxes_overlap(k) for k in apart),
        "pass_rate_interactions": _share(boxes_overlap(k) for k in interacting),
    }


def _detect(detector: Any, images: torch.Tensor, labels: Sequence[Sequence[str]]) -> list[list[dict[str, Any]]]:
    """Looks for the labels of each image, batch by batch."""
    return [
        boxes
        for start in range(0, len(images), BATCH)
        for boxes in detector.detect(images[start : start + BATCH], labels[start : start + BATCH])
    ]


def _share(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))


def check_clip(images: torch.Tensor, facts: Sequence[Facts], choices: int = 32) -> dict[str, float]:
    """Measures how often CLIP prefers the right caption: of ``choices``, and of those that differ in the relation."""
    scorer, rng = load_clip_scorer(), np.random.default_rng(0)
    captions = [caption(fact, rng, full=True) for fact in facts]
    texts = [text for text, _ in captions]
    starts = range(0, len(facts), BATCH)
    of_images = torch.cat([scorer.encode_image(images[start : start + BATCH]) for start in starts])
    of_texts = torch.cat([scorer.encode_text(texts[start : start + BATCH]) for start in starts])
    cosine, wins = of_images @ of_texts.T, []
    for k, fact in enumerate(facts):
        others = [j for j in rng.permutation(len(facts)) if not captions[j][1].holds(fact)][: choices - 1]
        wins.append(bool(cosine[k, k] > cosine[k, others].max()))
    names_action = []
    for k, fact in enumerate(facts):
        if fact["subject"] and fact["object"]:  # only the relation differs
            variants: list[Facts] = [{**fact, "relation": relation} for relation in RELATIONS[:-1]]
            options = [caption(variant, np.random.default_rng(k), full=True)[0] for variant in variants]
            best = int((scorer.encode_text(options) @ of_images[k]).argmax())
            names_action.append(best == RELATIONS.index(fact["relation"]))
    return {
        "clip_retrieval_32": _share(wins),
        "clip_names_the_action": _share(names_action),
        "clip_cosine_right": float(cosine.diag().mean()),
    }


def check_classifier(images: torch.Tensor, facts: Sequence[Facts]) -> dict[str, float]:
    """Measures how often the first classifier names the relation."""
    classifier = load_interaction_classifier()
    names = [name for batch in images.split(BATCH) for name in classifier.classify(batch)]
    return {"judge_accuracy": _share(name == fact["relation"] for name, fact in zip(names, facts))}


def write_sheet(path: Path, rows: int = 6, columns: int = 8) -> None:
    """Writes a sheet of held-out renders with the boxes that the detector finds."""
    from ...scoring.box_overlay import overlay_boxes
    from ...scoring.iascore import score_images

    renders = render_scenes(CHECK_SEED + 10_000, 3 * rows * columns)
    joint = [k for k, fact in enumerate(renders.facts) if fact["subject"] and fact["object"]][: rows * columns]
    facts = [renders.facts[k] for k in joint]
    images = torch.from_numpy(renders.images[joint]).float() / 255
    texts = [caption(fact, np.random.default_rng(0), full=True)[0] for fact in facts]
    subjects, objects = [fact["subject"] for fact in facts], [fact["object"] for fact in facts]
    scores = score_images(images, subjects, objects, texts, load_detector(), load_clip_scorer())
    image_grid((overlay_boxes(images, scores) * 255).byte().numpy(), columns).save(path)


def main() -> None:
    """Reads the command line, prints both columns of figures and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", nargs="?", type=Path, help="also write a sheet of images to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    on_renders, on_reconstructions = check(), check(autoencoder=read_modules()[2])
    print(f"{'':30}{'renders':>10}{'decoded':>10}")
    for figure, value in on_renders.items():
        print(f"{figure:30}{value:10.3f}{on_reconstructions[figure]:10.3f}")
    if arguments.sheet:
        write_sheet(arguments.sheet)


if __name__ == "__main__":
    main()
