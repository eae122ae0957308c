"""The embedded models, and judges that know the truth about their world."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
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
from ...trainers.hyperparameters import parameters
from ...trainers.methods import METHODS
from .datasets import paired_dataset
from .style import StyleJudge
from .variants import ACTIONS, Variant
from .worlds import CLASS_IMAGES, Row

BASE_WORD = "handling"  # vague: any interaction
IN_DOMAIN_IMAGES = 96
IN_DOMAIN_SEED = HELD_OUT_SEEDS + 10_000  # the base model never saw these


class MiniatureWorld:
    """The miniature world, see ``worlds.World``.

    Args:
        recordings: the folder of the simulator's recordings, for the judge of style.
    """

    title = "the miniature world"
    side, cfg, batch_size = 96, 4.0, 2
    num_images = 104  # of each creature equally many
    criterion: Sequence[str] = ("entities", "interaction")
    judges = "a detector, a classifier and a CLIP that no method ever saw"
    steering_words: tuple[str, ...] = ("handling", "using", "playing with")  # the world's words for any interaction
    references: Sequence[Variant] = (
        Variant("base", words=dict.fromkeys(ACTIONS, BASE_WORD)),
        Variant(
            "nonce token",
            words={
                name: NONCE_TOKENS[action.relation]
                for name, action in ACTIONS.items()
                if action.relation in NONCE_TOKENS
            },
        ),
        Variant("in-domain images", "textual-inversion", in_domain=True),
    )

    def __init__(self, recordings: pathlib.Path) -> None:
        self.checkpoint: pathlib.Path = CHECKPOINT
        self.engine: Engine = load_single_file(CHECKPOINT)
        self._recordings = recordings
        self._detector, self._scorer = load_detector(), load_clip_scorer()
        self._classifiers = [load_interaction_classifier(number) for number in (1, 2)]

    @functools.cached_property
    def style_judge(self) -> StyleJudge:
        """Who tells whether an image looks simulated."""
        return StyleJudge(self.engine, self._recordings)

    def settings(self, method: str) -> dict[str, Any]:
        """Returns what every method is given here: a vague word to start from, and noisy timesteps.

        Methods that steer get this world's words for any interaction.
        """
        config = METHODS[method].config
        common: dict[str, Any] = {"initializer_token": BASE_WORD, "timestep_sampling": "high noise"}
        if METHODS[method].steers:
            common["steering_words"] = self.steering_words
        return {name: value for name, value in common.items() if name in parameters(config)}

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
                "looks_simulated": simulated,
            }
            for row, score, simulated in zip(rows, scores, self.style_judge.looks_simulated(images))
        ]
