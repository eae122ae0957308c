"""Adds new words to a ComfyUI tokenizer without touching ComfyUI or the tokenizer that others hold.

ComfyUI already knows how to put vectors into a prompt: ``embedding:name``. A trigger word such as ``<pick-up>``
is therefore rewritten to that syntax under a name no file can have, and only the look-up of that name is ours.
Prompt weights, ``embedding:`` files, line breaks and the splitting of long prompts stay ComfyUI's own.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from ..errors import InteractiveActionError
from ..tokens.noise_gate import EVERYWHERE, NoiseGate
from ..tokens.token import InteractiveToken, unknown_words
from .comfy_families import FAMILIES, TRAINABLE, Family, encoder_names, family_of_clip
from .comfy_messages import warn, withdraw_warning
from .comfy_mixins import with_mixin
from .comfy_noise_gates import banded, encoding_bands

if TYPE_CHECKING:
    from comfy.sd import CLIP

_MARK = "\ue000"  # a private-use character: it cannot stand at the start of a file's name by accident


class _LearnedWords:
    """Mixed into a copy of ComfyUI's ``SDTokenizer`` of one text encoder.

    Once it knows a layer-wise word, every prompt gets one version a layer.
    """

    learned_words: dict[str, torch.Tensor]
    gates: dict[str, NoiseGate]
    embedding_identifier: str

    def tokenize_with_weights(self, text: str, *args: Any, **kwargs: Any) -> list:
        return banded(text, self.gates, lambda version: self._tokenize(version, *args, **kwargs))

    def _tokenize(self, text: str, *args: Any, **kwargs: Any) -> list:
        """The rows of a text in which every learned word acts."""
        layers = max((len(vectors) for vectors in self.learned_words.values() if vectors.ndim == 3), default=0)
        if layers:
            versions = [self._of_layer(layer)._tokenize(text, *args, **kwargs) for layer in range(layers)]
            return [row for chunk in zip(*versions) for row in chunk]  # the order that comfy_layerwise describes
        for index, trigger_word in enumerate(self.learned_words):
            # one space before it, as in `a embedding:name`: to the tokenizers of language models two are another text
            mark = f"{self.embedding_identifier}{_MARK}{index} "
            text = re.sub(rf"(?<!\s){re.escape(trigger_word)}", f" {mark}", text).replace(trigger_word, mark)
        return super().tokenize_with_weights(text, *args, **kwargs)  # type: ignore[misc, no-any-return]

    def _of_layer(self, layer: int) -> _LearnedWords:
        """A copy that knows one layer's vectors of each layer-wise word."""
        words = {word: vectors[layer] if vectors.ndim == 3 else vectors for word, vectors in self.learned_words.items()}
        version = copy.copy(self)
        version.learned_words = words
        return version

    def _try_get_embedding(self, embedding_name: str) -> tuple:
        name, *rest = embedding_name.split()
        if name.startswith(_MARK):
            return list(self.learned_words.values())[int(name[len(_MARK) :])], name, " ".join(rest)
        return super()._try_get_embedding(embedding_name)  # type: ignore[misc, no-any-return]


class _WarnsOfUnknownWords:
    """Mixed into a copy of the tokenizer of a whole CLIP, which sees each text once, however many encoders it has."""

    trigger_words: tuple[str, ...]

    def tokenize_with_weights(self, text: str, *args: Any, **kwargs: Any) -> dict[str, list]:
        known = ", ".join(self.trigger_words)
        if unknown := unknown_words(text, self.trigger_words):
            warn(f"This CLIP was not taught {', '.join(unknown)} and reads plain letters. It knows {known}.")
        else:
            withdraw_warning(f"This CLIP knows {known}.")
        return super().tokenize_with_weights(text, *args, **kwargs)  # type: ignore[misc, no-any-return]


