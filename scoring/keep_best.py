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

LoadJudges = Callable[[str, float, str, str], "tuple[Detector, ClipScorer]"]
"""From (detector, threshold, clip, pretrained), as in ``Judges``, to the two judges."""


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
        detector, clip: as ``detectors.load_detector`` and ``clip.load_clip_scorer`` take them; empty: the judges that
            the caller's loader chooses.
        threshold: of the detector, 0..1.
        pretrained: open_clip's tag or file of weights.
    """

    subject: str = ""
    object: str = ""
    phrase: str = ""
    detector: str = ""
    threshold: float = 0.3
    clip: str = ""
    pretrained: str = ""

    def load(self, prompts: tuple[str, ...], load_judges: LoadJudges) -> ValidationIAScore:
        """Returns the score of images of ``prompts``.

        Args:
            prompts: one an image.
            load_judges: loads the judges, such as ``load_judges`` of this module.
        """
        detector, clip_scorer = load_judges(self.detector, self.threshold, self.clip, self.pretrained)
        return ValidationIAScore(prompts, self.subject, self.object, self.phrase, detector, clip_scorer)


def load_judges(detector: str, threshold: float, clip: str, pretrained: str) -> tuple[Detector, ClipScorer]:
    """Loads both judges by name; there is no default here (``miniature.judges.load_judges`` has one).

    Args:
        detector: a folder or hub name of transformers.
        threshold: boxes with a lower score are dropped, 0..1.
        clip: open_clip's name of a model, or ``local-dir:FOLDER``.
        pretrained: open_clip's tag or file of weights; empty for a folder.

    Raises:
        InteractiveActionError: a name is missing, or there is no such model.
    """
    from .clip import load_clip_scorer
    from .detectors import load_detector

    if not (detector and clip):
        raise InteractiveActionError(
            "[judges] names no detector or no clip, and there is no default. Write both, for example "
            'detector = "google/owlv2-base-patch16-ensemble" and clip = "ViT-B-32".'
        )
    return load_detector(detector, threshold), load_clip_scorer(clip, pretrained)
