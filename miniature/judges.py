"""The miniature's judges: a detector, a CLIP and an interaction classifier, trained by the project on its own renders.

They are for checks and evaluations; nothing is trained or tuned on them. Detector and CLIP are ordinary folders of
transformers and open_clip. ``python . miniature.factory.train_judges`` remakes all three, ``python . miniature.factory.check_judges``
measures them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from .factory.interactions import INTERACTIONS

if TYPE_CHECKING:
    from ..scoring.clip import ClipScorer
    from ..scoring.detectors import Detector

MODELS = Path(__file__).parent / "models"
DETECTOR, CLIP, JUDGE = MODELS / "detector", MODELS / "clip", MODELS / "judge"

RELATIONS = ("and", *INTERACTIONS, "alone")
"""What the classifier tells apart: apart, the interactions, and a subject or an object by itself."""

EMBEDDED = "embedded"
"""Stands for the embedded judge where another one's name may be written."""


def load_detector(threshold=0.55):
    """The embedded detector, as ``scoring.detectors.Detector``. At this threshold it counts most held-out renders right: below it
    sees things double, above it misses some."""
    from ..scoring.detectors import load_detector

    detector = load_detector(DETECTOR, threshold)
    detector.name = "miniature"
    return detector


def load_clip_scorer():
    """The embedded CLIP, as ``scoring.clip.ClipScorer``."""
    from ..scoring.clip import load_clip_scorer

    scorer = load_clip_scorer(f"local-dir:{CLIP}")
    scorer.name = "miniature"
    return scorer


def load_judges(
    detector: str = EMBEDDED, threshold: float = 0.3, clip: str = EMBEDDED, pretrained: str = ""
) -> tuple[Detector, ClipScorer]:
    """Loads the two judges of IAScore by name: those of a file or a command line.

    Args:
        detector: a folder or hub name of transformers, or "embedded".
        threshold: boxes with a lower score are dropped, 0..1.
        clip: open_clip's name of a model or ``local-dir:FOLDER``, or "embedded".
        pretrained: open_clip's tag or file of weights; empty for a folder and for "embedded".

    Returns:
        The detector and the CLIP scorer.
    """
    from ..scoring import clip as clip_scorers
    from ..scoring import detectors

    return (
        load_detector(threshold) if detector == EMBEDDED else detectors.load_detector(detector, threshold),
        load_clip_scorer() if clip == EMBEDDED else clip_scorers.load_clip_scorer(clip, pretrained),
    )


class InteractionJudge(nn.Module):
    """A small convolutional net, images (B, 3, 96, 96) in 0..1 -> logits over ``RELATIONS`` (B, 7)."""

    def __init__(self, widths=(32, 64, 96, 128)):
        super().__init__()
        layers, before = [], 3
        for width in widths:
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
            ]
            before = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(before * 9, len(RELATIONS))

    def forward(self, images):
        seen = self.features(images * 2 - 1)
        return self.head(nn.functional.adaptive_avg_pool2d(seen, 3).flatten(1))  # 3 x 3: above and beside matter

    @torch.no_grad()
    def probabilities(self, images):
        """Images (B, H, W, 3) in 0..1 -> probabilities over ``RELATIONS`` (B, 7)."""
        channels_first = images.movedim(-1, 1).float()
        return self(nn.functional.interpolate(channels_first, (96, 96), mode="area")).softmax(1)

    def classify(self, images):
        """The likeliest of ``RELATIONS`` for each image (B, H, W, 3 in 0..1), list[str]."""
        return [RELATIONS[k] for k in self.probabilities(images).argmax(1).tolist()]


def load_interaction_judge(number=1):
    """The first or the second classifier: the same net, taught from another seed."""
    from safetensors.torch import load_file

    judge = InteractionJudge()
    judge.load_state_dict({name: value.float() for name, value in load_file(JUDGE / f"{number}.safetensors").items()})
    return judge.eval()