def add_tokens(clip: CLIP, tokens: Iterable[InteractiveToken]) -> CLIP:
    """Returns a clone of ``clip`` that also knows ``tokens``, and that warns of trigger words that nobody taught it.

    Words taught earlier stay known; a trigger word that is already known gets the new vectors.

    Args:
        clip: ComfyUI's CLIP of a family that tokens can be trained on; it learns nothing itself.
        tokens: learned for the same family and text encoders of the same widths.

    Raises:
        InteractiveActionError: the CLIP is of another kind, a token of another family or other widths, or its vectors
            are broken.
    """
    tokens = list(tokens)
    names = encoder_names(clip)
    if names is None:
        raise InteractiveActionError(
            f"Interactive tokens work with the text encoders of {TRAINABLE}, and this CLIP has a "
            f"{type(clip.tokenizer).__name__}. Load one of those."
        )
    widths = tuple(
        getattr(clip.cond_stage_model, name).transformer.get_input_embeddings().weight.shape[-1] for name in names
    )
    for token in tokens:
        _require_fit(token, widths, family_of_clip(clip))
    split = [(token.trigger_word, token.vectors.split(widths, -1)) for token in tokens]
    vectors = {name: {word: parts[k] for word, parts in split} for k, name in enumerate(names)}
    taught = with_words(clip, vectors, {token.trigger_word: token.gate for token in tokens})
    first = getattr(taught.tokenizer, names[0])
    words, gates = learned_words(first), noise_gates(first)
    taught.tokenizer = _copied(taught.tokenizer, _WarnsOfUnknownWords, trigger_words=tuple(words))
    return taught if all(gate.is_open for gate in gates.values()) else encoding_bands(taught)


def with_words(
    clip: CLIP, words: Mapping[str, Mapping[str, torch.Tensor]], gates: Mapping[str, NoiseGate] = MappingProxyType({})
) -> CLIP:
    """Returns a clone of ``clip`` whose tokenizers also know words; gradients flow to the vectors.

    Args:
        clip: ComfyUI's CLIP; it learns nothing itself.
        words: text encoder -> word -> vectors (n, d of this encoder), or (L, n, d).
        gates: word -> where it acts; others act everywhere.
    """
    clip = clip.clone()
    parts = {}
    for name, vectors in words.items():
        tokenizer = getattr(clip.tokenizer, name)
        # ComfyUI only looks for embeddings where a folder is set
        folders = tokenizer.embedding_directory if tokenizer.embedding_directory is not None else []
        known = {**learned_words(tokenizer), **vectors}
        at = {**noise_gates(tokenizer), **dict.fromkeys(vectors, EVERYWHERE), **gates}
        parts[name] = _copied(tokenizer, _LearnedWords, learned_words=known, gates=at, embedding_directory=folders)
    tokenizer = copy.copy(clip.tokenizer)
    vars(tokenizer).update(parts)
    clip.tokenizer = tokenizer
    return clip


def _require_fit(token: InteractiveToken, widths: tuple[int, ...], family: Family | None) -> None:
    """Refuses a token of another family or for text encoders of other widths, and broken vectors."""
    token.require_usable()
    if token.family != "" and token.family != (family.name if family else ""):
        titles = {family.name: family.title for family in FAMILIES}
        raise InteractiveActionError(
            f"{token.trigger_word} was learned on {titles.get(token.family, token.family)}, and this CLIP is one of "
            f"{family.title if family else 'Stable Diffusion'}: its numbers mean other words there, even where they "
            "are as many. Load MODEL and CLIP of the family that the token was trained on."
        )
    if token.layers and family:
        raise InteractiveActionError(
            f"{token.trigger_word} is a layer-wise token of a U-Net, and {family.title} has joint attention, without "
            "layers that have words of their own. Train a plain token on it: with Train Interactive Token, or with "
            "Train ADI and layer-wise off."
        )
    if token.widths != widths:
        base_model = token.provenance.get("interactive_action.base_model")
        raise InteractiveActionError(
            f"{token.trigger_word} was learned for text encoders of width {_sum(token.widths)}, and this CLIP has "
            f"width {_sum(widths)}. Load the kind of checkpoint that the token was trained on"
            f"{f': {base_model}' if base_model else ''}."
        )


def learned_words(tokenizer: Any) -> dict[str, torch.Tensor]:
    """Returns trigger word -> vectors (n, d) or (L, n, d) that the tokenizer of one text encoder has learned."""
    return tokenizer.learned_words if isinstance(tokenizer, _LearnedWords) else {}


def noise_gates(tokenizer: Any) -> dict[str, NoiseGate]:
    """Returns trigger word -> the noise levels at which the tokenizer of one text encoder reads it."""
    return tokenizer.gates if isinstance(tokenizer, _LearnedWords) else {}


def _copied(tokenizer: Any, mixin: type, **attributes: Any) -> Any:
    """A copy of ``tokenizer`` with ``mixin`` and other attributes; the one that others hold stays as it is."""
    base: type = type(tokenizer)
    kind = base if isinstance(tokenizer, mixin) else with_mixin(base, mixin)
    copied: Any = object.__new__(kind)
    vars(copied).update(vars(tokenizer), **attributes)
    return copied


def _sum(widths: tuple[int, ...]) -> str:
    return " + ".join(map(str, widths))
