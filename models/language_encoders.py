"""transformers' T5 and Qwen3 with the new word in their prompts, for ``DiffusersTransformerEngine``."""

from __future__ import annotations

from typing import Any

import torch

from ..captions.templates import PLACEHOLDER


class LanguageEncoder:
    """A frozen language model that reads prompts, cut into tokens as ComfyUI cuts ``a embedding:name b``.

    To the tokenizer of a language model a space is part of the word behind it. What is read is therefore the text
    before the new word with its space, the vectors, and the text behind it without one.

    Args:
        model: transformers' T5EncoderModel or Qwen3Model.
        tokenizer: its tokenizer.
        template: what the prompt is written into.
        layer: of the hidden states that are given, -1 being the last, normed.
        minimum: tokens that a prompt is filled up to with the tokenizer's padding.
    """

    def __init__(self, model: Any, tokenizer: Any, template: str = "{}", layer: int = -1, minimum: int = 1) -> None:
        self.model, self.tokenizer, self.template, self.layer, self.minimum = model, tokenizer, template, layer, minimum
        self.width: int = model.get_input_embeddings().weight.shape[1]
        self._ends = bool(tokenizer("").input_ids)  # T5 closes each text with a token, Qwen3 none

    @property
    def table(self) -> torch.Tensor:
        """The vocabulary's vectors (words, d)."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight
        return weight

    def row(self, prompt: str, vectors: int = 0) -> list[int | None]:
        """Returns a prompt's tokens, None for each of the new word's ``vectors``."""
        before, marker, after = self.template.format(prompt).partition(PLACEHOLDER if vectors else "\0")
        if not marker:
            tokens: list[int | None] = [*self._ids(before)]
        else:
            spaced = before if not before or before[-1].isspace() else f"{before} "
            tokens = [*self._ids(spaced), *[None] * vectors, *self._ids(" ".join(after.split()))]
        if self._ends:
            tokens.append(self.tokenizer.eos_token_id)
        return tokens + [self.tokenizer.pad_token_id] * (self.minimum - len(tokens))

    def encode(self, prompt: str, vectors: torch.Tensor | None = None) -> torch.Tensor:
        """Returns hidden states (1, tokens, d) of a prompt.

        Args:
            prompt: a text.
            vectors: (n, d) that stand where the placeholder is written, to which gradients flow.
        """
        row = self.row(prompt, 0 if vectors is None else len(vectors))
        ids = torch.tensor([token or 0 for token in row], device=self.table.device)
        words = self.model.get_input_embeddings()(ids)
        if vectors is not None and None in row:
            place = row.index(None)
            words = torch.cat([words[:place], vectors.to(words), words[place + len(vectors) :]])
        output = self.model(inputs_embeds=words[None], output_hidden_states=self.layer != -1)
        hidden: torch.Tensor = output.last_hidden_state if self.layer == -1 else output.hidden_states[self.layer]
        return hidden

    def word_vectors(self, words: str) -> torch.Tensor:
        """Returns the static vectors (k, d) of the k tokens of ``words`` as they stand behind others."""
        ids = torch.tensor(self._ids(f" {words}" if words else ""), dtype=torch.long, device=self.table.device)
        return self.table[ids].float().clone()

    def _ids(self, text: str) -> list[int]:
        """Of a part of a prompt, without the token that closes it."""
        ids: list[int] = self.tokenizer(text).input_ids if text else []
        return ids[:-1] if self._ends and text else ids
