"""How the base model's images of a word are evaluated, for the check of the base model and for the evidence.

An image is right if the detector finds exactly one subject and one object of the prompt's names and no other
creature. Two classifiers of different seeds name the relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from einops import rearrange

from ...captions.templates import with_article
from ..judges import RELATIONS, InteractionClassifier
from .autoencoder import Autoencoder
from .base_model import sample
from .everyday_world import HELD_OUT
from .figures import CREATURES, SUBJECTS
from .objects import OBJECTS

if TYPE_CHECKING:
    from ...scoring.detectors import Detector

BATCH = 20


class EvalPair(NamedTuple):
    """What an image is to show: a subject and an object of a color ("": its own)."""

    subject: str
    object: str
    color: str


class BaseModel(NamedTuple):
    """The base model's parts, see ``export.read_modules``."""

    unet: torch.nn.Module
    text_encoder: torch.nn.Module
    autoencoder: Autoencoder


def eval_pairs(count: int, relation: str | None = None) -> list[EvalPair]:
    """Lists the pairs to evaluate, the same at each call.

    Args:
        count: how many; each creature equally often.
        relation: an interaction: the first quarter are combinations that training never saw.
    """
    rng = np.random.default_rng(len(relation or ""))
    unseen = sorted((subject, object) for subject, object, interaction in HELD_OUT if interaction == relation)
    pairs = []
    for number in range(count):
        subject, object = CREATURES[number % len(CREATURES)], str(rng.choice([*OBJECTS]))
        if unseen and number < count // 4:
            subject, object = unseen[number % len(unseen)]
        pairs.append(EvalPair(subject, object, str(rng.choice(OBJECTS[object].colors))))
    return pairs


def format_prompts(word: str, pairs: Iterable[EvalPair]) -> list[str]:
    """Writes "a <subject> <word> a <color> <object>" for each pair."""
    return [
        f"{with_article(pair.subject)} {word} {with_article(f'{pair.color} {pair.object}'.strip())}" for pair in pairs
    ]


@torch.no_grad()
def generate(
    model: BaseModel, word: str, pairs: Sequence[EvalPair], progress: Callable[[int], object] = lambda done: None
) -> torch.Tensor:
    """Generates images of a word.

    Args:
        model: the base model.
        word: between subject and object.
        pairs: N of them.
        progress: called with the number of images after each batch.

    Returns:
        (N, 96, 96, 3) in 0..1.
    """
    parts = []
    for start in range(0, len(pairs), BATCH):
        prompts = format_prompts(word, pairs[start : start + BATCH])
        parts.append(model.autoencoder.decode(sample(model.unet, model.text_encoder, prompts, seed=start)))
        progress(len(prompts))
    return rearrange(torch.cat(parts).clamp(0, 1), "n c h w -> n h w c")


def evaluate(
    images: torch.Tensor,
    pairs: Sequence[EvalPair],
    detector: Detector,
    classifiers: Sequence[InteractionClassifier],
) -> list[dict[str, Any]]:
    """Evaluates images.

    Args:
        images: (N, H, W, 3) in 0..1.
        pairs: what each is to show.
        detector: the embedded one.
        classifiers: two.

    Returns:
        One row an image: subject and object, whether each is found exactly once, the relation by either classifier.
    """
    rows = []
    for start in range(0, len(pairs), BATCH):
        part = slice(start, start + BATCH)
        boxes = detector.detect(images[part], [*SUBJECTS, *OBJECTS])
        relations = [classifier.classify(images[part]) for classifier in classifiers]
        for number, pair in enumerate(pairs[part]):
            subject_right, object_right = found_once(boxes[number], pair.subject, pair.object)
            rows.append(
                dict(
                    subject=pair.subject,
                    object=pair.object,
                    subject_right=subject_right,
                    object_right=object_right,
                    relation=relations[0][number],
                    second_relation=relations[1][number],
                )
            )
    return rows


def found_once(boxes: Iterable[Mapping[str, Any]], subject: str, object: str) -> tuple[bool, bool]:
    """Tells whether the subject is found once and no other creature, and whether the object is found once."""
    labels = [box["label"] for box in boxes]
    return [label for label in labels if label in SUBJECTS] == [subject], labels.count(object) == 1


def summarize(rows: Sequence[Mapping[str, Any]], relation: str | None) -> dict[str, Any]:
    """Averages the rows of one word.

    Args:
        rows: of ``evaluate``.
        relation: the interaction that the word means; None: none.

    Returns:
        Shares; "unseen": of the relation among combinations that training never saw, None where there are none.
    """

    def share(values: Iterable[bool]) -> float | None:
        values = list(values)
        return sum(values) / len(values) if values else None

    unseen = [row["relation"] == relation for row in rows if (row["subject"], row["object"], relation) in HELD_OUT]
    return dict(
        images=len(rows),
        right=share(row["subject_right"] and row["object_right"] for row in rows),
        subject=share(row["subject_right"] for row in rows),
        object=share(row["object_right"] for row in rows),
        **{name: share(row["relation"] == name for row in rows) for name in RELATIONS},
        judges_agree=share(row["relation"] == row["second_relation"] for row in rows),
        unseen=share(unseen) if relation else None,
    )


def kernel_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Computes the unbiased squared MMD of features (N, d) and (M, d) under the kernel (x.y / d + 1)^3.

    Source:
        The kernel inception distance, Binkowski et al. 2018, section 4.
    """

    def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    within = [(kernel(x, x).sum() - kernel(x, x).diagonal().sum()) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(sum(within) - 2 * kernel(a, b).sum() / (n * m))


@torch.no_grad()
def classifier_features(classifier: InteractionClassifier, images: torch.Tensor) -> torch.Tensor:
    """Computes a classifier's features, float64 (N, d), of images (N, 96, 96, 3) in 0..1."""
    parts = rearrange(images, "n h w c -> n c h w").split(BATCH)
    return torch.cat([classifier.pooled_features(part) for part in parts]).double()
