"""Where ``tools.evidence.comparison`` compares methods: the embedded miniature world, or a checkpoint of the user's own.

A world has an engine to learn and draw with, and the same four answers to everything else: what is ``asked`` of an action,
how a prompt with a certain word for it is ``said``, the data that a method learns from beside the simulator's, and how images
are ``judged``.
"""

from typing import NamedTuple

import torch

from ...captions.dataset import InteractionDataset
from ...captions.prompt_sets import interactions
from ...captions.templates import PLACEHOLDER, TEMPLATES, paired_prompts, with_article
from ...captions.words import ACTION_WORDS
from ...miniature.factory import check
from ...miniature.factory.everyday_world import HELD_OUT_SEEDS, SUBJECTS, render, sample_scene
from ...miniature.factory.export import FILE
from ...miniature.factory.interactions import possible
from ...miniature.factory.nonce_tokens import HIDDEN_WORDS
from ...miniature.judges import load_clip_scorer, load_detector, load_interaction_judge
from ...models.single_file import load_single_file
from ...scoring import clip, detectors
from ...scoring.iascore import score_images


class Action(NamedTuple):
    """Names of an action: the miniature world's, that of our word lists, and what CLIP is asked."""

    relation: str
    words: str
    phrase: str


ACTIONS = {  # by the simulator's name
    "lift overhead": Action("lift", "pick up", "lifting"),
    "hold in both hands": Action("hold", "hold", "holding"),
}
METHODS = ("textual-inversion", "reversion", "p-plus", "adi", "dreambooth", "custom-diffusion", "interactive-action")
PRIOR = 64  # images that the base model draws for the methods that train its weights


def ablations(action):
    """Interactive Action with one choice changed at a time: {what: settings}."""
    return {
        "initializer token and": {"initializer_token": "and"},  # the public code's
        "timestep sampling cosine": {"timestep_sampling": "cosine"},  # ReVersion's
        "timestep sampling uniform": {"timestep_sampling": "uniform"},  # Textual Inversion's
        "steering words of any interaction": {"positives": ACTION_WORDS["any interaction"]},
        "steering words of the action": {"positives": ACTION_WORDS[ACTIONS[action].words]},
        "no steering": {"lambda_steer": 0.0},
        "no distillation": {"lambda_distill": 0.0},
        "distillation of the paper's weight": {"lambda_distill": 0.2},
    }


class MiniatureWorld:
    """The embedded models, and judges that know the truth about this world."""

    title = "the miniature world"
    images = 104  # a training seed; of each creature equally many
    side, guidance = 96, 4.0
    base_word = "handling"
    bounds = ("hidden word", "everyday images")
    wanted = "entities", "interaction"  # what a learning rate is chosen by
    judged_by = "a detector, a classifier and a CLIP that no method ever saw"

    def __init__(self):
        self.budget = {"steps": 400, "batch_size": 8}  # the same for all
        self.file = FILE
        self.engine = load_single_file(FILE)
        self._detector, self._scorer = load_detector(), load_clip_scorer()
        self._classifiers = [load_interaction_judge(number) for number in (1, 2)]

    def settings(self, method):
        """The best we know for each method: a vague word of this world, noisy timesteps, of the words for any interaction those that it has.

        In this world "and" is sure that nothing interacts, and the paper's weight of distillation holds a word back from the action.
        """
        start = {"initializer_token": self.base_word, "timestep_sampling": "high noise"}
        steered = {**start, "positives": ("handling", "using", "playing with", "with")}
        own = {
            "reversion": steered,
            "interactive-action": {**steered, "lambda_distill": 0.05},
            "dreambooth": {"timestep_sampling": "high noise"},
        }
        return own.get(method, start)

    def word(self, bound, action):
        """What stands for the action where nothing was learned; None for a bound that learns."""
        return {"base": self.base_word, "hidden word": HIDDEN_WORDS[ACTIONS[action].relation]}.get(bound)

    def asked(self, action, count):
        return check.questions(count, ACTIONS[action].relation)

    def said(self, word, asked):
        return check.prompts(word, asked)

    def plain(self):
        """What the base model draws so that it does not forget: (prompts with the learned word, plain prompts)."""
        asked = check.questions(PRIOR)
        return check.prompts(PLACEHOLDER, asked), check.prompts("and", asked)

    def everyday(self, action, count=96):
        """Everyday images of the action, from seeds that the base model never saw: what a token learns from without any gap."""
        relation = ACTIONS[action].relation
        creatures = [name for name in SUBJECTS if possible(name, relation)]
        scenes = [
            sample_scene(HELD_OUT_SEEDS + 10_000 + k, creatures[k % len(creatures)], relation=relation)
            for k in range(count)
        ]
        return paired_dataset(
            [render(scene).image for scene in scenes],
            [scene.subject for scene in scenes],
            [f"{scene.color} {scene.object}".strip() for scene in scenes],
        )

    def judged(self, images, asked, action):
        """One row an image."""
        relation, _, phrase = ACTIONS[action]
        rows = check.judged(images, asked, self._detector, self._classifiers)
        scores = score_images(
            images,
            [who for who, _, _ in asked],
            [what for _, what, _ in asked],
            self.said(phrase, asked),
            self._detector,
            self._scorer,
        )
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


class OwnWorld:
    """A checkpoint of the user's (SD 1.x, SD 2.x, SDXL), an open-vocabulary detector and an open_clip model as judges."""

    bounds = ()
    images = 136
    wanted = ("iascore",)

    def __init__(self, checkpoint, detector, threshold, scorer, pretrained, side, guidance=7.5):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.budget = {"steps": 1000, "batch_size": 4}
        self.file, self.side, self.guidance, self.title = checkpoint, side, guidance, checkpoint.name
        self.engine = load_single_file(checkpoint, device=device)
        self._detector, self._scorer = (
            detectors.load_detector(detector, threshold),
            clip.load_clip_scorer(scorer, pretrained),
        )
        self._detector.to(device)
        self._scorer.to(device)
        self.judged_by = f"{self._detector.name} and {self._scorer.name}"

    def settings(self, method):
        """Its paper's."""
        return {}

    def word(self, bound, action):
        return ACTIONS[action].phrase if bound == "base" else None

    def asked(self, action, count):
        """``count`` of the 136 prompts for an action, from all of its subjects."""
        every = interactions(ACTIONS[action].words, "", "")
        return [(one.subject, one.object) for one in (every[k * len(every) // count] for k in range(count))]

    def said(self, word, asked):
        return [f"{with_article(who)} {word} {with_article(what)}" for who, what in asked]

    def plain(self):
        asked = self.asked(next(iter(ACTIONS)), PRIOR)
        return self.said(PLACEHOLDER, asked), self.said("and", asked)

    def judged(self, images, asked, action):
        """One row an image; nobody can say for sure whether the action is seen."""
        subjects, objects = zip(*asked)
        scores = score_images(
            images, subjects, objects, self.said(ACTIONS[action].phrase, asked), self._detector, self._scorer
        )
        return [
            {
                "subject": one.subject,
                "object": one.object,
                "entities": bool(one.subject_box and one.object_box),
                "passed": one.passed,
                "iascore": one.passed * one.cosine,
            }
            for one in scores
        ]


def paired_dataset(images, subjects, objects):
    """uint8 images with the paired prompts of paper 000 for their subjects and objects."""
    student, teacher = zip(*(paired_prompts(TEMPLATES, str(who), str(what)) for who, what in zip(subjects, objects)))
    return InteractionDataset(torch.stack([torch.as_tensor(one) for one in images]).float() / 255, student, teacher)
