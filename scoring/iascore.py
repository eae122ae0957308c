"""IAScore (Interactive Action, paper 000, section 4.1, Eq. 9): does the interaction happen, and does the image match?

    IAScore = 1/N * sum_i sgn(IoU_i) * CLIPScore_i

IoU_i is the overlap of the subject's and the object's box in image i. An image in which they do not overlap counts
as zero, so the pass rate matters as much as the similarity. The paper names neither the detector, nor the CLIP, nor
the scale of CLIPScore, nor the text that stands for v*; here all four are inputs, and every reading of the scale is
reported under its own name (``summarize``).

What the paper leaves open, and how it is settled:

* several boxes of one class: the pair of a subject's and an object's box with the largest IoU counts;
* subject and object of the same class: two different boxes are needed;
* subject or object not found: IoU = 0;
* boxes that only share an edge have IoU = 0; a box of one pixel has width 1, and a box of width 0 overlaps nothing;
* a box of negative width or height, which a detector without training gives, is no box.
"""

import re
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torchvision.ops import box_iou

from ..errors import InteractiveActionError
from .boxes import checked_boxes

PLACEHOLDER = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True)
class ImageScore:
    """One image's row: ``iou`` in 0..1, ``cosine`` in -1..1, and the boxes that overlap most (or the likeliest)."""

    subject: str
    object: str
    text: str
    subject_box: dict | None
    object_box: dict | None
    iou: float
    cosine: float

    @property
    def passed(self):
        """sgn(IoU) of Eq. 9."""
        return self.iou > 0


def score_images(images, subjects, objects, texts, detector, clip_scorer, boxes=None, batch_size=16, progress=None):
    """Judge each image; ``summarize`` makes the scores from the rows.

    Args:
        images: float (N, H, W, 3) in 0..1.
        subjects, objects, texts: N strings each, or one for all; the text is plain language (see ``speak``).
        detector: ``detect(images, labels)``, see ``detectors.Detector``; not asked if ``boxes`` are given.
        clip_scorer: ``cosine(images, texts)``, see ``clip.ClipScorer``.
        boxes: N lists of box dicts known from elsewhere (a simulator, another detector); their labels name the class.
        progress: called as ``progress(done, N)``; may raise to stop.

    Returns: N ``ImageScore``.
    """
    count = len(images)
    subjects, objects, texts = (
        spread(values, count, name) for values, name in ((subjects, "subject"), (objects, "object"), (texts, "text"))
    )
    for text in texts:
        if found := PLACEHOLDER.search(text):
            raise InteractiveActionError(
                f'The text "{text}" still holds {found.group()}, a learned word that CLIP cannot read. '
                'Put a natural phrase in its place, for example "picking up".'
            )
    if boxes is not None:
        boxes = checked_boxes(boxes, count)
    if boxes is None and detector is None:
        raise InteractiveActionError(
            "There is neither a detector nor boxes, so nobody can tell where things are. Connect one of them."
        )

    rows = []
    for start in range(0, count, batch_size):
        part = slice(start, start + batch_size)
        labels = [list(dict.fromkeys(pair)) for pair in zip(subjects[part], objects[part])]
        found = boxes[part] if boxes is not None else detector.detect(images[part], labels)
        cosines = clip_scorer.cosine(images[part], texts[part]).tolist()
        for names, things, cosine in zip(zip(subjects[part], objects[part], texts[part]), found, cosines):
            iou, subject_box, object_box = closest_pair(things, names[0], names[1])
            rows.append(ImageScore(*names, subject_box, object_box, iou, cosine))
        if progress:
            progress(len(rows), count)
    return rows


def closest_pair(boxes, subject, object):
    """The subject's and the object's box of one image that overlap most, as (IoU, subject's box, object's box).

    Without any overlap these are the boxes with the highest scores; None stands for a class that was not found.
    """

    def of(label):
        return sorted(
            (
                box
                for box in boxes
                if box["label"].strip().lower() == label.strip().lower() and min(box["width"], box["height"]) >= 0
            ),
            key=lambda box: -box.get("score", 1.0),
        )

    subject_boxes, object_boxes = of(subject), of(object)
    same_class = subject.strip().lower() == object.strip().lower()
    if same_class and len(subject_boxes) < 2:
        return 0.0, next(iter(subject_boxes), None), None
    if not subject_boxes or not object_boxes:
        return 0.0, next(iter(subject_boxes), None), next(iter(object_boxes), None)
    overlaps = box_iou(corners(subject_boxes), corners(object_boxes)).nan_to_num(0.0)  # 0/0: two boxes without area
    if same_class:
        overlaps.fill_diagonal_(-1)  # a thing does not act on itself
    best = int(overlaps.argmax())
    iou, i, j = float(overlaps.flatten()[best]), best // len(object_boxes), best % len(object_boxes)
    return iou, subject_boxes[i], object_boxes[j]


