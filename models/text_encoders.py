"""transformers' CLIP text encoders with v* among their words: what ``DiffusersEngine`` asks for its prompts."""

import torch

from ..captions.templates import PLACEHOLDER
from ..errors import InteractiveActionError


class TextEncoder:
    """A frozen CLIP text encoder and its tokenizer.

    model: transformers' CLIPTextModel or CLIPTextModelWithProjection. penultimate: its last layer but one speaks, without
    the final norm, as in SDXL; otherwise the last one, normed (SD 2.x leaves a layer out of the model itself).
    """

    def __init__(self, model, tokenizer, penultimate=False):
        self.model, self.tokenizer, self.penultimate = model, tokenizer, penultimate
        self.width = model.config.hidden_size
        self.window = model.config.max_position_embeddings

    @property
    def table(self):
        return self.model.get_input_embeddings().weight

    def encode(self, prompts, vectors=None):
        """(hidden states (B, tokens, d), the pooled text (B, p) or None) of B prompts.

        Where v* is written stand the ``vectors`` (n, d), to which gradients flow; of (L, n, d) come L * B answers, layer 0's first.
        """
        layers = 1 if vectors is None or vectors.ndim == 2 else len(vectors)
        spoken = None if vectors is None else vectors.view(layers, -1, self.width)
        rows, learned = zip(*(self._tokens(prompt, 0 if spoken is None else spoken.shape[1]) for prompt in prompts))
        ids = torch.tensor(rows, device=self.table.device).repeat(layers, 1)
        images, places = torch.tensor(learned, device=self.table.device).nonzero(as_tuple=True)

        def speak(embedding, arguments, words):
            """The vectors stand where v* is written, so that neither vocabulary nor its table need to grow."""
            words = words.unflatten(0, (-1, len(prompts))).clone()
            words[:, images, places] = spoken.repeat(1, len(places) // spoken.shape[1], 1).to(words)
            return words.flatten(0, 1)

        hook = self.model.get_input_embeddings().register_forward_hook(speak) if len(places) else None
        try:
            answer = self.model(input_ids=ids, output_hidden_states=self.penultimate)
        finally:
            if hook:
                hook.remove()
        return answer.hidden_states[-2] if self.penultimate else answer.last_hidden_state, getattr(
            answer, "text_embeds", None
        )

    def word_vectors(self, words):
        """The static vectors (k, d) of the k tokens of ``words``."""
        ids = self.tokenizer(words, add_special_tokens=False).input_ids
        return self.table[torch.tensor(ids, dtype=torch.long, device=self.table.device)].float().clone()

    def _tokens(self, prompt, count):
        """(ids, True where one of v*'s ``count`` vectors stands), both as long as the encoder's window."""
        before, marker, after = prompt.partition(PLACEHOLDER) if count else (prompt, "", "")
        first, second = self.tokenizer([before, after], add_special_tokens=False).input_ids
        count = count if marker else 0
        padding = self.window - 2 - len(first) - count - len(second)
        if padding < 0:
            raise InteractiveActionError(f"The prompt {prompt!r} is longer than the text encoder's window. Shorten it.")
        start, end, pad = (getattr(self.tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad"))
        ids = [
            start,
            *first,
            *[start] * count,
            *second,
            end,
            *[pad] * padding,
        ]  # not the end: where it stands the text is pooled
        place = 1 + len(first)
        return ids, [place <= index < place + count for index in range(self.window)]
