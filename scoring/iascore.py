"""IAScore: does the interaction happen, and does the image match?

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

Source: Interactive-Action (anonymous, 2025), section 4.1, Eq. 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torchvision.ops import box_iou

from ..errors import InteractiveActionError
from .boxes import checked_boxes
from .statistics import bootstrap_means, percentile_interval

if TYPE_CHECKING:
    from .clip import ClipScorer
    from .detectors import Box, Detector

LEARNED_WORD = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True)
class ImageScore:
    """One image's row: ``iou`` in 0..1, ``cosine`` in -1..1, and the boxes that overlap most (or the likeliest)."""

    subject: str
    object: str
    text: str
    subject_box: Box | None
    object_box: Box | None
    iou: float
    cosine: float

    @property
    def passed(self) -> bool:
        """sgn(IoU) of Eq. 9."""
        return self.iou > 0


def score_images(
    images: torch.Tensor,
    subjects: str | Sequence[str],
    objects: str | Sequence[str],
    texts: str | Sequence[str],
    detector: Detector | None,
    clip_scorer: ClipScorer | None,
    boxes: Any = None,
    batch_size: int = 16,
    progress: Callable[[int, int], object] | None = None,
) -> list[ImageScore]:
    """Judges each image; ``summarize`` makes the scores from the rows.

    Args:
        images: float (N, H, W, 3) in 0..1; a fourth channel is left out.
        subjects: who acts, N strings or one for all.
        objects: what is acted on, N strings or one for all.
        texts: in plain language (``replace_placeholder``), N strings or one for all.
        detector: not used where there are ``boxes``.
        clip_scorer: compares images with texts.
        boxes: N lists of boxes from elsewhere (a simulator, another detector); their labels name the class.
        batch_size: how many images the models see at once; the result is the same.
        progress: called as ``progress(done, N)``; may raise to stop.

    Returns:
        N rows.

    Raises:
        InteractiveActionError: the counts do not fit, a text holds a learned word, or nobody knows where things are.
    """
    count = len(images)
    images = images[..., :3]
    subjects, objects, texts = (
        broadcast(values, count, name) for values, name in ((subjects, "subject"), (objects, "object"), (texts, "text"))
    )
    _check_plain(texts)
    if boxes is not None:
        boxes = checked_boxes(boxes, count)
    if boxes is None and detector is None:
        raise InteractiveActionError(
            "There is neither a detector nor boxes, so nobody can tell where things are. Connect one of them."
        )
    if clip_scorer is None:
        raise InteractiveActionError("There is no CLIP to compare images with texts. Connect Load CLIP Scorer.")

    rows: list[ImageScore] = []
    for start in range(0, count, batch_size):
        part = slice(start, start + batch_size)
        labels = [list(dict.fromkeys(pair)) for pair in zip(subjects[part], objects[part])]
        candidates = boxes[part] if detector is None or boxes is not None else detector.detect(images[part], labels)
        cosines = clip_scorer.cosine(images[part], texts[part]).tolist()
        for names, things, cosine in zip(zip(subjects[part], objects[part], texts[part]), candidates, cosines):
            iou, subject_box, object_box = closest_pair(things, names[0], names[1])
            rows.append(ImageScore(*names, subject_box, object_box, iou, cosine))
        if progress:
            progress(len(rows), count)
    return rows


def _check_plain(texts: Sequence[str]) -> None:
    """Raises a sentence for a text with a learned word in it."""
    for text in texts:
        if word := LEARNED_WORD.search(text):
            raise InteractiveActionError(
                f'The text "{text}" still holds {word.group()}, a learned word that CLIP cannot read. '
                'Put a natural phrase in its place, for example "picking up".'
            )


def closest_pair(boxes: Sequence[Box], subject: str, object: str) -> tuple[float, Box | None, Box | None]:
    """Finds the subject's and the object's box of one image that overlap most.

    Returns:
        (IoU, the subject's box, the object's box). Without any overlap these are the boxes with the highest scores;
        None stands for a class without a box.
    """
    subject_boxes, object_boxes = _boxes_of(boxes, subject), _boxes_of(boxes, object)
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


def _boxes_of(boxes: Sequence[Box], label: str) -> list[Box]:
    """The boxes with this label, best first."""
    name = label.strip().lower()
    return sorted(
        (box for box in boxes if box["label"].strip().lower() == name and min(box["width"], box["height"]) >= 0),
        key=lambda box: -box.get("score", 1.0),
    )


def corners(boxes: Sequence[Box]) -> torch.Tensor:
    """Returns boxes as float64 (n, 4): x1, y1, x2, y2."""
    return torch.tensor(
        [[box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]] for box in boxes], dtype=torch.float64
    ).reshape(-1, 4)


def terms(row: ImageScore) -> dict[str, float]:
    """Returns what one image adds to each score that is a mean over all images."""
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


def summarize(rows: Sequence[ImageScore]) -> dict[str, Any]:
    """Returns the scores of N rows, all of them means over all N unless the name says otherwise.

    * ``iascore_cosine``: Eq. 9 with the raw cosine;
    * ``iascore_2_5``: Eq. 9 with 2.5 * max(cosine, 0), the CLIPScore of Hessel et al. 2021;
    * ``cosine_of_passed``: raw cosine over the images that passed alone; None if none did;
    * ``cosine_of_all``: raw cosine of every image, what CLIP says without looking at the boxes.

    Raises:
        InteractiveActionError: there are no rows.
    """
    if not rows:
        raise InteractiveActionError("There are no images to score. Connect at least one.")
    table = [terms(row) for row in rows]
    cosines = [row.cosine for row in rows if row.passed]
    return {
        "n": len(rows),
        **{name: sum(line[name] for line in table) / len(table) for name in table[0]},
        "cosine_of_passed": sum(cosines) / len(cosines) if cosines else None,
    }


def intervals(rows: Sequence[ImageScore], seed: int = 0) -> dict[str, list[float] | None]:
    """Returns where each score of ``summarize`` would lie with other images of the same kind.

    Args:
        rows: N.
        seed: of the resamples.

    Returns:
        {name: [low, high]}, the 95 % bootstrap interval over images. None stands for a score that one image alone, or
        no image that passed, says nothing about. Where all images agree, low and high are the same: that is no
        certainty, only too few images to see a difference.
    """
    if len(rows) < 2:
        return dict.fromkeys((*terms(rows[0]), "cosine_of_passed"))
    means = bootstrap_means([list(terms(row).values()) for row in rows], seed)
    samples = dict(zip(terms(rows[0]), means.T))
    some = samples["pass_rate"] > 0
    samples["cosine_of_passed"] = samples["iascore_cosine"][some] / samples["pass_rate"][some]
    return {name: percentile_interval(values) for name, values in samples.items()}


def report(rows: Sequence[ImageScore], **how: Any) -> dict[str, Any]:
    """Returns everything as plain data for JSON: how it was measured, the scores, and one entry an image."""
    return {
        "how": how,
        "scores": summarize(rows),
        "intervals": intervals(rows),
        "images": [{**asdict(row), "passed": row.passed} for row in rows],
    }


def replace_placeholder(text: str, phrase: str) -> str:
    """Returns a prompt as plain language: ``phrase`` ("picking up") in the place of ``<pick-up>`` and the like."""
    return LEARNED_WORD.sub(lambda _: phrase, text) if phrase else text


def broadcast(values: str | Sequence[str], count: int, name: str) -> list[str]:
    """Returns ``values`` as one string an image; a single one serves all.

    Raises:
        InteractiveActionError: there is another number of them, or one is empty.
    """
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
