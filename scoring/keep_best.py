"""IAScore of the images that are drawn while something is learned, so that what scored best can be kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InteractiveActionError
from ..files import lines_of
from .iascore import score_images, speak, summarize


@dataclass(frozen=True)
class IAScoreOfSamples:
    """From images, one for each of ``prompts``, to their mean IAScore (Eq. 9), of which more is better.

    subject, object: one line for all, or one a prompt. phrase: plain words for <v*>, for CLIP. The judges look on the device where
    they are, the CPU, so that they take no memory of a trainer's.
    """

    prompts: tuple[str, ...]
    subject: str
    object: str
    phrase: str
    detector: Callable
    clip_scorer: Callable

    def __post_init__(self):
        if not (self.subject.strip() and self.object.strip() and self.phrase.strip()):
            raise InteractiveActionError(
                "IAScore needs a subject, an object and a phrase for <v*>. Write all three, or connect no judges."
            )

    def __call__(self, images):
        texts = [speak(prompt, self.phrase.strip()) for prompt in self.prompts]
        subjects, objects = lines_of(self.subject.strip()), lines_of(self.object.strip())
        return summarize(score_images(images, subjects, objects, texts, self.detector, self.clip_scorer))[
            "iascore_cosine"
        ]


LoadJudges = Callable[[str, float, str, str], tuple[Any, Any]]
"""(detector, threshold, clip, pretrained), as in ``Judges`` -> a ``detectors.Detector`` and a ``clip.ClipScorer``."""


@dataclass(frozen=True)
class Judges:
    """Both judges by name, as a file tells them, and what they look for.

    detector, clip, pretrained: as ``detectors.load_detector`` and ``clip.load_clip_scorer`` take them; empty: the judges that
    the caller chooses.
    """

    subject: str = ""
    object: str = ""
    phrase: str = ""
    detector: str = ""
    threshold: float = 0.3
    clip: str = ""
    pretrained: str = ""

    def load(self, prompts: tuple[str, ...], load_judges: LoadJudges) -> IAScoreOfSamples:
        """Loads them for validation images of ``prompts``."""
        detector, clip_scorer = load_judges(self.detector, self.threshold, self.clip, self.pretrained)
        return IAScoreOfSamples(prompts, self.subject, self.object, self.phrase, detector, clip_scorer)


def load_judges(detector: str, threshold: float, clip: str, pretrained: str) -> tuple[Any, Any]:
    """Loads both judges by name; there is no default here (``miniature.judges.load_judges`` has one)."""
    from .clip import load_clip_scorer
    from .detectors import load_detector

    if not (detector and clip):
        raise InteractiveActionError(
            "[judges] names no detector or no clip, and there is no default. Write both, for example "
            'detector = "google/owlv2-base-patch16-ensemble" and clip = "ViT-B-32".'
        )
    return load_detector(detector, threshold), load_clip_scorer(clip, pretrained)
