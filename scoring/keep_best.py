"""IAScore of the images that are drawn while something is learned, so that what scored best can be kept."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InteractiveActionError
from ..files import lines_of
from .iascore import score_images, speak, summarize

EMBEDDED = "embedded"


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


@dataclass(frozen=True)
class Judges:
    """Both judges by name, as a file tells them: ``embedded``, or what ``detectors.load_detector`` and ``clip.load_clip_scorer`` take."""

    subject: str = ""
    object: str = ""
    phrase: str = ""
    detector: str = EMBEDDED
    threshold: float = 0.3
    clip: str = EMBEDDED
    pretrained: str = ""

    def load(self, prompts):
        """The ``IAScoreOfSamples`` of them."""
        from ..miniature import judges
        from .clip import load_clip_scorer
        from .detectors import load_detector

        detector = (
            judges.load_detector(self.threshold)
            if self.detector == EMBEDDED
            else load_detector(self.detector, self.threshold)
        )
        clip_scorer = (
            judges.load_clip_scorer() if self.clip == EMBEDDED else load_clip_scorer(self.clip, self.pretrained)
        )
        return IAScoreOfSamples(prompts, self.subject, self.object, self.phrase, detector, clip_scorer)
