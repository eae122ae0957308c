"""Steering loss: pull v* towards words of interactive actions and away from the prompt's other words.

000, Eq. 5 (an InfoNCE loss, as ReVersion's). As printed the similarity is the raw product v.P; the public code
normalizes both to unit length first, and only then does the printed temperature range make sense, so the
cosine is followed here. Public code pools the positives and negatives of a whole batch; Eq. 5 indexes both by
the image i, and that is followed: one loss an image, averaged.
"""

import re

import torch
from torch.nn.functional import normalize

from ..captions.templates import PLACEHOLDER

# Words that say nothing about what is in the image make no useful negatives.
FUNCTION_WORDS = frozenset(
    """a an the this that these those one some any of in on at by to from for with without and or but as is are was
    were be been being it its his her their my your our up down out over under into onto near next there here very
    """.split()  # noqa: SIM905 (one line a word would be no easier to read)
)


class Steering:
    """Eq. 5 for the images of a dataset, with the words' vectors looked up once.

    config: with ``positives``, ``negatives``, ``positives_per_image`` and ``gamma`` of ``reversion.ReVersionConfig``.
    """

    def __init__(self, engine, dataset, config):
        self.engine, self.config = engine, config
        self.positives = [engine.word_vectors(word) for word in config.positives]
        self.negatives = {
            prompt: engine.word_vectors(" ".join((*content_words(prompt, PLACEHOLDER), *config.negatives)))
            for prompt in {prompt for group in dataset.prompts for prompt in group}
        }

    def __call__(self, v, prompts, generator):
        """The mean over ``prompts`` for v (n, d): the vectors' mean is steered. A scalar."""
        losses = [
            steering_loss(v.mean(0), self._draw_positives(generator), self.negatives[prompt].to(v), self.config.gamma)
            for prompt in prompts
        ]
        return torch.stack(losses).mean()

    def _draw_positives(self, generator):
        count = min(self.config.positives_per_image, len(self.positives))
        drawn = torch.randperm(len(self.positives), generator=generator)[:count]
        return torch.cat([self.positives[i] for i in drawn]).to(self.engine.device)


def steering_loss(v, positives, negatives, gamma=0.07):
    """Eq. 5 for one image.

    v: (d,) the learned vector. positives: (L, d). negatives: (M, d), M may be 0. gamma: temperature.
    Returns a scalar; 0 when there is nothing to be told apart from.
    """
    v = normalize(v, dim=-1)
    positive = normalize(positives, dim=-1) @ v / gamma
    negative = normalize(negatives, dim=-1) @ v / gamma
    return torch.logsumexp(torch.cat([positive, negative]), 0) - torch.logsumexp(positive, 0)


def content_words(prompt, trigger_word):
    """The words of ``prompt`` that serve as negatives: all but v* and function words, in order, each once."""
    words = re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", prompt.replace(trigger_word, " ").lower())
    return tuple(dict.fromkeys(word for word in words if word not in FUNCTION_WORDS))
