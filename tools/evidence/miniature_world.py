"""The embedded models, and judges that know the truth about their world."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...captions.dataset import InteractionDataset
from ...captions.templates import PLACEHOLDER
from ...miniature.factory import evaluation
from ...miniature.factory.evaluation import EvalPair
from ...miniature.factory.everyday_render import render
from ...miniature.factory.everyday_world import HELD_OUT_SEEDS, sample_scene
from ...miniature.factory.figures import SUBJECTS
from ...miniature.factory.interactions import is_possible
from ...miniature.factory.nonce_tokens import NONCE_TOKENS
from ...miniature.judges import load_clip_scorer, load_detector, load_interaction_classifier
from ...miniature.weights import CHECKPOINT
from ...models.protocol import Engine
from ...models.single_file import load_single_file
from ...scoring.iascore import score_images
from .datasets import paired_dataset
from .variants import ACTIONS, Variant
from .worlds import CLASS_IMAGES, Row

BASE_WORD = "handling"  # vague: any interaction
IN_DOMAIN_IMAGES = 96
IN_DOMAIN_SEED = HELD_OUT_SEEDS + 10_000  # the base model never saw these


class MiniatureWorld:
    """The miniature world, see ``worlds.World``."""

    title = "the miniature world"
    side, cfg = 96, 4.0
    num_images = 104  # of each creature equally many
    rate_criterion: Sequence[str] = ("entities", "interaction")
    judges = "a detector, a classifier and a CLIP that no method ever saw"
    references: Sequence[Variant] = (
        Variant("base", words=dict.fromkeys(ACTIONS, BASE_WORD)),
        Variant("nonce token", words={name: NONCE_TOKENS[action.relation] for name, action in ACTIONS.items()}),
        Variant("in-domain images", "textual-inversion", in_domain=True),
    )

    def __init__(self) -> None:
        self.budget: Mapping[str, Any] = {"steps": 400, "batch_size": 8}
        self.checkpoint: pathlib.Path = CHECKPOINT
        self.engine: Engine = load_single_file(CHECKPOINT)
        self._detector, self._scorer = load_detector(), load_clip_scorer()
        self._classifiers = [load_interaction_classifier(number) for number in (1, 2)]

    def settings(self, method: str) -> dict[str, Any]:
        """Returns the best that is known for a method.

        That is a vague word of this world, noisy timesteps, and, of the words for any interaction, those that it has.
        In this world "and" is sure that nothing interacts, and the paper's weight of distillation holds a word back
        from the action.
        """
        start = {"initializer_token": BASE_WORD, "timestep_sampling": "high noise"}
        steered = {**start, "steering_words": ("handling", "using", "playing with", "with")}
        own: dict[str, dict[str, Any]] = {
            "reversion": steered,
            "interactive-action": {**steered, "lambda_distill": 0.05},
            "dreambooth": {"timestep_sampling": "high noise"},
        }
        return own.get(method, start)

    def eval_pairs(self, action: str, count: int) -> list[EvalPair]:
        """Lists pairs, a quarter of which training never saw with the interaction."""
        return evaluation.eval_pairs(count, ACTIONS[action].relation)

    def format_prompts(self, word: str, pairs: Sequence[EvalPair]) -> list[str]:
        """Writes "a <subject> <word> a <color> <object>" for each pair."""
        return evaluation.format_prompts(word, pairs)

    def class_prompts(self) -> tuple[list[str], list[str]]:
        """Returns prompts with the placeholder, and with "and"."""
        pairs = evaluation.eval_pairs(CLASS_IMAGES)
        return self.format_prompts(PLACEHOLDER, pairs), self.format_prompts("and", pairs)

    def in_domain_dataset(self, action: str) -> InteractionDataset:
        """Renders everyday images of an action, from seeds that the base model never saw."""
        relation = ACTIONS[action].relation
        subjects = [name for name in SUBJECTS if is_possible(name, relation)]
        scenes = [
            sample_scene(IN_DOMAIN_SEED + number, subjects[number % len(subjects)], relation=relation)
            for number in range(IN_DOMAIN_IMAGES)
        ]
        return paired_dataset(
            [render(scene).image for scene in scenes],
            [scene.subject for scene in scenes],
            [f"{scene.color} {scene.object}".strip() for scene in scenes],
        )

    def evaluate(self, images: torch.Tensor, pairs: Sequence[EvalPair], action: str) -> list[Row]:
        """Evaluates images by the embedded judges."""
        relation, _, phrase = ACTIONS[action]
        rows = evaluation.evaluate(images, pairs, self._detector, self._classifiers)
        subjects, objects = [pair.subject for pair in pairs], [pair.object for pair in pairs]
        texts = self.format_prompts(phrase, pairs)
        scores = score_images(images, subjects, objects, texts, self._detector, self._scorer)
        return [
            {
                **row,
                "entities": row["subject_right"] and row["object_right"],
                "interaction": row["relation"] == relation,
                "passed": score.passed,
                "iascore": score.passed * score.cosine,
            }
            for row, score in zip(rows, scores)
        ]
