"""transformers' CLIP text encoders with the new word in their prompts, for ``DiffusersEngine``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange, repeat

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError


class TextEncoder:
    """A frozen CLIP text encoder and its tokenizer.

    Args:
        model: transformers' CLIPTextModel or CLIPTextModelWithProjection.
        tokenizer: transformers' CLIPTokenizer.
        penultimate: True: the hidden states are those of the last layer but one, without the final norm, as in SDXL;
            False: of the last one, normed (SD 2.x leaves a layer out of the model itself).
    """

    def __init__(self, model: Any, tokenizer: Any, penultimate: bool = False) -> None:
        self.model, self.tokenizer, self.penultimate = model, tokenizer, penultimate
        self.width: int = model.config.hidden_size
        self.window: int = model.config.max_position_embeddings

    @property
    def table(self) -> torch.Tensor:
        """The vocabulary's vectors (words, d)."""
        weight: torch.Tensor = self.model.get_input_embeddings().weight
        return weight

    def encode(
        self, prompts: Sequence[str], vectors: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Returns (hidden states (B, tokens, d), the pooled text (B, p), projected where it has a projection).

        Args:
            prompts: B texts.
            vectors: (n, d) that stand where the placeholder is written, to which gradients flow; of (L, n, d) come
                L * B rows, layer 0's first.

        Raises:
            InteractiveActionError: a prompt is longer than the window.
        """
        layers = 1 if vectors is None or vectors.ndim == 2 else len(vectors)
        learned = None if vectors is None else vectors.view(layers, -1, self.width)
        rows, places = zip(*(self._tokens(prompt, 0 if learned is None else learned.shape[1]) for prompt in prompts))
        ids = repeat(torch.tensor(rows, device=self.table.device), "b tokens -> (layers b) tokens", layers=layers)
        images, positions = torch.tensor(places, device=self.table.device).nonzero(as_tuple=True)

        def replace_placeholder(embedding: torch.nn.Module, inputs: Any, words: torch.Tensor) -> torch.Tensor:
            """Puts the vectors in their places, so that neither vocabulary nor its table need to grow."""
            assert learned is not None
            words = rearrange(words, "(layers b) tokens d -> layers b tokens d", b=len(prompts)).clone()
            words[:, images, positions] = learned.repeat(1, len(positions) // learned.shape[1], 1).to(words)
            return rearrange(words, "layers b tokens d -> (layers b) tokens d")

        embeddings = self.model.get_input_embeddings()
        hook = embeddings.register_forward_hook(replace_placeholder) if len(positions) else None
        try:
            output = self.model(input_ids=ids, output_hidden_states=self.penultimate)
        finally:
            if hook:
                hook.remove()
        hidden = output.hidden_states[-2] if self.penultimate else output.last_hidden_state
        return hidden, getattr(output, "text_embeds", getattr(output, "pooler_output", None))

    def word_vectors(self, words: str) -> torch.Tensor:
        """Returns the static vectors (k, d) of the k tokens of ``words``."""
        ids = self.tokenizer(words, add_special_tokens=False).input_ids
        return self.table[torch.tensor(ids, dtype=torch.long, device=self.table.device)].float().clone()

    def _tokens(self, prompt: str, count: int) -> tuple[list[int], list[bool]]:
        """(ids, True where one of the new word's ``count`` vectors stands), both as long as the encoder's window."""
        before, marker, after = prompt.partition(PLACEHOLDER) if count else (prompt, "", "")
        first, second = self.tokenizer([before, after], add_special_tokens=False).input_ids
        count = count if marker else 0
        padding = self.window - 2 - len(first) - count - len(second)
        if padding < 0:
            raise InteractiveActionError(f"The prompt {prompt!r} is longer than the text encoder's window. Shorten it.")
        start, end, pad = (getattr(self.tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad"))
        # the placeholder's ids are the start's, not the end's: where that stands the text is pooled
        ids = [start, *first, *[start] * count, *second, end, *[pad] * padding]
        place = 1 + len(first)
        return ids, [place <= index < place + count for index in range(self.window)]
