"""The embedded judges: a detector, a CLIP and an interaction classifier, trained by the project on its own renders.

They serve checks and evaluations; nothing is trained or tuned on them. Detector and CLIP are ordinary folders of
transformers and open_clip. ``python . miniature.factory.train_judges`` makes all three again, and
``python . miniature.factory.check_judges`` measures them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import nn

from .weights import CLIP, DETECTOR, INTERACTION_CLASSIFIER

if TYPE_CHECKING:
    from ..scoring.clip import ClipScorer
    from ..scoring.detectors import Detector

INTERACTIONS = ("lift", "push", "hold", "press", "sit")
"""The interactions of the miniature world, by name."""

RELATIONS = ("and", *INTERACTIONS, "alone")
"""The classes of the interaction classifier: apart, the interactions, and a subject or an object by itself."""

EMBEDDED = ("", "embedded")
"""What stands for the embedded judge where another one's name may be written."""


def load_detector(threshold: float = 0.55) -> Detector:
    """Loads the embedded detector.

    Args:
        threshold: boxes with a lower score are dropped, 0..1. At 0.55 it counts most held-out renders right: below it
            reports things twice, above it misses some.

    Returns:
        A ``scoring.detectors.Detector`` called "miniature".
    """
    from ..scoring.detectors import load_detector

    detector: Detector = load_detector(DETECTOR, threshold)
    detector.name = "miniature"
    return detector


def load_clip_scorer() -> ClipScorer:
    """Loads the embedded CLIP.

    Returns:
        A ``scoring.clip.ClipScorer`` called "miniature".
    """
    from ..scoring.clip import load_clip_scorer

    scorer: ClipScorer = load_clip_scorer(f"local-dir:{CLIP}")
    scorer.name = "miniature"
    return scorer


def load_judges(
    detector: str = "", threshold: float = 0.3, clip: str = "", pretrained: str = ""
) -> tuple[Detector, ClipScorer]:
    """Loads the two judges of IAScore by name: those of a file or a command line.

    Args:
        detector: a folder or hub name of transformers; "" or "embedded": the embedded one.
        threshold: boxes with a lower score are dropped, 0..1.
        clip: open_clip's name of a model or ``local-dir:FOLDER``; "" or "embedded": the embedded one.
        pretrained: open_clip's tag or file of weights; "" for a folder and for the embedded one.

    Returns:
        The detector and the CLIP scorer.
    """
    from ..scoring import clip as clip_scorers
    from ..scoring import detectors

    return (
        load_detector(threshold) if detector in EMBEDDED else detectors.load_detector(detector, threshold),
        load_clip_scorer() if clip in EMBEDDED else clip_scorers.load_clip_scorer(clip, pretrained),
    )


class InteractionClassifier(nn.Module):
    """A small convolutional network that tells the relation of an image's subject and object.

    Args:
        widths: channels after each halving of the resolution.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in widths:
            layers += [
                nn.Conv2d(channels, width, 3, stride=2, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
            ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * 9, len(RELATIONS))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Predicts logits (B, 7) over ``RELATIONS`` for images (B, 3, 96, 96) in 0..1."""
        logits: torch.Tensor = self.head(self.pooled_features(images))
        return logits

    def pooled_features(self, images: torch.Tensor) -> torch.Tensor:
        """Computes features (B, 9 * widths[-1]) of images (B, 3, 96, 96) in 0..1."""
        features = self.features(images * 2 - 1)
        pooled = nn.functional.adaptive_avg_pool2d(features, 3)  # 3 x 3: above and beside matter
        return rearrange(pooled, "b c h w -> b (c h w)")

    @torch.no_grad()
    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Predicts probabilities (B, 7) over ``RELATIONS`` for images (B, H, W, 3) in 0..1 of any size."""
        channels_first = rearrange(images, "b h w c -> b c h w").float()
        logits: torch.Tensor = self(nn.functional.interpolate(channels_first, (96, 96), mode="area"))
        return logits.softmax(1)

    def classify(self, images: torch.Tensor) -> list[str]:
        """Names the likeliest of ``RELATIONS`` for each of the images (B, H, W, 3) in 0..1."""
        return [RELATIONS[index] for index in self.probabilities(images).argmax(1).tolist()]


def load_interaction_classifier(number: int = 1) -> InteractionClassifier:
    """Loads one of the two embedded interaction classifiers.

    Args:
        number: 1 or 2; the same network, trained from two seeds.

    Returns:
        The classifier in float32, ready for inference.
    """
    from safetensors.torch import load_file

    classifier = InteractionClassifier()
    weights = load_file(INTERACTION_CLASSIFIER / f"{number}.safetensors")
    classifier.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return classifier.eval()
