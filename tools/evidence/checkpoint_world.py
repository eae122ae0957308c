"""A checkpoint of the user's (SD 1.x, SD 2.x, SDXL), with an open-vocabulary detector and a CLIP as judges."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import torch

from ...captions.dataset import InteractionDataset
from ...captions.prompt_sets import interactions
from ...captions.templates import PLACEHOLDER, with_article
from ...captions.words import ACTION_WORDS
from ...errors import InteractiveActionError
from ...models.protocol import Engine
from ...models.single_file import load_single_file
from ...scoring.clip import load_clip_scorer
from ...scoring.detectors import load_detector
from ...scoring.iascore import score_images
from ...trainers.methods import METHODS
from .variants import ACTIONS, Variant
from .worlds import CLASS_IMAGES, Row

Pair = tuple[str, str]
"""Subject and object."""


class CheckpointWorld:
    """A user's checkpoint, see ``worlds.World``. Nobody can say for sure whether an action is seen.

    Args:
        checkpoint: a single file.
        detector: a folder or hub name of transformers.
        threshold: boxes with a lower score are dropped, 0..1.
        clip: open_clip's name of a model, or ``local-dir:FOLDER``.
        pretrained: open_clip's tag or file of weights.
        side: of an image, pixels.
        cfg: classifier-free guidance.

    Raises:
        InteractiveActionError: a model is not there or cannot be read.
    """

    num_images = 136
    batch_size = 4
    criterion: Sequence[str] = ("iascore",)
    steering_words = ACTION_WORDS["any interaction"]
    references: Sequence[Variant] = (Variant("base", words={name: action.phrase for name, action in ACTIONS.items()}),)

    def __init__(
        self,
        checkpoint: pathlib.Path,
        detector: str,
        threshold: float,
        clip: str,
        pretrained: str,
        side: int,
        cfg: float = 7.5,
    ) -> None:
        if not checkpoint.is_file():
            raise InteractiveActionError(
                f"There is no checkpoint {checkpoint}. Name a single file, such as sd15.safetensors."
            )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.checkpoint, self.side, self.cfg, self.title = checkpoint, side, cfg, checkpoint.name
        self.engine: Engine = load_single_file(checkpoint, device=device)
        self._detector, self._scorer = load_detector(detector, threshold), load_clip_scorer(clip, pretrained)
        self._detector.to(device)
        self._scorer.to(device)
        self.judges = f"{self._detector.name} and {self._scorer.name}"

    def settings(self, method: str) -> dict[str, Any]:
        """Returns nothing but words to steer with: each method has its paper's hyperparameters."""
        return {"steering_words": self.steering_words} if METHODS[method].steers else {}

    def eval_pairs(self, action: str, count: int) -> list[Pair]:
        """Lists ``count`` of the 136 pairs for an action, from all of its subjects."""
        prompts = interactions(ACTIONS[action].words, "", "")
        subset = (prompts[number * len(prompts) // count] for number in range(count))
        return [(prompt.subject, prompt.object) for prompt in subset]

    def format_prompts(self, word: str, pairs: Sequence[Pair]) -> list[str]:
        """Writes "a <subject> <word> a <object>" for each pair."""
        return [f"{with_article(subject)} {word} {with_article(object)}" for subject, object in pairs]

    def class_prompts(self) -> tuple[list[str], list[str]]:
        """Returns prompts with the placeholder, and with "and"."""
        pairs = self.eval_pairs(next(iter(ACTIONS)), CLASS_IMAGES)
        return self.format_prompts(PLACEHOLDER, pairs), self.format_prompts("and", pairs)

    def in_domain_dataset(self, action: str) -> InteractionDataset:
        """There is none."""
        raise InteractiveActionError(f"There are no images of its own domain for {self.title}.")

    def evaluate(self, images: torch.Tensor, pairs: Sequence[Pair], action: str) -> list[Row]:
        """Evaluates images by the detector and the CLIP."""
        subjects, objects = (list(names) for names in zip(*pairs))
        texts = self.format_prompts(ACTIONS[action].phrase, pairs)
        scores = score_images(images, subjects, objects, texts, self._detector, self._scorer)
        return [
            {
                "subject": score.subject,
                "object": score.object,
                "entities": bool(score.subject_box and score.object_box),
                "passed": score.passed,
                "iascore": score.passed * score.cosine,
            }
            for score in scores
        ]
