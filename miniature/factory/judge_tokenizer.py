"""The tokenizer of the judges: CLIP's kind, of which each word of the miniature world is one token."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .everyday_render import PLACES
from .judge_captions import RELATION_PHRASES, detector_labels

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

END_OF_WORD = "</w>"


def make_tokenizer(folder: Path, length: int) -> CLIPTokenizer:
    """Makes the tokenizer and saves it.

    Its merges make each word of this world one token; other words are spelled.

    Args:
        folder: where it is saved.
        length: tokens of a text at most.
    """
    from transformers import CLIPTokenizer

    merges = _merges(
        sorted(set(" ".join([*detector_labels(), *RELATION_PHRASES, *PLACES, "a an the photo of one"]).split()))
    )
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    tokens = dict.fromkeys(
        [
            "!",
            *characters,
            *(character + END_OF_WORD for character in characters),
            *(first + second for first, second in merges),
            "<|startoftext|>",
            "<|endoftext|>",
        ]
    )  # both architectures read at the highest number
    tokenizer = CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        pad_token="!",
        model_max_length=length,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _merges(words: list[str]) -> list[Any]:
    """Learns byte-pair merges, pairs of texts. The library breaks ties as it likes: the order differs between runs."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE(end_of_word_suffix=END_OF_WORD))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    learner.train_from_iterator(
        words,
        trainers.BpeTrainer(vocab_size=20_000, end_of_word_suffix=END_OF_WORD, min_frequency=1, show_progress=False),
    )
    return [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