def corners(boxes):
    """Box dicts as float64 (n, 4): x1, y1, x2, y2."""
    return torch.tensor(
        [[box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]] for box in boxes], dtype=torch.float64
    ).reshape(-1, 4)


def parts(row):
    """What one image adds to each score that is a mean over all images."""
    return {
        "subject_found": row.subject_box is not None,
        "object_found": row.object_box is not None,
        "both_found": row.subject_box is not None and row.object_box is not None,
        "pass_rate": row.passed,
        "mean_iou": row.iou,
        "iascore_cosine": row.passed * row.cosine,
        "iascore_2_5": row.passed * 2.5 * max(row.cosine, 0.0),
        "cosine_of_all": row.cosine,
    }


def summarize(rows):
    """The scores of N rows, all of them means over all N unless the name says otherwise.

    * ``iascore_cosine``: Eq. 9 with the raw cosine;
    * ``iascore_2_5``: Eq. 9 with 2.5 * max(cosine, 0), the CLIPScore of Hessel et al. 2021;
    * ``cosine_of_passed``: raw cosine over the images that passed alone; None if none did;
    * ``cosine_of_all``: raw cosine of every image, what CLIP says without looking at the boxes.
    """
    if not rows:
        raise InteractiveActionError("There are no images to score. Connect at least one.")
    table = [parts(row) for row in rows]
    passed = [row.cosine for row in rows if row.passed]
    return {
        "n": len(rows),
        **{name: sum(line[name] for line in table) / len(table) for name in table[0]},
        "cosine_of_passed": sum(passed) / len(passed) if passed else None,
    }


def intervals(rows, seed=0):
    """Where each score of ``summarize`` would lie with other images of the same kind: ``{name: [low, high]}``.

    The 95 % percentile bootstrap (Efron 1979) over images, 2000 resamples. None stands for a score that one image
    alone, or no image that passed, says nothing about. Where all images agree, low and high are the same: that is
    no certainty, only too few images to see a difference.
    """
    count = len(rows)
    if count < 2:
        return dict.fromkeys((*parts(rows[0]), "cosine_of_passed"))
    names, values = list(parts(rows[0])), np.array([list(parts(row).values()) for row in rows], dtype=float)
    random = np.random.default_rng(seed)
    # How often each image is drawn says everything about a resample; 100 at a time, for memory's sake.
    means = np.concatenate([random.multinomial(count, [1 / count] * count, 100) @ values / count for _ in range(20)])
    samples = dict(zip(names, means.T))
    some = samples["pass_rate"] > 0
    samples["cosine_of_passed"] = samples["iascore_cosine"][some] / samples["pass_rate"][some]
    return {name: np.percentile(found, [2.5, 97.5]).tolist() if len(found) else None for name, found in samples.items()}


def report(rows, **how):
    """Everything as plain data for JSON: how it was measured, the scores, and one entry an image."""
    return {
        "how": how,
        "scores": summarize(rows),
        "intervals": intervals(rows),
        "images": [{**asdict(row), "passed": row.passed} for row in rows],
    }


def speak(text, phrase):
    """A prompt as plain language: ``<pick-up>`` and the like give way to ``phrase`` ("picking up")."""
    return PLACEHOLDER.sub(lambda _: phrase, text) if phrase else text


def spread(values, count, name):
    """``values`` as one string an image; a single one serves all."""
    values = [values] if isinstance(values, str) else list(values)
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise InteractiveActionError(
            f"There are {count} images but {len(values)} lines of {name}. "
            "Give one line for all of them, or one for each."
        )
    if not all(value.strip() for value in values):
        raise InteractiveActionError(f"A line of {name} is empty. Name the {name} of every image.")
    return values
