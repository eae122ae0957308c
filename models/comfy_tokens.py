"""Teach a ComfyUI tokenizer new words without touching ComfyUI or the tokenizer that others hold.

ComfyUI already knows how to put vectors into a prompt: ``embedding:name``. A trigger_word such as ``<pick-up>``
is therefore rewritten to that syntax under a name no file can have, and only the look-up of that name is ours.
Prompt weights, ``embedding:`` files, line breaks and the splitting of long prompts stay ComfyUI's own.
"""

import copy

import torch

from ..errors import InteractiveActionError

_MARK = "\ue000"  # a private-use character: it cannot stand at the start of a file's name by accident


class _LearnedWords:
    """Mixed into a copy of ComfyUI's ``SDTokenizer``. Once it knows a layer-wise word, every prompt gets one version a layer."""

    learned_words: dict[str, torch.Tensor]

    def tokenize_with_weights(self, text, *args, **kwargs):
        layers = max((len(vectors) for vectors in self.learned_words.values() if vectors.ndim == 3), default=0)
        if layers:
            versions = [self._of_layer(layer).tokenize_with_weights(text, *args, **kwargs) for layer in range(layers)]
            return [row for chunk in zip(*versions) for row in chunk]  # the order that tokens.layers describes
        for index, trigger_word in enumerate(self.learned_words):
            text = text.replace(trigger_word, f" {self.embedding_identifier}{_MARK}{index} ")
        return super().tokenize_with_weights(text, *args, **kwargs)

    def _of_layer(self, layer):
        """A copy that knows one layer's vectors of each layer-wise word."""
        words = {word: vectors[layer] if vectors.ndim == 3 else vectors for word, vectors in self.learned_words.items()}
        version = copy.copy(self)
        version.learned_words = words
        return version

    def _try_get_embedding(self, embedding_name):
        name, *rest = embedding_name.split()
        if name.startswith(_MARK):
            return list(self.learned_words.values())[int(name[len(_MARK) :])], name, " ".join(rest)
        return super()._try_get_embedding(embedding_name)


def encoder_names(clip):
    """The names of the text encoders of ``clip`` (ComfyUI's CLIP), ["clip_l"], ["clip_h"] or SDXL's ["clip_l", "clip_g"]; None of others."""
    names = [name for name, _ in clip.cond_stage_model.named_children()]
    known = names in (["clip_l"], ["clip_h"], ["clip_l", "clip_g"]) and all(
        hasattr(clip.tokenizer, name) for name in names
    )
    return names if known else None


def teach(clip, tokens):
    """A clone of ``clip`` (ComfyUI's CLIP of an SD 1.x, SD 2.x or SDXL checkpoint) that also knows ``tokens``.

    Words taught earlier stay known; a trigger_word that is already known gets the new vectors.
    """
    names = encoder_names(clip)
    if names is None:
        raise InteractiveActionError(
            f"Interactive tokens work with the text encoders of SD 1.x, SD 2.x and SDXL checkpoints, and this CLIP has a "
            f"{type(clip.tokenizer).__name__}. Load one of those."
        )
    widths = tuple(
        getattr(clip.cond_stage_model, name).transformer.get_input_embeddings().weight.shape[-1] for name in names
    )
    for token in tokens:
        if token.widths != widths:
            raise InteractiveActionError(
                f"{token.trigger_word} was learned for text encoders of width {_sum(token.widths)}, and this CLIP has width "
                f"{_sum(widths)}. Load the kind of checkpoint that the token was trained on."
            )
    clip = clip.clone()
    clip.tokenizer = copy.copy(clip.tokenizer)
    for number, name in enumerate(names):
        inner = getattr(clip.tokenizer, name)
        taught = copy.copy(inner)
        learned = {token.trigger_word: token.vectors.split(widths, -1)[number] for token in tokens}
        taught.learned_words = {**getattr(inner, "learned_words", {}), **learned}
        # ComfyUI only looks for embeddings where a folder is set
        taught.embedding_directory = inner.embedding_directory if inner.embedding_directory is not None else []
        if not isinstance(inner, _LearnedWords):
            taught.__class__ = type(f"Learned{type(inner).__name__}", (_LearnedWords, type(inner)), {})
        setattr(clip.tokenizer, name, taught)
    return clip


def _sum(widths):
    return " + ".join(map(str, widths))
