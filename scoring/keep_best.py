"""IAScore of the images that are generated during training, so that what scored best can be kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..errors import InteractiveActionError
from ..files import lines_of
from .iascore import replace_placeholder, score_images, summarize

if TYPE_CHECKING:
    from .clip import ClipScorer
    from .detectors import Detector

    LoadJudges = Callable[[str, float, str, str], tuple[Detector, ClipScorer]]

EMBEDDED = "embedded"  # for a loader that brings judges of its own; ``load_judges`` below has none


@dataclass(frozen=True)
class ValidationIAScore:
    """From images, one for each of ``prompts``, to their mean IAScore (Eq. 9), of which more is better.

    The judges stay on the device where they are, the CPU, so that they take no memory of a trainer's.

    Args:
        prompts: with the new word.
        subject, object: one line for all, or one a prompt.
        phrase: plain words in the place of the new word, for CLIP.
        detector, clip_scorer: the judges.
    """

    prompts: tuple[str, ...]
    subject: str
    object: str
    phrase: str
    detector: Detector
    clip_scorer: ClipScorer

    def __post_init__(self) -> None:
        if not (self.subject.strip() and self.object.strip() and self.phrase.strip()):
            raise InteractiveActionError(
                "IAScore needs a subject, an object and a phrase for <v*>. Write all three, or connect no judges."
            )

    def __call__(self, images: torch.Tensor) -> float:
        """Returns the score of images (N, H, W, 3) in 0..1, one a prompt."""
        texts = [replace_placeholder(prompt, self.phrase.strip()) for prompt in self.prompts]
        subjects, objects = lines_of(self.subject.strip()), lines_of(self.object.strip())
        scores = summarize(score_images(images, subjects, objects, texts, self.detector, self.clip_scorer))
        iascore: float = scores["iascore_cosine"]
        return iascore


@dataclass(frozen=True)
class Judges:
    """Both judges by name, as a run file has them.

    Args:
        subject, object, phrase: of ``ValidationIAScore``.
        detector, clip: names for a loader of judges.
        threshold: of the detector, 0..1.
        pretrained: open_clip's tag or file of weights.
    """

    subject: str = ""
    object: str = ""
    phrase: str = ""
    detector: str = EMBEDDED
    threshold: float = 0.3
    clip: str = EMBEDDED
    pretrained: str = ""

    def load(self, prompts: tuple[str, ...], load_judges: LoadJudges) -> ValidationIAScore:
        """Returns the score of images of ``prompts``.

        Args:
            prompts: one an image.
            load_judges: from (detector, threshold, clip, pretrained) to a detector and a CLIP scorer, such as
                ``load_judges`` of this module.
        """
        detector, clip_scorer = load_judges(self.detector, self.threshold, self.clip, self.pretrained)
        return ValidationIAScore(prompts, self.subject, self.object, self.phrase, detector, clip_scorer)


def load_judges(detector: str, threshold: float, clip: str, pretrained: str = "") -> tuple[Detector, ClipScorer]:
    """Loads judges by the names of ``detectors.load_detector`` and ``clip.load_clip_scorer``."""
    from .clip import load_clip_scorer
    from .detectors import load_detector

    return load_detector(detector, threshold), load_clip_scorer(clip, pretrained)
