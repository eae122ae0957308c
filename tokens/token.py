"""The learned thing itself: a few vectors in a text encoder's vocabulary space, with where they came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from ..errors import InteractiveActionError
from .noise_gate import EVERYWHERE, NoiseGate

# The form of a saved token's word in any script: not <v*>, <lora:x:1>, </b> or "a <3 b > c". Of ASCII's signs it may
# hold '-', '.' and '_' alone. Vowel signs, as Hindi has, are no letters to \w.
TRIGGER_WORD = re.compile(r"<\w[^\s!-,/:-@\[-^`{-~]*>")
FAMILY = "interactive_action.family"  # keys of provenance
ENCODERS = "interactive_action.encoders"
ROW = "interactive_action.row"  # of each encoder, the tokens of a training prompt


@dataclass(frozen=True)
class InteractiveToken:
    """A few learned vectors that stand in a prompt where ``trigger_word`` is written.

    Args:
        name: the word without brackets, for example ``pick-up``; a saved token's is its file's name.
        vectors: float32 (n, d); d is the width of the text encoder's vocabulary table (768 for SD 1.x). A layer-wise
            token has others for each of the U-Net's L cross-attention layers: (L, n, d), in the order of
            ``models.protocol.Engine``.
        provenance: strings only; see ``tokens.token_file`` for the keys that are written.
        widths: of the text encoders it was learned for, whose sum is d: (768, 1280) for SDXL; (d,) by default.
        gate: the noise levels at which it acts.
    """

    name: str
    vectors: torch.Tensor
    provenance: dict[str, str] = field(default_factory=dict)
    widths: tuple[int, ...] = ()
    gate: NoiseGate = EVERYWHERE

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths) or (self.width,))

    @property
    def family(self) -> str:
        """The family of transformers it was learned on; "" of Stable Diffusion's, and where nobody wrote it down."""
        return self.provenance.get(FAMILY, "")

    @property
    def encoders(self) -> tuple[str, ...]:
        """ComfyUI's keys of the text encoders it was learned for, in the order of ``widths``; () where not said."""
        return tuple(filter(None, self.provenance.get(ENCODERS, "").split(",")))

    @property
    def trigger_word(self) -> str:
        """The word in prompts: the name in angle brackets."""
        return f"<{self.name}>"

    @property
    def width(self) -> int:
        """The d of the vectors."""
        return self.vectors.shape[-1]

    @property
    def layers(self) -> int | None:
        """The L of a layer-wise token, None of a plain one."""
        return len(self.vectors) if self.vectors.ndim == 3 else None

    def require_usable(self, subject: str | None = None) -> None:
        """Refuses vectors with which only black images could be generated.

        Args:
            subject: how the sentence calls the token; its trigger word by default.

        Raises:
            InteractiveActionError: there is no vector, or a number is NaN or infinite.
        """
        count = self.vectors.numel()
        if not count:
            raise InteractiveActionError(
                f"{subject or self.trigger_word} holds no vectors, so that it says nothing. Choose another token, or "
                f"train it again."
            )
        if broken := count - int(torch.isfinite(self.vectors).sum()):
            raise InteractiveActionError(
                f"{subject or self.trigger_word} cannot be used: {broken} of its {count} numbers are NaN or infinite, "
                f"because its training diverged. Train again with a lower learning rate, or take an earlier checkpoint."
            )


def unknown_words(text: str, known: Iterable[str]) -> list[str]:
    """Returns what has the form of a trigger word in ``text`` and is none of the ``known`` ones, each once."""
    for word in known:
        text = text.replace(word, " ")
    return list(dict.fromkeys(TRIGGER_WORD.findall(text)))
